#include "vmm/seccomp/confine.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/kvm.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <thread>

namespace voidbox {
namespace {

constexpr int kSurvived = 7;

// Runs `action` confined as `kind` in a process of its own, which then exits with kSurvived.
template <typename Action>
void Confined(ThreadKind kind, Action action) {
  if (!PrepareConfinement().ok() || !ConfineThread(kind).ok()) ::_exit(1);
  action();
  ::_exit(kSurvived);
}

class ConfineDeathTest : public ::testing::TestWithParam<ThreadKind> {};

TEST_P(ConfineDeathTest, ForbiddenCallsEndTheProcessWithALogLine) {
  const auto killed = ::testing::ExitedWithCode(159);
  EXPECT_EXIT(Confined(GetParam(), [] { ::open("/etc/passwd", O_RDONLY); }), killed,
              "voidbox-vmm: error: system call 257 is not allowed by the seccomp filter");
  EXPECT_EXIT(Confined(GetParam(), [] { ::execl("/bin/true", "true", nullptr); }), killed,
              "system call 59 ");
  EXPECT_EXIT(Confined(GetParam(), [] { ::socket(AF_INET, SOCK_STREAM, 0); }), killed,
              "system call 41 ");
  EXPECT_EXIT(Confined(GetParam(), [] { ::ioctl(-1, KVM_CREATE_VM, 0); }), killed,
              "system call 16 ");
  EXPECT_EXIT(Confined(GetParam(), [] { ::kill(1, 0); }), killed, "system call 62 ");
}

TEST_P(ConfineDeathTest, ItsOwnCallsAreAllowed) {
  EXPECT_EXIT(Confined(GetParam(),
                       [] {
                         std::string memory(8 << 20, 'x');
                         if (::write(-1, memory.data(), 1) != -1) ::_exit(1);
                         if (::read(-1, memory.data(), 1) != -1) ::_exit(1);
                       }),
              ::testing::ExitedWithCode(kSurvived), "");
}

INSTANTIATE_TEST_SUITE_P(Kinds, ConfineDeathTest,
                         ::testing::Values(ThreadKind::kEventLoop, ThreadKind::kVcpu,
                                           ThreadKind::kBlockWorker));

TEST(ConfineThreadDeathTest, VcpusHaveNoSocketsAndNoDisks) {
  const auto killed = ::testing::ExitedWithCode(159);
  EXPECT_EXIT(Confined(ThreadKind::kVcpu, [] { ::socket(AF_UNIX, SOCK_STREAM, 0); }), killed, "41");
  EXPECT_EXIT(Confined(ThreadKind::kVcpu, [] { ::preadv(-1, nullptr, 0, 0); }), killed, "295");
  EXPECT_EXIT(Confined(ThreadKind::kVcpu, [] { ::ioctl(-1, KVM_RUN, 0); }),
              ::testing::ExitedWithCode(kSurvived), "");
  EXPECT_EXIT(Confined(ThreadKind::kBlockWorker, [] { ::ioctl(-1, KVM_RUN, 0); }), killed, "16");
}

TEST(ConfineThreadDeathTest, TheEventLoopStartsThreadsThatConfineThemselvesFurther) {
  EXPECT_EXIT(Confined(ThreadKind::kEventLoop,
                       [] {
                         std::thread vcpu([] {
                           if (!ConfineThread(ThreadKind::kVcpu).ok()) ::_exit(1);
                         });
                         vcpu.join();
                         if (::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0) ::_exit(2);
                       }),
              ::testing::ExitedWithCode(kSurvived), "");
}

TEST(ConfineThreadDeathTest, NoNewPrivilegesIsSet) {
  EXPECT_EXIT(
      {
        if (!PrepareConfinement().ok()) ::_exit(1);
        ::_exit(::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? kSurvived : 2);
      },
      ::testing::ExitedWithCode(kSurvived), "");
}

}  // namespace
}  // namespace voidbox
