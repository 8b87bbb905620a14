#include "base/unique_fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace voidbox {
namespace {

bool IsOpen(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST(UniqueFdTest, ClosesAtTheEndOfItsLife) {
  int raw;
  {
    UniqueFd fd(::open("/dev/null", O_RDONLY));
    raw = fd.get();
    EXPECT_TRUE(IsOpen(raw));
  }
  EXPECT_FALSE(IsOpen(raw));
}

TEST(UniqueFdTest, MovingLeavesOneOwner) {
  UniqueFd a(::open("/dev/null", O_RDONLY));
  const int raw = a.get();
  UniqueFd b(std::move(a));
  EXPECT_EQ(a.get(), -1);
  UniqueFd& alias = b;
  b = std::move(alias);
  EXPECT_EQ(b.get(), raw);
  EXPECT_TRUE(IsOpen(raw));
}

TEST(UniqueFdTest, AssignmentClosesTheOldDescriptor) {
  UniqueFd a(::open("/dev/null", O_RDONLY));
  const int old = a.get();
  UniqueFd b(::open("/dev/null", O_RDONLY));
  const int kept = b.get();
  a = std::move(b);
  EXPECT_EQ(a.get(), kept);
  EXPECT_FALSE(IsOpen(old));
}

}  // namespace
}  // namespace voidbox
