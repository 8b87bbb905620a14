#include "agent/kernel_modules.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

constexpr size_t kMaxListBytes = 1 << 20;

absl::Status Insert(const std::string& path, const InsertModule& insert) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return ErrnoStatus("open");
  return insert(file.get());
}

}  // namespace

absl::Status InsertKernelModule(int file) {
  if (::syscall(SYS_finit_module, file, "", 0) != 0 && errno != EEXIST) {
    return ErrnoStatus("finit_module");
  }
  return absl::OkStatus();
}

absl::StatusOr<int> LoadKernelModules(const std::string& list, const InsertModule& insert) {
  const absl::StatusOr<std::string> paths = ReadFile(list, kMaxListBytes);
  if (absl::IsNotFound(paths.status())) return 0;
  RETURN_IF_ERROR(paths.status());
  int inserted = 0;
  for (const absl::string_view path : absl::StrSplit(*paths, '\n', absl::SkipEmpty())) {
    const absl::Status status = Insert(std::string(path), insert);
    if (status.ok()) {
      ++inserted;
    } else {
      LogWarning("kernel module ", path, ": ", status.message());
    }
  }
  return inserted;
}

}  // namespace voidbox
