// Questions to an agent that answers as it likes.
#include "tools/cli/sandbox/ask.h"

#include <string>

#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "sandbox/testing_agent_stream.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<agent::ServerFrame> Ask(const std::string& says) {
  TestingAgentStream agent(says);
  agent::Request request;
  request.mutable_metrics();
  return AskAgent(agent.TakeConnection(), request, agent::ServerFrame::kMetrics);
}

TEST(AskTest, TakesTheAnswerToTheQuestion) {
  agent::ServerFrame first;
  first.mutable_metrics()->set_cpus(2);
  agent::ServerFrame second;
  second.mutable_metrics()->set_cpus(3);
  const auto answer = Ask(TestingAgentStream::Frames({first, second}));
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->metrics().cpus(), 2u);
}

TEST(AskTest, RefusesTheAnswerToAnotherQuestion) {
  agent::ServerFrame other;
  other.mutable_health();
  for (const agent::ServerFrame& frame : {other, agent::ServerFrame()}) {
    EXPECT_THAT(Ask(TestingAgentStream::Frames({frame})),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("does not belong")));
  }
}

TEST(AskTest, BoundsTheAnswer) {
  EXPECT_THAT(Ask(std::string("\0\0\x20\0", 4) + std::string(2 << 20, 'x')),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("")));
  EXPECT_THAT(Ask(""), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("without an answer")));
}

}  // namespace
}  // namespace voidbox
