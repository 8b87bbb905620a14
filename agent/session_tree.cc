#include "agent/session_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/io.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

// True when the process is in `session` and not yet a zombie. proc(5), /proc/pid/stat.
bool LivesInSession(pid_t pid, pid_t session) {
  const UniqueFd fd(::open(absl::StrCat("/proc/", pid, "/stat").c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return false;
  std::array<char, 1024> text;
  const auto size = ReadUpTo(fd.get(), text.data(), text.size());
  if (!size.ok()) return false;
  const absl::string_view stat(text.data(), *size);
  // The name, in parentheses, may contain anything.
  const size_t name_end = stat.rfind(')');
  if (name_end == absl::string_view::npos) return false;
  const std::vector<absl::string_view> fields =
      absl::StrSplit(stat.substr(name_end + 1), ' ', absl::SkipEmpty());
  constexpr size_t kState = 0, kSession = 3;  // fields 3 and 6 of proc(5)
  pid_t its_session;
  return fields.size() > kSession && absl::SimpleAtoi(fields[kSession], &its_session) &&
         its_session == session && fields[kState] != "Z" && fields[kState] != "X";
}

std::vector<pid_t> LivingMembers(pid_t session) {
  std::vector<pid_t> members;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir("/proc"), ::closedir);
  if (directory == nullptr) return members;
  while (const dirent* entry = ::readdir(directory.get())) {
    pid_t pid;
    if (absl::SimpleAtoi(entry->d_name, &pid) && LivesInSession(pid, session)) {
      members.push_back(pid);
    }
  }
  return members;
}

class SessionTree final : public ProcessTree {
 public:
  explicit SessionTree(EventLoop& loop) : loop_(loop) {}
  ~SessionTree() override { Kill(); }

  int cgroup() const override { return -1; }
  void OnStarted(pid_t pid) override { session_ = pid; }

  void Kill() override {
    killed_ = true;
    Scan();
  }

  bool Gone() override { return Scan(); }

  absl::Status WatchGone(GoneHint hint) override {
    hint_ = std::move(hint);
    Scan();
    return absl::OkStatus();
  }

  bool MayBeLeft() const override { return true; }

  uint32_t Processes() const override {
    return session_ == 0 ? 0 : static_cast<uint32_t>(LivingMembers(session_).size());
  }

  bool KilledForMemory() override { return false; }  // cannot be told

 private:
  struct Member {
    UniqueFd process;  // pidfd
    EventLoop::Watch watch;
  };

  // Kills the members if Kill was called, watches those that are new, and says whether there are
  // none. A member that starts another one after the scan is watched, so its end leads to the next.
  bool Scan() {
    if (session_ == 0) return true;
    const std::vector<pid_t> pids = LivingMembers(session_);
    for (const pid_t pid : pids) {
      Member& member = members_[pid];
      if (!member.process) {
        member.process.Reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
      }
      if (killed_) ::syscall(SYS_pidfd_send_signal, member.process.get(), SIGKILL, nullptr, 0);
      if (member.watch || !hint_) continue;
      auto watch = loop_.Add(member.process.get(), EPOLLIN, [this, pid](uint32_t) {
        members_.erase(pid);
        const GoneHint hint = hint_;  // which may end this
        hint();
      });
      if (watch.ok()) member.watch = *std::move(watch);
    }
    return pids.empty();
  }

  EventLoop& loop_;
  pid_t session_ = 0;
  bool killed_ = false;
  GoneHint hint_;
  std::map<pid_t, Member> members_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ProcessTree>> SessionTrees::Create(const TreeOptions& options) {
  const ExecLimits& limits = options.limits;
  if (limits.memory_bytes != 0 || limits.cpu_millis != 0) {
    return absl::UnimplementedError(
        "limits: commands run without cgroups here, so that neither memory nor processors can be "
        "limited");
  }
  return std::make_unique<SessionTree>(loop_);
}

}  // namespace voidbox
