#include "agent/spawner.h"

#include <linux/futex.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "agent/program_interpreter.h"
#include "agent/seccomp/jail_filter.h"
#include "base/errno_status.h"

namespace voidbox {
namespace {

constexpr size_t kStackBytes = 64 << 10;
constexpr int kSignals = 64;
// What a shell returns for a command that it cannot run, and for one that there is not
// (POSIX.1-2017 XCU 2.8.2).
constexpr int kCannotRun = 126;
constexpr int kNotFound = 127;
// Between two looks at a child that takes long.
constexpr timespec kLook = {.tv_sec = 0, .tv_nsec = 20'000'000};

// The kernel's struct sigaction (x86-64), as far as it matters.
struct KernelSignalAction {
  uint64_t handler = 0;
  uint64_t rest[3] = {};
};
constexpr uint64_t kIgnored = 1;  // SIG_IGN
constexpr size_t kKernelSignalSetBytes = 8;

// clone3(2) whose child runs RunChild on a stack of its own. A wrapper in C could not: the child
// must not return into a frame that the parent still needs.
int CloneChild(clone_args& arguments, ChildPlan& plan) {
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

bool HasEnded(pid_t pid) {
  siginfo_t info = {};
  return SystemCall(SYS_waitid, P_PID, pid, reinterpret_cast<long>(&info),
                    WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == pid;
}

// Waits until the child no longer uses our memory, when the kernel clears `in_use`. False when it
// had to be killed. It is not vfork(2) that waits here, for ever if somebody stops the child.
bool AwaitRelease(pid_t pid, std::atomic<int>& in_use) {
  const auto looks_at_most = Spawner::kPatience / absl::DurationFromTimespec(kLook);
  bool patient = true;
  for (int64_t looks = 0; in_use.load(std::memory_order_acquire) != 0;) {
    if (SystemCall(SYS_futex, reinterpret_cast<long>(&in_use), FUTEX_WAIT, 1,
                   reinterpret_cast<long>(&kLook)) != -ETIMEDOUT) {
      continue;
    }
    if (HasEnded(pid)) break;
    SystemCall(SYS_kill, pid, SIGCONT);
    if (++looks < looks_at_most) continue;
    patient = false;
    SystemCall(SYS_kill, pid, SIGKILL);
  }
  return patient;
}

std::vector<char*> Pointers(const std::vector<std::string>& strings, size_t room_in_front) {
  std::vector<char*> pointers(room_in_front);
  pointers.reserve(room_in_front + strings.size() + 1);
  // execve(2) takes pointers to char for historical reasons and writes nothing.
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

ChildPlan MakePlan(const Command& command, const Spawner::Place& place) {
  static char shell[] = "/bin/sh";
  const bool jailed = !command.jail.empty();
  ChildPlan plan = {.input = place.input,
                    .output = place.output,
                    .error = place.error,
                    .controls_terminal = place.controls_terminal,
                    .ignored_signals = {},
                    .limits = {},
                    .root = jailed ? command.jail.c_str() : nullptr,
                    .changes_user = command.account.has_value(),
                    .uid = command.account ? command.account->uid : 0,
                    .gid = command.account ? command.account->gid : 0,
                    .drops_all_capabilities = jailed,
                    .working_directories = {command.working_directory.c_str(), nullptr, nullptr},
                    .allowed_directories = command.allowed_directories,
                    .filter = jailed ? JailFilter() : std::span<const uint64_t>(),
                    .path = &command.path,
                    .name_size = command.arguments[0].size(),
                    .shell_arguments = Pointers(command.arguments, 1),
                    .environment = Pointers(command.environment, 0)};
  plan.shell_arguments[0] = shell;
  // What the groups open to a user lies outside of the jail.
  if (command.account && !jailed) plan.groups = command.account->groups;
  if (command.working_directory.empty()) {
    plan.working_directories[0] = command.home.c_str();
    plan.working_directories[1] = "/";
  }
  return plan;
}

Spawner::NotStarted Failed(int exit_code, absl::string_view what, int error) {
  return {exit_code, std::string(ErrnoStatus(what, error).message())};
}

// What an error about a file means when that file is not the program.
Spawner::NotStarted ExplainInterpreter(absl::string_view name, const ChildPlan& plan) {
  const absl::string_view head(plan.head.data(), plan.head_size);
  absl::string_view interpreter = InterpreterOf(head);
  const int error = plan.error_number;
  if (plan.shell_failed) {
    return Failed(kCannotRun, absl::StrCat(name, ": names no interpreter, and /bin/sh"), error);
  }
  if (interpreter.empty())
    return Failed(kCannotRun, absl::StrCat(name, ": its interpreter"), error);
  const bool has_return = absl::ConsumeSuffix(&interpreter, "\r");
  return Failed(
      kCannotRun,
      absl::StrCat(name, ": its interpreter ", interpreter,
                   has_return ? " (a carriage return is behind it, as Windows ends lines)" : ""),
      error);
}

Spawner::NotStarted ExplainProgram(const Command& command, const ChildPlan& plan) {
  const int error = plan.error_number;
  const std::string where = command.jail.empty() ? "" : absl::StrCat(" in the jail ", command.jail);
  const std::string& name = command.arguments[0];
  // The program was found: what is missing is something else.
  if (plan.shell_failed ||
      (plan.program_is_there && (error == ENOENT || error == ENOTDIR || error == ELOOP))) {
    return ExplainInterpreter(absl::StrCat(name, where), plan);
  }
  if (error == ENOENT && name.find('/') == std::string::npos) {
    return {kNotFound, absl::StrCat(name, ": not found in PATH=", command.path, where)};
  }
  return Failed(error == ENOENT || error == ENOTDIR ? kNotFound : kCannotRun,
                absl::StrCat(name, where), error);
}

Spawner::NotStarted Explain(const Command& command, const ChildPlan& plan) {
  const int error = plan.error_number;
  switch (plan.failed_step) {
    case ChildPlan::Step::kTerminal:
      return Failed(kCannotRun, "terminal", error);
    case ChildPlan::Step::kJail:
      return Failed(kCannotRun, absl::StrCat("jail ", command.jail), error);
    case ChildPlan::Step::kUser:
      return Failed(kCannotRun, absl::StrCat("user ", plan.uid, ":", plan.gid), error);
    case ChildPlan::Step::kWorkingDirectory:
      return Failed(kCannotRun,
                    absl::StrCat("working directory ", command.working_directory.empty()
                                                           ? command.home
                                                           : command.working_directory),
                    error);
    case ChildPlan::Step::kFilter:
      return Failed(kCannotRun, "seccomp filter", error);
    case ChildPlan::Step::kNone:
    case ChildPlan::Step::kProgram:
      break;
  }
  return ExplainProgram(command, plan);
}

}  // namespace

Spawner::Spawner(std::vector<ResourceLimit> limits)
    : limits_(std::move(limits)),
      stack_(new char[kStackBytes]),
      head_(new char[kProgramHeadBytes]) {
  for (int signal = 1; signal <= kSignals; ++signal) {
    // sigaction(2) of the C library hides its own signals 32 and 33, which may be inherited too.
    KernelSignalAction action;
    if (::syscall(SYS_rt_sigaction, signal, nullptr, &action, kKernelSignalSetBytes) == 0 &&
        action.handler == kIgnored) {
      ignored_signals_.push_back(signal);
    }
  }
}

std::vector<ResourceLimit> Spawner::LimitsOf(const Command& command, const Place& place) const {
  std::vector<ResourceLimit> limits = limits_;
  auto add = [&](__rlimit_resource resource, uint64_t value) {
    if (value != 0) limits.push_back({resource, {.rlim_cur = value, .rlim_max = value}});
  };
  add(RLIMIT_FSIZE, command.limits.file_bytes);
  add(RLIMIT_NOFILE, command.limits.open_files);
  // It counts all processes of the user: only where no cgroup counts those of the command.
  if (place.cgroup < 0) add(RLIMIT_NPROC, command.limits.processes);
  return limits;
}

absl::StatusOr<std::variant<pid_t, Spawner::NotStarted>> Spawner::Start(const Command& command,
                                                                        const Place& place) {
  const std::vector<ResourceLimit> limits = LimitsOf(command, place);
  ChildPlan plan = MakePlan(command, place);
  plan.ignored_signals = ignored_signals_;
  plan.limits = limits;
  plan.head = {head_.get(), kProgramHeadBytes};
  std::atomic<int> in_use = 1;
  // Handlers are cleared, so that none of ours can run in the child.
  clone_args arguments = {.flags = CLONE_VM | CLONE_CLEAR_SIGHAND | CLONE_CHILD_CLEARTID,
                          .child_tid = reinterpret_cast<uintptr_t>(&in_use),
                          .exit_signal = SIGCHLD,
                          .stack = reinterpret_cast<uintptr_t>(stack_.get()),
                          .stack_size = kStackBytes};
  if (place.cgroup >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<uint64_t>(place.cgroup);
  }
  const int pid = CloneChild(arguments, plan);
  if (pid == -EAGAIN || pid == -ENOMEM) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no process can be started now: ", ErrnoStatus("clone3", -pid).message()));
  }
  if (pid < 0) return ErrnoStatus("clone3", -pid);
  const bool released = AwaitRelease(pid, in_use);
  if (released && plan.failed_step == ChildPlan::Step::kNone) return pid;
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (plan.failed_step != ChildPlan::Step::kNone) return Explain(command, plan);
  return NotStarted{
      kCannotRun, absl::StrCat(command.arguments[0], ": killed, as it had not started ", "within ",
                               absl::FormatDuration(kPatience))};
}

}  // namespace voidbox
