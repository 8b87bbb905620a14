#include "agent/files/worker_sandbox.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "agent/files/workspace_path.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/status_macros.h"
#include "base/tar/relative_path.h"

namespace voidbox {
namespace {

constexpr uid_t kUser = 1000;
constexpr gid_t kGroup = 1000;
// Of what it allocates: buffers, libarchive, and the paths of a large tree (TarLimits).
constexpr rlim_t kDataBytes = 384 << 20;
// Two for each level of two trees that are merged, and some.
constexpr rlim_t kDescriptors = 4 * kMaxDepth + 64;

absl::Status Limit(__rlimit_resource resource, rlim_t most) {
  const rlimit limit = {.rlim_cur = most, .rlim_max = most};
  return ::setrlimit(resource, &limit) == 0 ? absl::OkStatus() : ErrnoStatus("setrlimit");
}

absl::Status ChangeUser() {
  if (::setgroups(0, nullptr) != 0) return ErrnoStatus("setgroups");
  if (::setresgid(kGroup, kGroup, kGroup) != 0) return ErrnoStatus("setresgid");
  // Also the end of the capabilities (capabilities(7)), and of what other processes of that user
  // may do to this one's memory (prctl(2), PR_SET_DUMPABLE).
  if (::setresuid(kUser, kUser, kUser) != 0) return ErrnoStatus("setresuid");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ErrnoStatus("no_new_privs");
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return ErrnoStatus("PR_SET_DUMPABLE");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UniqueFd> EnterWorkspace(const std::string& workspace) {
  // PID 1's own protection from the OOM killer is not for others. Where there is no /proc, nobody
  // has set it.
  const UniqueFd score(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  if (score) static_cast<void>(WriteAll(score.get(), "0"));
  RETURN_IF_ERROR(Limit(RLIMIT_CORE, 0));
  RETURN_IF_ERROR(Limit(RLIMIT_NPROC, 0));
  RETURN_IF_ERROR(Limit(RLIMIT_DATA, kDataBytes));
  RETURN_IF_ERROR(Limit(RLIMIT_NOFILE, kDescriptors));
  if (::chroot(workspace.c_str()) != 0 || ::chdir("/") != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        ErrnoStatus(workspace).message(), ": the image needs a home directory of uid 1000 there"));
  }
  RETURN_IF_ERROR(ChangeUser());
  ::umask(0);
  UniqueFd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return ErrnoStatus(workspace);
  return root;
}

}  // namespace voidbox
