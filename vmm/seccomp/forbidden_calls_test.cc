// Makes every system call that a kind of thread may not make, from a thread of that kind.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <set>
#include <thread>
#include <vector>

#include "vmm/seccomp/confine.h"

namespace voidbox {
namespace {

constexpr int kAsExpected = 7;
// Numbers beyond what any kernel has today.
constexpr long kNumbers = 600;
// Of Linux 6.11 and later, for the trampolines of uprobes: no filter sees them (6.14), and from
// anywhere else they are SIGILL (arch/x86/kernel/uprobes.c).
constexpr long kUretprobe = 335, kUprobe = 336;

// Those allowed with any arguments, and those of kCalls, which look at them.
const std::set<long> kCommonCalls = {
    SYS_brk,     SYS_clock_gettime,  SYS_close,        SYS_exit,        SYS_exit_group,
    SYS_futex,   SYS_getpid,         SYS_getrandom,    SYS_gettid,      SYS_ioctl,
    SYS_madvise, SYS_mmap,           SYS_mprotect,     SYS_munmap,      SYS_read,
    SYS_sendto,  SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sched_yield, SYS_tgkill,
    SYS_write};
const std::set<long> kBlockWorkerCalls = {SYS_fallocate, SYS_fdatasync, SYS_fsync,   SYS_preadv,
                                          SYS_preadv2,   SYS_pwritev,   SYS_pwritev2};
const std::set<long> kEventLoopCalls = {SYS_accept4,
                                        SYS_clone,
                                        SYS_clone3,
                                        SYS_connect,
                                        SYS_epoll_ctl,
                                        SYS_epoll_wait,
                                        SYS_epoll_pwait,
                                        SYS_prctl,
                                        SYS_readv,
                                        SYS_recvfrom,
                                        SYS_rseq,
                                        SYS_rt_sigaction,
                                        SYS_seccomp,
                                        SYS_sendmsg,
                                        SYS_set_robust_list,
                                        SYS_sched_getaffinity,
                                        SYS_setsockopt,
                                        SYS_shutdown,
                                        SYS_socket,
                                        SYS_timerfd_create,
                                        SYS_timerfd_settime,
                                        SYS_writev};

std::set<long> AllowedNumbers(ThreadKind kind) {
  std::set<long> numbers = kCommonCalls;
  if (kind != ThreadKind::kVcpu) numbers.insert(kBlockWorkerCalls.begin(), kBlockWorkerCalls.end());
  if (kind == ThreadKind::kEventLoop) {
    numbers.insert(kEventLoopCalls.begin(), kEventLoopCalls.end());
  }
  return numbers;
}

constexpr unsigned kLoop = 1, kVcpu = 2, kWorker = 4, kNobody = 0;
constexpr unsigned kAll = kLoop | kVcpu | kWorker;

unsigned Bit(ThreadKind kind) {
  return kind == ThreadKind::kEventLoop ? kLoop : kind == ThreadKind::kVcpu ? kVcpu : kWorker;
}

// A call that depends on its arguments. Those that are allowed do no harm: their descriptors and
// addresses are bad.
struct Call {
  const char* what;
  unsigned allowed;  // kinds
  long number;
  long arguments[5];
};

std::vector<Call> Calls() {
  const long self = ::getpid(), thread = ::gettid();
  const long unix_stream = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
  const long new_thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                          CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
  const auto flag_off = [new_thread](long flag) { return new_thread & ~flag; };
  return {
      {"kill", kNobody, SYS_kill, {self, 0}},
      {"tkill", kNobody, SYS_tkill, {thread, 0}},
      {"a signal to another process", kNobody, SYS_tgkill, {1, 1, SIGABRT}},
      {"a kick to another process", kNobody, SYS_tgkill, {self + 1, self + 1, SIGRTMIN}},
      {"SIGKILL to itself", kNobody, SYS_tgkill, {self, thread, SIGKILL}},
      {"signal 0 to itself", kNobody, SYS_tgkill, {self, thread, 0}},
      {"its id with other upper bits", kNobody, SYS_tgkill, {self | 1L << 32, -1, SIGABRT}},
      // To a thread that is not there.
      {"the kick", kLoop, SYS_tgkill, {self, 0x7ffffffe, SIGRTMIN}},
      {"abort", kAll, SYS_tgkill, {self, 0x7ffffffe, SIGABRT}},
      {"code in memory", kNobody, SYS_mmap, {0, 4096, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1}},
      {"writable code", kNobody, SYS_mmap, {0, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1}},
      {"memory", kAll, SYS_mmap, {0, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1}},
      {"data made code", kNobody, SYS_mprotect, {0, 0, PROT_READ | PROT_EXEC}},
      {"a protection key", kNobody, SYS_pkey_mprotect, {0, 0, PROT_READ, -1}},
      {"memory protected", kAll, SYS_mprotect, {1, 4096, PROT_READ | PROT_WRITE}},
      {"pages given back", kAll, SYS_madvise, {1, 4096, MADV_DONTNEED}},
      {"pages merged", kNobody, SYS_madvise, {0, 0, MADV_MERGEABLE}},
      {"pages poisoned", kNobody, SYS_madvise, {0, 0, MADV_HWPOISON}},
      {"pages of forks", kNobody, SYS_madvise, {0, 0, MADV_DOFORK}},
      {"a flag read", kNobody, SYS_fcntl, {0, F_GETFL}},
      {"a signal owner", kNobody, SYS_fcntl, {0, F_SETOWN, 1}},
      {"a duplicate", kNobody, SYS_fcntl, {0, F_DUPFD}},
      {"a process", kNobody, SYS_clone, {SIGCHLD}},
      {"a process that shares memory", kNobody, SYS_clone, {CLONE_VM | CLONE_VFORK | SIGCHLD}},
      {"a thread in a new namespace", kNobody, SYS_clone, {new_thread | CLONE_NEWUSER}},
      {"a traced thread", kNobody, SYS_clone, {new_thread | CLONE_PTRACE}},
      {"a thread without the signals", kNobody, SYS_clone, {flag_off(CLONE_SIGHAND)}},
      {"a thread with upper bits", kNobody, SYS_clone, {new_thread | 1L << 33}},
      {"removing a file", kNobody, SYS_unlink, {0}},
      {"removing a file at", kNobody, SYS_unlinkat, {-1, 0, 0}},
      {"removing a directory", kNobody, SYS_rmdir, {0}},
      {"a stream of the unix domain", kLoop, SYS_socket, {AF_UNIX, unix_stream, 99}},
      {"a datagram socket", kNobody, SYS_socket, {AF_UNIX, SOCK_DGRAM, 99}},
      {"a packet socket of the unix domain", kNobody, SYS_socket, {AF_UNIX, SOCK_SEQPACKET, 99}},
      {"the internet", kNobody, SYS_socket, {AF_INET, SOCK_STREAM, 0}},
      {"netlink", kNobody, SYS_socket, {AF_NETLINK, SOCK_RAW, 0}},
      {"vsock", kNobody, SYS_socket, {AF_VSOCK, SOCK_STREAM, 0}},
      {"sending to an address", kNobody, SYS_sendto, {-1, 0, 0, 0, 1}},
      {"sending", kAll, SYS_sendto, {-1, 0, 0, 0, 0}},
      {"the send buffer", kLoop, SYS_setsockopt, {-1, SOL_SOCKET, SO_SNDBUF}},
      {"credentials", kNobody, SYS_setsockopt, {-1, SOL_SOCKET, SO_PASSCRED}},
      {"a socket's filter", kNobody, SYS_setsockopt, {-1, SOL_SOCKET, SO_ATTACH_FILTER}},
      {"KVM_RUN", kLoop | kVcpu, SYS_ioctl, {-1, KVM_RUN}},
      {"KVM_KVMCLOCK_CTRL", kLoop | kVcpu, SYS_ioctl, {-1, KVM_KVMCLOCK_CTRL}},
      {"KVM_IRQ_LINE", kAll, SYS_ioctl, {-1, KVM_IRQ_LINE}},
      {"KVM_IOEVENTFD", kLoop, SYS_ioctl, {-1, static_cast<long>(KVM_IOEVENTFD)}},
      {"KVM_CREATE_VM", kNobody, SYS_ioctl, {-1, KVM_CREATE_VM}},
      {"KVM_SET_USER_MEMORY_REGION", kNobody, SYS_ioctl, {-1, KVM_SET_USER_MEMORY_REGION}},
      {"TIOCSTI", kNobody, SYS_ioctl, {-1, 0x5412}},
      {"dumpable", kNobody, SYS_prctl, {PR_SET_DUMPABLE, 1}},
      {"a debugger of its choice", kNobody, SYS_prctl, {PR_SET_PTRACER, 1}},
      {"strict mode", kNobody, SYS_seccomp, {SECCOMP_SET_MODE_STRICT}},
  };
}

volatile sig_atomic_t trapped = -1;  // the number of the call that the filter refused

void OnTrap(int, siginfo_t* info, void*) { trapped = info->si_syscall; }

bool Refused(long number, const long (&a)[5]) {
  trapped = -1;
  ::syscall(number, a[0], a[1], a[2], a[3], a[4], 0);
  return trapped == number;
}

bool Report(ThreadKind kind, const char* what, long number) {
  char line[160];
  const int length =
      ::snprintf(line, sizeof(line), "kind %u: %s, call %ld\n", Bit(kind), what, number);
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line, length);
  return false;
}

bool AllAsExpected(ThreadKind kind, const std::set<long>& allowed, const std::vector<Call>& calls) {
  bool good = true;
  for (long number = 0; number < kNumbers; ++number) {
    if (number == kUretprobe || number == kUprobe) continue;
    if (allowed.contains(number) || Refused(number, {})) continue;
    good = Report(kind, "is not refused", number);
  }
  for (const Call& call : calls) {
    const bool refuse = (call.allowed & Bit(kind)) == 0;
    if (Refused(call.number, call.arguments) == refuse) continue;
    good = Report(kind, call.what, call.number);
  }
  return good;
}

// As in the VMM: a thread of the event loop, which is confined already, confines itself further.
[[noreturn]] void TryAll(ThreadKind kind) {
  const std::set<long> allowed = AllowedNumbers(kind);
  if (!PrepareConfinement().ok()) ::_exit(1);
  struct sigaction action = {};
  action.sa_sigaction = OnTrap;
  action.sa_flags = SA_SIGINFO;
  if (::sigaction(SIGSYS, &action, nullptr) != 0) ::_exit(2);
  if (!ConfineThread(ThreadKind::kEventLoop).ok()) ::_exit(3);
  bool good = false;
  std::thread thread([&] {
    const std::vector<Call> calls = Calls();
    if (kind != ThreadKind::kEventLoop && !ConfineThread(kind).ok()) ::_exit(4);
    good = AllAsExpected(kind, allowed, calls);
  });
  thread.join();
  ::_exit(good ? kAsExpected : 5);
}

class ForbiddenCallsDeathTest : public ::testing::TestWithParam<ThreadKind> {};

TEST_P(ForbiddenCallsDeathTest, EveryOneIsRefusedFromItsThread) {
  EXPECT_EXIT(TryAll(GetParam()), ::testing::ExitedWithCode(kAsExpected), "");
}

INSTANTIATE_TEST_SUITE_P(Kinds, ForbiddenCallsDeathTest,
                         ::testing::Values(ThreadKind::kEventLoop, ThreadKind::kVcpu,
                                           ThreadKind::kBlockWorker));

// The flags of clone3 are in memory, so that threads are made by clone.
TEST(ConfinedCloneDeathTest, Clone3IsAsOnAKernelThatHasItNot) {
  EXPECT_EXIT(
      {
        if (!PrepareConfinement().ok() || !ConfineThread(ThreadKind::kEventLoop).ok()) ::_exit(1);
        ::_exit(::syscall(SYS_clone3, nullptr, 0) == -1 && errno == ENOSYS ? kAsExpected : 2);
      },
      ::testing::ExitedWithCode(kAsExpected), "");
}

TEST(ConfinedCloneDeathTest, CallsOfI386KillTheProcess) {
  EXPECT_EXIT(
      {
        if (!PrepareConfinement().ok() || !ConfineThread(ThreadKind::kVcpu).ok()) ::_exit(1);
        long result = 20;  // getpid of i386
        asm volatile("int $0x80" : "+a"(result)::"memory", "r8", "r9", "r10", "r11");
        ::_exit(2);
      },
      ::testing::KilledBySignal(SIGSYS), "");
}

}  // namespace
}  // namespace voidbox
