#include "sandbox/sandbox_record.h"

#include <string>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

TEST(SandboxRecordTest, SurvivesBeingWritten) {
  const SandboxRecord record = {.id = "0123456789ab",
                                .vmm = {.pid = 12, .start_time = 34},
                                .owner = {.pid = 56, .start_time = 78},
                                .kernel = "/k",
                                .image = "debian",
                                .image_digest = "sha256:1",
                                .vcpu_count = 2,
                                .memory_bytes = 1 << 20,
                                .created_unix_seconds = 5,
                                .name = "mine",
                                .labels = {{"a", "b"}},
                                .command = {"sh", "-c", "exit 3"},
                                .detached = true,
                                .ended_unix_seconds = 9,
                                .exit_status = 3,
                                .end_reason = "stopped"};
  const auto read = ParseSandboxRecord(record.id, ToJson(record).dump());
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(ToJson(*read), ToJson(record));
  EXPECT_EQ(read->exit_status, 3);
  EXPECT_EQ(read->command, record.command);
  EXPECT_EQ(read->labels, record.labels);
  EXPECT_TRUE(read->detached);
}

TEST(SandboxRecordTest, WhatMakesNoSenseIsNone) {
  for (const char* text :
       {"", "[]", "{", "{\"pid\": 1}", "{\"pid\": \"1\", \"pid_start_time\": 2}"}) {
    EXPECT_FALSE(ParseSandboxRecord("x", text).has_value()) << text;
  }
  const auto odd = ParseSandboxRecord(
      "x", R"({"pid": 1, "pid_start_time": 2, "labels": [1], "command": {"a": 1}, "detached": 7})");
  ASSERT_TRUE(odd.has_value());
  EXPECT_TRUE(odd->labels.empty());
  EXPECT_TRUE(odd->command.empty());
  EXPECT_FALSE(odd->detached);
}

TEST(SandboxNameTest, IsPlainAndNoId) {
  for (const char* name : {"a", "web-1", "Agent_7.x", "0123456789abc"}) {
    EXPECT_THAT(CheckSandboxName(name), IsOk()) << name;
  }
  for (const std::string& name :
       {std::string(), std::string("-a"), std::string("a b"), std::string("../x"),
        std::string(kMaxNameBytes + 1, 'a'), std::string("0123456789ab")}) {
    EXPECT_FALSE(CheckSandboxName(name).ok()) << name;
  }
}

TEST(FindSandboxTest, ByNameIdOrItsBeginning) {
  std::vector<SandboxRecord> records(3);
  records[0].id = "aa0000000000";
  records[0].name = "web";
  records[1].id = "ab0000000000";
  records[2].id = "bb0000000000";
  EXPECT_EQ(FindSandbox(records, "web")->id, records[0].id);
  EXPECT_EQ(FindSandbox(records, "ab")->id, records[1].id);
  EXPECT_EQ(FindSandbox(records, "bb0000000000")->id, records[2].id);
  EXPECT_THAT(FindSandbox(records, "a"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("2 ids")));
  EXPECT_THAT(FindSandbox(records, "c"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("'c'")));
  EXPECT_THAT(FindSandbox(records, ""), StatusIs(absl::StatusCode::kNotFound, HasSubstr("''")));
}

}  // namespace
}  // namespace voidbox
