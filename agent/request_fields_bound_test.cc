#include "agent/request_fields_bound.h"

#include <string>

#include "agent/agent.pb.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

std::string WithArguments(size_t count, const std::string& argument) {
  agent::Request request;
  for (size_t i = 0; i < count; ++i) request.mutable_exec()->add_argv(argument);
  return request.SerializeAsString();
}

TEST(RequestFieldsBoundTest, TakesAsManyAsACommandMayHaveAndNoMore) {
  EXPECT_THAT(CheckRequestFields(WithArguments(kMaxRequestFields - 1, "")), IsOk());
  EXPECT_THAT(CheckRequestFields(WithArguments(kMaxRequestFields, "")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("limit of 262144")));
}

// Every byte of it might be a field's.
TEST(RequestFieldsBoundTest, TheContentsOfStringsAreNoFields) {
  EXPECT_THAT(CheckRequestFields(WithArguments(15, std::string(128 << 10, 'x'))), IsOk());
  agent::Request request;
  request.mutable_run_ts()->set_code(std::string(512 << 10, '\0'));
  EXPECT_THAT(CheckRequestFields(request.SerializeAsString()), IsOk());
}

TEST(RequestFieldsBoundTest, CountsUnknownFieldsAndGroupsToo) {
  for (const std::string& field : {std::string("\xf8\x01\x00", 3), std::string("\x0b"),
                                   std::string("\x0d\0\0\0\0", 5), std::string(9, '\x09')}) {
    std::string fields;
    while (fields.size() < (3 << 20)) fields += field;
    EXPECT_THAT(CheckRequestFields(fields),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("fields")));
  }
}

TEST(RequestFieldsBoundTest, WhatIsNoWireFormatIsLeftToTheParser) {
  for (const std::string& bytes :
       {std::string(), std::string("\xff"), std::string(20, '\xff'), std::string("\x0a\x7f"),
        std::string("\x09\x01"), std::string("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")}) {
    EXPECT_THAT(CheckRequestFields(bytes), IsOk());
  }
}

}  // namespace
}  // namespace voidbox
