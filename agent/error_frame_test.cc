#include "agent/error_frame.h"

#include <string>

#include "agent/agent.pb.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

TEST(MessageTextTest, IsPrintableAndShort) {
  EXPECT_EQ(MessageText("a 'b'\n\xff"), "a 'b'\\x0a\\xff");
  EXPECT_EQ(MessageText(std::string(kMaxMessageBytes + 1, 'a')),
            std::string(kMaxMessageBytes, 'a') + "...");
}

TEST(ErrorFrameTest, CarriesCodeAndText) {
  for (const absl::Status& status :
       {absl::InvalidArgumentError("a"), absl::ResourceExhaustedError("b"),
        absl::InternalError("c"), absl::NotFoundError("d"), absl::AlreadyExistsError("e"),
        absl::FailedPreconditionError("f"), absl::PermissionDeniedError("g"),
        absl::UnimplementedError("h")}) {
    EXPECT_EQ(ErrorStatus(ErrorFrame(status).error()), status);
  }
}

TEST(ErrorFrameTest, WhatTheProtocolDoesNotHaveIsInternal) {
  EXPECT_EQ(ErrorFrame(absl::DataLossError("x")).error().code(), agent::Error::INTERNAL);
  agent::Error error;
  error.set_message("of no code");
  EXPECT_EQ(ErrorStatus(error), absl::InternalError("of no code"));
}

}  // namespace
}  // namespace voidbox
