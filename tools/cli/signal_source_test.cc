#include "tools/cli/signal_source.h"

#include <signal.h>

#include <vector>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

TEST(SignalSourceTest, TurnsSignalsIntoEventsAndLeavesIgnoredOnesAlone) {
  auto loop = *EventLoop::Create();
  ::signal(SIGHUP, SIG_IGN);  // as under nohup
  std::vector<int> got;
  auto source = SignalSource::Create(*loop, [&](int number) { got.push_back(number); });
  ASSERT_THAT(source, IsOk());
  ::raise(SIGHUP);
  ::raise(SIGTERM);
  while (got.empty()) ASSERT_THAT(loop->RunOnce(absl::Seconds(60)), IsOk());
  EXPECT_EQ(got, std::vector<int>{SIGTERM});
}

}  // namespace
}  // namespace voidbox
