#include "agent/spawned_child.h"

#include <elf.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <utility>

// The child runs on a stack of its own in the memory of a thread that waits for it: so all here
// does without sanitizers, locks, allocation and the C library's wrappers, some of which keep
// state.

namespace voidbox {
namespace {

constexpr size_t kKernelSignalSetBytes = 8;
constexpr int kExitStatus = 127;  // of a child that failed; nobody sees it

// The kernel's struct sigaction (x86-64), whose default is SIG_DFL.
struct KernelSignalAction {
  uint64_t handler = 0;
  uint64_t flags = 0;
  uint64_t restorer = 0;
  uint64_t mask = 0;
};

long Address(const void* pointer) { return reinterpret_cast<long>(pointer); }

// The program's first bytes, which may say why it cannot be run.
void ReadHead(ChildPlan& plan, const char* path) {
  plan.head_size = 0;
  // It may have become a pipe meanwhile, which must not hold us up.
  const long file = SystemCall(SYS_openat, AT_FDCWD, Address(path), O_RDONLY | O_NONBLOCK);
  if (file < 0) return;
  const long size =
      SystemCall(SYS_read, file, Address(plan.head.data()), static_cast<long>(plan.head.size()));
  if (size > 0) plan.head_size = static_cast<size_t>(size);
  SystemCall(SYS_close, file);
}

// Of another kind of processor, or damaged: no script for a shell in any case.
bool IsElf(const ChildPlan& plan) {
  return plan.head_size >= SELFMAG && plan.head[EI_MAG0] == ELFMAG0 &&
         plan.head[EI_MAG1] == ELFMAG1 && plan.head[EI_MAG2] == ELFMAG2 &&
         plan.head[EI_MAG3] == ELFMAG3;
}

// Tries one path; returns only with an error.
int Execute(ChildPlan& plan, char* path) {
  char** const arguments = plan.shell_arguments.data();
  const long environment = Address(plan.environment.data());
  // Looked at first, since a failing execve(2) has copied all arguments before it opens the file.
  struct stat info;
  const long found = SystemCall(SYS_newfstatat, AT_FDCWD, Address(path), Address(&info));
  if (found < 0) return static_cast<int>(-found);
  const long error = SystemCall(SYS_execve, Address(path), Address(arguments + 1), environment);
  plan.program_is_there = true;
  ReadHead(plan, path);
  if (error != -ENOEXEC || IsElf(plan)) return static_cast<int>(-error);
  // A script without an interpreter line, as execvp(3) does it.
  char* const name = std::exchange(arguments[1], path);
  const long shell_error =
      SystemCall(SYS_execve, Address(arguments[0]), Address(arguments), environment);
  arguments[1] = name;
  plan.shell_failed = true;
  return static_cast<int>(-shell_error);
}

// Looks the program up as execvp(3) does; returns only with an error.
int ExecuteByName(ChildPlan& plan) {
  char* const name = plan.shell_arguments[1];
  const size_t name_size = plan.name_size;
  bool has_slash = false;
  for (size_t i = 0; i < name_size; ++i) has_slash |= name[i] == '/';
  if (has_slash) return Execute(plan, name);
  const char* const path = plan.path->data();
  const size_t path_size = plan.path->size();
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
      } else if (plan.program_is_there && error == ENOENT) {
        error = failed;  // of its interpreter
      }
    }
    begin = end + 1;
  }
  return error;
}

void ResetSignals(const ChildPlan& plan) {
  const KernelSignalAction by_default;
  for (const int signal : plan.ignored_signals) {
    SystemCall(SYS_rt_sigaction, signal, Address(&by_default), 0, kKernelSignalSetBytes);
  }
  const uint64_t no_signals = 0;
  SystemCall(SYS_rt_sigprocmask, SIG_SETMASK, Address(&no_signals), 0, kKernelSignalSetBytes);
}

void SetDescriptors(const ChildPlan& plan) {
  SystemCall(SYS_dup3, plan.input, STDIN_FILENO);
  SystemCall(SYS_dup3, plan.output, STDOUT_FILENO);
  SystemCall(SYS_dup3, plan.error, STDERR_FILENO);
  // Where the kernel does not know it (before 5.9), O_CLOEXEC on all of ours does the same.
  SystemCall(SYS_close_range, STDERR_FILENO + 1, ~0u, 0);
}

// These return 0 or -errno, and nothing goes on after an error.

long EnterRoot(const ChildPlan& plan) {
  if (plan.root == nullptr) return 0;
  if (const long error = SystemCall(SYS_chroot, Address(plan.root)); error < 0) return error;
  // What "." was would lead out.
  return SystemCall(SYS_chdir, Address("/"));
}

// Empties the bounding set, which is what an execve(2) of uid 0 would otherwise get back.
long EmptyBoundingSet() {
  for (long capability = 0;; ++capability) {
    const long error = SystemCall(SYS_prctl, PR_CAPBSET_DROP, capability);
    if (error == -EINVAL && capability > CAP_MAC_ADMIN) return 0;  // behind the kernel's last one
    if (error < 0) return error;
  }
}

long EmptyCapabilities() {
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  return SystemCall(SYS_capset, Address(&header), Address(none));
}

long BecomeUser(const ChildPlan& plan) {
  if (!plan.changes_user) return 0;
  if (plan.drops_all_capabilities) {
    if (const long error = EmptyBoundingSet(); error < 0) return error;
  }
  const auto groups = static_cast<long>(plan.groups.size());
  if (const long error = SystemCall(SYS_setgroups, groups, Address(plan.groups.data()));
      error < 0) {
    return error;
  }
  const long gid = plan.gid, uid = plan.uid;
  if (const long error = SystemCall(SYS_setresgid, gid, gid, gid); error < 0) return error;
  if (const long error = SystemCall(SYS_setresuid, uid, uid, uid); error < 0) return error;
  // Without the inheritable ones there are no ambient ones either (capabilities(7)).
  return uid != 0 || plan.drops_all_capabilities ? EmptyCapabilities() : 0;
}

// Whether the working directory, as the kernel names it, is where it may be.
long CheckWorkingDirectory(const ChildPlan& plan) {
  if (plan.allowed_directories.empty()) return 0;
  char path[PATH_MAX];
  const long size = SystemCall(SYS_getcwd, Address(path), sizeof(path));  // with its terminator
  if (size < 0) return size;
  const size_t length = static_cast<size_t>(size) - 1;
  for (const std::string& directory : plan.allowed_directories) {
    size_t same = 0;
    while (same < directory.size() && same < length && path[same] == directory[same]) ++same;
    if (same == directory.size() && (same == length || path[same] == '/')) return 0;
  }
  return -EACCES;
}

long EnterWorkingDirectory(const ChildPlan& plan) {
  long error = 0;
  for (const char* const* directory = plan.working_directories; *directory != nullptr;
       ++directory) {
    error = SystemCall(SYS_chdir, Address(*directory));
    if (error == 0) return CheckWorkingDirectory(plan);
  }
  return error;
}

long InstallFilter(const ChildPlan& plan) {
  if (plan.filter.empty()) return 0;
  sock_fprog program = {};
  program.len = static_cast<unsigned short>(plan.filter.size());
  // The kernel only reads it.
  program.filter = reinterpret_cast<sock_filter*>(const_cast<uint64_t*>(plan.filter.data()));
  return SystemCall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, Address(&program));
}

// Up to the program; returns with the step that failed.
ChildPlan::Step Prepare(const ChildPlan& plan, long& error) {
  SystemCall(SYS_setsid);
  if (plan.controls_terminal) {
    if ((error = SystemCall(SYS_ioctl, plan.input, TIOCSCTTY, 0)) < 0) {
      return ChildPlan::Step::kTerminal;
    }
  }
  ResetSignals(plan);
  SetDescriptors(plan);
  for (const ResourceLimit& limit : plan.limits) {
    SystemCall(SYS_prlimit64, 0, limit.resource, Address(&limit.value), 0);
  }
  if ((error = EnterRoot(plan)) < 0) return ChildPlan::Step::kJail;
  if ((error = BecomeUser(plan)) < 0) return ChildPlan::Step::kUser;
  if ((error = EnterWorkingDirectory(plan)) < 0) return ChildPlan::Step::kWorkingDirectory;
  if ((error = SystemCall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) < 0 ||
      (error = InstallFilter(plan)) < 0) {
    return ChildPlan::Step::kFilter;
  }
  return ChildPlan::Step::kNone;
}

}  // namespace

long SystemCall(long number, long a, long b, long c, long d, long e) {
#if defined(__x86_64__)
  long result = number;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  asm volatile("syscall"
               : "+a"(result)
               : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
               : "rcx", "r11", "memory");
  return result;
#else
#error "SystemCall has not been written for this architecture"
#endif
}

void RunChild(void* argument) {
  ChildPlan& plan = *static_cast<ChildPlan*>(argument);
  long error = 0;
  ChildPlan::Step step = Prepare(plan, error);
  if (step == ChildPlan::Step::kNone) {
    error = -ExecuteByName(plan);
    step = ChildPlan::Step::kProgram;
  }
  plan.error_number = static_cast<int>(-error);
  plan.failed_step = step;
  for (;;) SystemCall(SYS_exit, kExitStatus);
}

}  // namespace voidbox
