#include "base/thread.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include "base/status_matchers.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

TEST(StartThreadTest, RunsTheFunction) {
  bool ran = false;
  auto thread = StartThread([&ran] { ran = true; });
  ASSERT_THAT(thread, IsOk());
  thread->join();
  EXPECT_TRUE(ran);
}

TEST(StartThreadTest, SaysWhatToDoWhereNoneCanBeStarted) {
  pthread_attr_t usual, huge;
  ASSERT_EQ(::pthread_getattr_default_np(&usual), 0);
  ASSERT_EQ(::pthread_getattr_default_np(&huge), 0);
  // No address space has room for such a stack.
  ASSERT_EQ(::pthread_attr_setstacksize(&huge, size_t{1} << 47), 0);
  ASSERT_EQ(::pthread_setattr_default_np(&huge), 0);
  const auto thread = StartThread([] {});
  ASSERT_EQ(::pthread_setattr_default_np(&usual), 0);
  EXPECT_THAT(thread, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("ulimit -u")));
}

}  // namespace
}  // namespace voidbox
