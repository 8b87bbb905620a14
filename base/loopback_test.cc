#include "base/loopback.h"

#include <arpa/inet.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gtest/gtest.h"

namespace voidbox {
namespace {

enum Result { kWorks, kNoNamespace, kWasUpBefore, kFailed, kStillDown };

// A datagram to 127.0.0.1 has a way only while `lo` is up.
bool HasLoopback() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(9);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

Result InANamespaceOfItsOwn() {
  // Root needs no user namespace, which a process with several threads (under TSan) cannot get.
  if (::unshare(CLONE_NEWNET) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
    return kNoNamespace;
  }
  if (HasLoopback()) return kWasUpBefore;
  if (!BringUpLoopback().ok()) return kFailed;
  return HasLoopback() ? kWorks : kStillDown;
}

TEST(LoopbackTest, BringsUpLo) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(InANamespaceOfItsOwn());
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), kWorks);
}

}  // namespace
}  // namespace voidbox
