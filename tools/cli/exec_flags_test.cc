#include "tools/cli/exec_flags.h"

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

TEST(ExecFlagsTest, BecomeARequest) {
  const auto request = ToExecRequest({.working_directory = "/tmp",
                                      .user = "root",
                                      .isolation = "jail",
                                      .timeout = "1.5s",
                                      .processes = "7",
                                      .memory = "64M",
                                      .cpus = "0.5",
                                      .environment = {"A=b"}},
                                     {"sh", "-c", "x"});
  ASSERT_THAT(request, IsOk());
  EXPECT_EQ(request->argv_size(), 3);
  EXPECT_EQ(request->working_directory(), "/tmp");
  EXPECT_EQ(request->user(), "root");
  EXPECT_EQ(request->isolation(), agent::JAIL);
  EXPECT_EQ(request->timeout_ms(), 1500u);
  EXPECT_EQ(request->limits().processes(), 7u);
  EXPECT_EQ(request->limits().memory_bytes(), 64u << 20);
  EXPECT_EQ(request->limits().cpu_millis(), 500u);
  EXPECT_EQ(request->environment(0).value(), "b");
}

TEST(ExecFlagsTest, WrongOnesAreNamed) {
  EXPECT_THAT(ToExecRequest({.working_directory = "tmp"}, {"x"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'tmp'")));
  EXPECT_THAT(ToExecRequest({.processes = "0"}, {"x"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--pids '0'")));
  EXPECT_THAT(ToExecRequest({.memory = "much"}, {"x"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--memory 'much'")));
  EXPECT_THAT(ToExecRequest({.cpus = "33"}, {"x"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--cpus '33'")));
  EXPECT_THAT(ToExecRequest({.timeout = "-1"}, {"x"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("-1")));
}

}  // namespace
}  // namespace voidbox
