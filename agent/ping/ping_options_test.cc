#include "agent/ping/ping_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "base/status_matchers.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<PingOptions> Parse(const std::vector<const char*>& arguments) {
  return ParsePingOptions(arguments);
}

TEST(PingOptionsTest, TakesOptionsOnBothSidesOfTheHost) {
  const auto options = Parse({"-c1", "-W", "2.5", "::1", "-q6", "-i.25", "-w3", "-s", "0", "-t9"});
  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->host, "::1");
  EXPECT_EQ(options->family, AF_INET6);
  EXPECT_EQ(options->count, 1);
  EXPECT_EQ(options->linger_ms, 2500);
  EXPECT_EQ(options->interval_ms, 250);
  EXPECT_EQ(options->deadline_ms, 3000);
  EXPECT_EQ(options->data_bytes, 0);
  EXPECT_EQ(options->hop_limit, 9);
  EXPECT_TRUE(options->quiet);
}

TEST(PingOptionsTest, AHostAloneIsAskedUntilASignalComes) {
  const auto options = Parse({"localhost"});
  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->family, AF_UNSPEC);
  EXPECT_EQ(options->count, 0);
  EXPECT_EQ(options->deadline_ms, 0);
  EXPECT_EQ(options->data_bytes, 56);
}

TEST(PingOptionsTest, FlagsMayStandBeforeAnOptionWithAValue) {
  const auto options = Parse({"-4qc", "2", "--", "-host"});
  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->count, 2);
  EXPECT_EQ(options->host, "-host");
}

TEST(PingOptionsTest, RefusesWhatItDoesNotKnow) {
  const auto expect_refused = [](const std::vector<const char*>& arguments, const char* message) {
    EXPECT_THAT(Parse(arguments), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)));
  };
  expect_refused({}, "is no host");
  expect_refused({""}, "is no host");
  expect_refused({"a", "b"}, "'b' is no host, or one more");
  expect_refused({"-x", "a"}, "'-x'");
  expect_refused({"--count", "a"}, "'--count'");
  expect_refused({"a", "-c"}, "-c");
  for (const char* const value : {"0", "-1", "4294967296", "x", ""}) {
    expect_refused({"-c", value, "a"}, "-c");
  }
  expect_refused({"-s65508", "a"}, "-s");
  expect_refused({"-t256", "a"}, "-t");
  for (const char* const value : {"0", "0.0", ".", "1.", "1.0001", "1e3", "1000001", "-1", "."}) {
    expect_refused({"-W", value, "a"}, "-W");
  }
}

}  // namespace
}  // namespace voidbox
