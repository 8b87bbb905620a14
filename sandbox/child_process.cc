#include "sandbox/child_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

// Above every number that a caller names as a target.
constexpr int kFirstSpareDescriptor = 64;

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// Copies of the sources, so that no target overwrites a source that is still to be copied.
absl::StatusOr<std::vector<UniqueFd>> MoveAside(
    const std::vector<SpawnOptions::Descriptor>& descriptors) {
  std::vector<UniqueFd> copies;
  for (const auto& descriptor : descriptors) {
    UniqueFd copy(::fcntl(descriptor.source, F_DUPFD_CLOEXEC, kFirstSpareDescriptor));
    if (!copy) return ErrnoStatus(absl::StrCat("descriptor ", descriptor.source));
    copies.push_back(std::move(copy));
  }
  return copies;
}

class SpawnAttributes {
 public:
  SpawnAttributes() {
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawn_file_actions_init(&actions_);
  }
  ~SpawnAttributes() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;

  posix_spawnattr_t* attributes() { return &attributes_; }
  posix_spawn_file_actions_t* actions() { return &actions_; }

 private:
  posix_spawnattr_t attributes_;
  posix_spawn_file_actions_t actions_;
};

// Closes what the child is not to have. Comes after the copies were put in their places.
void CloseOthers(const SpawnOptions& options, posix_spawn_file_actions_t* actions) {
  std::set<int> kept;
  for (const auto& descriptor : options.descriptors) kept.insert(descriptor.target);
  int next = STDERR_FILENO + 1;
  for (const int target : kept) {
    // glibc closes descriptors that are not open without an error.
    while (next < target) ::posix_spawn_file_actions_addclose(actions, next++);
    next = std::max(next, target + 1);
  }
  ::posix_spawn_file_actions_addclosefrom_np(actions, next);
}

int PosixSpawn(const SpawnOptions& options, const std::vector<UniqueFd>& copies, char* const* argv,
               char* const* envp, pid_t& pid) {
  SpawnAttributes spawn;
  sigset_t none, all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(spawn.attributes(), &none);
  ::posix_spawnattr_setsigdefault(spawn.attributes(), &all);
  int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  if (options.new_session) flags |= POSIX_SPAWN_SETSID;
  ::posix_spawnattr_setflags(spawn.attributes(), static_cast<short>(flags));
  for (size_t i = 0; i < copies.size(); ++i) {
    ::posix_spawn_file_actions_adddup2(spawn.actions(), copies[i].get(),
                                       options.descriptors[i].target);
  }
  CloseOthers(options, spawn.actions());
  if (!options.directory.empty()) {
    ::posix_spawn_file_actions_addchdir_np(spawn.actions(), options.directory.c_str());
  }
  return ::posix_spawn(&pid, argv[0], spawn.actions(), spawn.attributes(), argv, envp);
}

// posix_spawn cannot set the parent-death signal. Only async-signal-safe calls between fork and
// exec; the error comes back through a pipe that exec closes.
int ForkAndExec(const SpawnOptions& options, const std::vector<UniqueFd>& copies, char* const* argv,
                char* const* envp, pid_t& pid) {
  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0) return errno;
  UniqueFd report_read(report[0]), report_write(report[1]);
  const pid_t parent = ::getpid();
  pid = ::fork();
  if (pid < 0) return errno;
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);  // it died before the line above
    for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (options.new_session) ::setsid();
    // Those that are put in their places below stay open.
    bool ready = ::close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) == 0;
    if (!options.directory.empty()) ready = ready && ::chdir(options.directory.c_str()) == 0;
    for (size_t i = 0; i < copies.size(); ++i) {
      ready = ready && ::dup2(copies[i].get(), options.descriptors[i].target) >= 0;
    }
    if (ready) ::execve(argv[0], argv, envp);
    const int error = errno;
    [[maybe_unused]] const ssize_t written = ::write(report_write.get(), &error, sizeof(error));
    ::_exit(127);
  }
  report_write.Reset();
  int error = 0;
  ssize_t got;
  do {
    got = ::read(report_read.get(), &error, sizeof(error));
  } while (got < 0 && errno == EINTR);
  if (got != sizeof(error)) return 0;
  ::waitpid(pid, nullptr, 0);
  return error;
}

}  // namespace

absl::StatusOr<ChildProcess> ChildProcess::Spawn(const SpawnOptions& options) {
  if (options.argv.empty()) return absl::InvalidArgumentError("no program to start");
  ASSIGN_OR_RETURN(const std::vector<UniqueFd> copies, MoveAside(options.descriptors));
  const std::vector<char*> argv = Pointers(options.argv);
  std::vector<char*> environment;
  if (options.environment.has_value()) environment = Pointers(*options.environment);
  char* const* envp = options.environment.has_value() ? environment.data() : ::environ;

  ChildProcess child;
  pid_t pid = -1;
  const int error = options.die_with_parent ? ForkAndExec(options, copies, argv.data(), envp, pid)
                                            : PosixSpawn(options, copies, argv.data(), envp, pid);
  if (error != 0) return ErrnoStatus(absl::StrCat("cannot start ", options.argv[0]), error);
  child.pid_ = pid;
  child.pidfd_.Reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!child.pidfd_) return ErrnoStatus("pidfd_open");
  return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept { *this = std::move(other); }

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this == &other) return *this;
  End();
  pid_ = std::exchange(other.pid_, -1);
  pidfd_ = std::move(other.pidfd_);
  return *this;
}

void ChildProcess::Signal(int signal) {
  // It is not reaped yet, so the number cannot belong to another process.
  if (pid_ > 0) ::kill(pid_, signal);
}

absl::StatusOr<int> ChildProcess::Wait() {
  if (pid_ <= 0) return absl::FailedPreconditionError("the child was waited for before");
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0) {
    if (errno != EINTR) return ErrnoStatus("waitpid");
  }
  pid_ = -1;
  return status;
}

void ChildProcess::Release() {
  pid_ = -1;
  pidfd_.Reset();
}

void ChildProcess::End() {
  if (pid_ <= 0) return;
  Signal(SIGKILL);
  static_cast<void>(Wait());
}

std::string DescribeWaitStatus(int status) {
  if (WIFEXITED(status)) return absl::StrCat("exit status ", WEXITSTATUS(status));
  return absl::StrCat("signal ", WTERMSIG(status), " (", ::strsignal(WTERMSIG(status)), ")");
}

}  // namespace voidbox
