#include "agent/seccomp/jail_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <functional>
#include <thread>

namespace voidbox {
namespace {

constexpr int kHolds = 7;

// Runs `check` under the filter in a process of its own, which exits with kHolds if it returns
// true.
void Jailed(const std::function<bool()>& check) {
  const auto filter = JailFilter();
  const sock_fprog program = {
      .len = static_cast<unsigned short>(filter.size()),
      .filter = reinterpret_cast<sock_filter*>(const_cast<uint64_t*>(filter.data()))};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
    ::_exit(1);
  }
  ::_exit(check() ? kHolds : 2);
}

// All arguments are bad: without the filter, and with the capabilities of root, the errors are
// others.
bool IsRefused(long number, long first = -1, int error = EPERM) {
  errno = 0;
  return ::syscall(number, first, -1, -1, -1, -1, -1) == -1 && errno == error;
}

TEST(JailFilterDeathTest, RefusesWhatLeadsOutOfAJail) {
  for (const int number : {
           SYS_mount,
           SYS_umount2,
           SYS_pivot_root,
           SYS_chroot,
           SYS_fsopen,
           SYS_fsconfig,
           SYS_fsmount,
           SYS_fspick,
           SYS_move_mount,
           SYS_open_tree,
           SYS_mount_setattr,
           SYS_mknod,
           SYS_mknodat,
           SYS_setns,
           SYS_unshare,
           SYS_open_by_handle_at,
           SYS_ptrace,
           SYS_process_vm_readv,
           SYS_process_vm_writev,
           SYS_pidfd_getfd,
           SYS_bpf,
           SYS_perf_event_open,
           SYS_userfaultfd,
           SYS_io_uring_setup,
           SYS_io_uring_enter,
           SYS_io_uring_register,
           SYS_keyctl,
           SYS_add_key,
           SYS_request_key,
           SYS_kexec_load,
           SYS_kexec_file_load,
           SYS_init_module,
           SYS_finit_module,
           SYS_delete_module,
           SYS_reboot,
           SYS_syslog,
           SYS_clock_settime,
           SYS_clock_adjtime,
           SYS_settimeofday,
           SYS_adjtimex,
           SYS_swapon,
           SYS_swapoff,
           SYS_sethostname,
           SYS_setdomainname,
           SYS_iopl,
           SYS_ioperm,
           SYS_acct,
           SYS_quotactl,
           457,
           458,
           467,
       }) {
    EXPECT_EXIT(Jailed([&] { return IsRefused(number); }), ::testing::ExitedWithCode(kHolds), "")
        << number;
  }
}

TEST(JailFilterDeathTest, RefusesNewNamespaces) {
  for (const long flag : {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC,
                          CLONE_NEWUTS, CLONE_NEWCGROUP}) {
    EXPECT_EXIT(Jailed([&] { return IsRefused(SYS_clone, flag | SIGCHLD); }),
                ::testing::ExitedWithCode(kHolds), "")
        << flag;
  }
  EXPECT_EXIT(Jailed([] { return IsRefused(SYS_clone3, -1, ENOSYS); }),
              ::testing::ExitedWithCode(kHolds), "");
}

TEST(JailFilterDeathTest, RefusesInputThatNobodyTyped) {
  auto refuses = [](unsigned long request) {
    return [request] { return ::ioctl(-1, request, "x") == -1 && errno == EPERM; };
  };
  EXPECT_EXIT(Jailed(refuses(TIOCSTI)), ::testing::ExitedWithCode(kHolds), "");
  // The kernel looks at 32 bits of it alone.
  EXPECT_EXIT(Jailed(refuses(TIOCSTI | 1ul << 32)), ::testing::ExitedWithCode(kHolds), "");
}

#if defined(__x86_64__)
TEST(JailFilterDeathTest, KillsWhoGoesAroundIt) {
  // Of x32: the same calls under other numbers.
  EXPECT_EXIT(Jailed([] { return ::syscall(0x40000000 | SYS_mount) == -1; }),
              ::testing::KilledBySignal(SIGSYS), "");
  // Of i386.
  EXPECT_EXIT(Jailed([] {
                long result = 21;  // mount
                asm volatile("int $0x80" : "+a"(result) : "b"(0), "c"(0), "d"(0) : "memory");
                return true;
              }),
              ::testing::KilledBySignal(SIGSYS), "");
}
#endif

TEST(JailFilterDeathTest, ProgramsWork) {
  EXPECT_EXIT(Jailed([] {
                bool ran = false;
                std::thread thread([&] { ran = true; });  // the C library falls back to clone(2)
                thread.join();
                const pid_t child = ::fork();
                if (child == 0) {
                  ::execl("/bin/true", "true", nullptr);
                  ::_exit(1);
                }
                int status = -1;
                ::waitpid(child, &status, 0);
                timespec now;
                return ran && status == 0 && ::clock_gettime(CLOCK_REALTIME, &now) == 0 &&
                       ::open("/dev/null", O_RDONLY) >= 0 && ::chdir("/") == 0;
              }),
              ::testing::ExitedWithCode(kHolds), "");
}

}  // namespace
}  // namespace voidbox
