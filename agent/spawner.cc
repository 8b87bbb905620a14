#include "agent/spawner.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"

namespace voidbox {
namespace {

constexpr size_t kStackBytes = 64 << 10;
constexpr size_t kKernelSignalSetBytes = 8;
constexpr int kSignals = 64;
// What a shell returns for a command that it cannot run, and for one that there is not
// (POSIX.1-2017 XCU 2.8.2).
constexpr int kCannotRun = 126;
constexpr int kNotFound = 127;

enum class Step : uint8_t { kNone, kWorkingDirectory, kProgram };

// What the child works with, and where it leaves why it failed. It shares our memory.
struct Plan {
  const Spawner::Place& place;
  const std::vector<int>& ignored_signals;
  const std::vector<Spawner::ResourceLimit>& limits;
  const Command& command;
  std::vector<char*> shell_arguments;  // "/bin/sh", then the command's own, then null
  std::vector<char*> environment;      // then null
  Step failed_step = Step::kNone;
  int error = 0;
};

// The kernel's struct sigaction (x86-64), whose default is SIG_DFL.
struct KernelSignalAction {
  uint64_t handler = 0;
  uint64_t flags = 0;
  uint64_t restorer = 0;
  uint64_t mask = 0;
};
constexpr uint64_t kIgnored = 1;  // SIG_IGN

// The functions of the child run on a foreign stack in the memory of a thread that stands still, so
// they do without sanitizers, locks and allocation, and call the kernel without the C library's
// wrappers, some of which keep state.

// Tries one path; returns only with an error.
[[gnu::no_sanitize_address, gnu::no_sanitize_thread, gnu::no_sanitize_undefined]] int Execute(
    Plan& plan, char* path) {
  char** const arguments = plan.shell_arguments.data();
  // Looked at first, since a failing execve(2) has copied all arguments before it opens the file.
  struct stat info;
  if (::syscall(SYS_newfstatat, AT_FDCWD, path, &info, 0) != 0) return errno;
  ::syscall(SYS_execve, path, arguments + 1, plan.environment.data());
  if (errno != ENOEXEC) return errno;
  // A script without an interpreter line, as execvp(3) does it.
  char* const name = std::exchange(arguments[1], path);
  ::syscall(SYS_execve, arguments[0], arguments, plan.environment.data());
  arguments[1] = name;
  return errno;
}

// Looks the program up as execvp(3) does; returns only with an error.
[[gnu::no_sanitize_address, gnu::no_sanitize_thread, gnu::no_sanitize_undefined]] int ExecuteByName(
    Plan& plan) {
  char* const name = plan.shell_arguments[1];
  const size_t name_size = plan.command.arguments[0].size();
  bool has_slash = false;
  for (size_t i = 0; i < name_size; ++i) has_slash |= name[i] == '/';
  if (has_slash) return Execute(plan, name);
  const char* const path = plan.command.path.data();
  const size_t path_size = plan.command.path.size();
  int error = ENOENT;
  char candidate[PATH_MAX];
  for (size_t begin = 0; begin <= path_size;) {
    size_t end = begin;
    while (end < path_size && path[end] != ':') ++end;
    const size_t size = end - begin;
    if (size + name_size + 2 <= sizeof(candidate)) {
      size_t at = 0;
      for (size_t i = begin; i < end; ++i) candidate[at++] = path[i];
      if (size != 0) candidate[at++] = '/';  // an empty element is the working directory
      for (size_t i = 0; i <= name_size; ++i) candidate[at++] = name[i];
      const int failed = Execute(plan, candidate);
      if (failed == EACCES) {
        error = EACCES;  // reported unless a later directory has it
      } else if (failed != ENOENT && failed != ENOTDIR) {
        return failed;
      }
    }
    begin = end + 1;
  }
  return error;
}

[[gnu::no_sanitize_address, gnu::no_sanitize_thread, gnu::no_sanitize_undefined, noreturn]] void
RunChild(void* argument) {
  Plan& plan = *static_cast<Plan*>(argument);
  ::syscall(SYS_setsid);
  const KernelSignalAction by_default;
  for (const int signal : plan.ignored_signals) {
    ::syscall(SYS_rt_sigaction, signal, &by_default, nullptr, kKernelSignalSetBytes);
  }
  const uint64_t no_signals = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, nullptr, kKernelSignalSetBytes);
  ::syscall(SYS_dup3, plan.place.input, STDIN_FILENO, 0);
  ::syscall(SYS_dup3, plan.place.output, STDOUT_FILENO, 0);
  ::syscall(SYS_dup3, plan.place.error, STDERR_FILENO, 0);
  // Where the kernel does not know it (before 5.9), O_CLOEXEC on all of ours does the same.
  ::syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, 0);
  ::syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  for (const Spawner::ResourceLimit& limit : plan.limits) {
    ::syscall(SYS_prlimit64, 0, limit.resource, &limit.value, nullptr);
  }
  if (::syscall(SYS_chdir, plan.command.working_directory.c_str()) != 0) {
    plan.failed_step = Step::kWorkingDirectory;
    plan.error = errno;
  } else {
    const int error = ExecuteByName(plan);
    plan.failed_step = Step::kProgram;
    plan.error = error;
  }
  for (;;) ::syscall(SYS_exit, kNotFound);
}

// clone3(2) whose child runs RunChild on a stack of its own. A wrapper in C could not: the child
// must not return into a frame that the parent still needs.
int CloneChild(clone_args& arguments, Plan& plan) {
#if defined(__x86_64__)
  long result = SYS_clone3;
  asm volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"
      "mov %[plan], %%rdi\n\t"
      "call *%[child]\n\t"
      "ud2\n"
      "1:"
      : "+a"(result)
      : "D"(&arguments), "S"(sizeof(arguments)), [plan] "r"(&plan), [child] "r"(&RunChild)
      : "rcx", "r11", "memory", "cc");
  return static_cast<int>(result);
#else
#error "CloneChild has not been written for this architecture"
#endif
}

std::vector<char*> Pointers(const std::vector<std::string>& strings, size_t room_in_front) {
  std::vector<char*> pointers(room_in_front);
  pointers.reserve(room_in_front + strings.size() + 1);
  // execve(2) takes pointers to char for historical reasons and writes nothing.
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

Spawner::NotStarted Explain(const Plan& plan) {
  const Command& command = plan.command;
  if (plan.failed_step == Step::kWorkingDirectory) {
    return {kCannotRun,
            std::string(ErrnoStatus(absl::StrCat("working directory ", command.working_directory),
                                    plan.error)
                            .message())};
  }
  const std::string& name = command.arguments[0];
  if (plan.error == ENOENT && name.find('/') == std::string::npos) {
    return {kNotFound, absl::StrCat(name, ": not found in PATH=", command.path)};
  }
  return {plan.error == ENOENT || plan.error == ENOTDIR ? kNotFound : kCannotRun,
          std::string(ErrnoStatus(name, plan.error).message())};
}

}  // namespace

Spawner::Spawner(std::vector<ResourceLimit> limits)
    : limits_(std::move(limits)), stack_(new char[kStackBytes]) {
  for (int signal = 1; signal <= kSignals; ++signal) {
    // sigaction(2) of the C library hides its own signals 32 and 33, which may be inherited too.
    KernelSignalAction action;
    if (::syscall(SYS_rt_sigaction, signal, nullptr, &action, kKernelSignalSetBytes) == 0 &&
        action.handler == kIgnored) {
      ignored_signals_.push_back(signal);
    }
  }
}

absl::StatusOr<std::variant<pid_t, Spawner::NotStarted>> Spawner::Start(const Command& command,
                                                                        const Place& place) {
  static char shell[] = "/bin/sh";
  Plan plan = {.place = place,
               .ignored_signals = ignored_signals_,
               .limits = limits_,
               .command = command,
               .shell_arguments = Pointers(command.arguments, 1),
               .environment = Pointers(command.environment, 0)};
  plan.shell_arguments[0] = shell;
  // CLONE_VFORK: this thread goes on when the child has its program or is gone. Handlers are
  // cleared, so that none of ours can run in the child.
  clone_args arguments = {.flags = CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND,
                          .exit_signal = SIGCHLD,
                          .stack = reinterpret_cast<uintptr_t>(stack_.get()),
                          .stack_size = kStackBytes};
  if (place.cgroup >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<uint64_t>(place.cgroup);
  }
  const int pid = CloneChild(arguments, plan);
  if (pid < 0) return ErrnoStatus("clone3", -pid);
  if (plan.failed_step == Step::kNone) return pid;
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return Explain(plan);
}

}  // namespace voidbox
