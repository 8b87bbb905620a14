#include "base/thread.h"

#include <gtest/gtest.h>

#include "base/no_more_threads.h"
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
  const NoMoreThreads limit;
  const auto thread = StartThread([] {});
  EXPECT_THAT(thread, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("ulimit -u")));
}

}  // namespace
}  // namespace voidbox
