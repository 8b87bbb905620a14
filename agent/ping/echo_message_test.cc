#include "agent/ping/echo_message.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>

namespace voidbox {
namespace {

TEST(EchoMessageTest, RequestsAreAsTheRfcsHaveThem) {
  EXPECT_EQ(EchoRequest(AF_INET, 0x1234, "data"), std::string("\x08\0\0\0\0\0\x12\x34"
                                                              "data",
                                                              12));
  EXPECT_EQ(EchoRequest(AF_INET6, 0xfffe, ""), std::string("\x80\0\0\0\0\0\xff\xfe", 8));
}

TEST(EchoMessageTest, ReadsReplies) {
  const std::string reply(
      "\0\0\xaa\xbb\x11\x22\xff\x01"
      "data",
      12);
  const auto parsed = ParseEchoReply(AF_INET, reply);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->sequence, 0xff01);
  EXPECT_EQ(parsed->data, "data");
  EXPECT_TRUE(ParseEchoReply(AF_INET6, std::string("\x81\0\0\0\0\0\0\0", 8)).has_value());
}

TEST(EchoMessageTest, NothingElseIsAReply) {
  EXPECT_FALSE(ParseEchoReply(AF_INET, "").has_value());
  EXPECT_FALSE(ParseEchoReply(AF_INET, std::string(7, '\0')).has_value()) << "cut short";
  EXPECT_FALSE(ParseEchoReply(AF_INET, EchoRequest(AF_INET, 1, "x")).has_value());
  EXPECT_FALSE(ParseEchoReply(AF_INET6, EchoRequest(AF_INET6, 1, "x")).has_value());
  EXPECT_FALSE(ParseEchoReply(AF_INET6, std::string(8, '\0')).has_value()) << "of the other family";
  EXPECT_FALSE(ParseEchoReply(AF_INET, std::string("\0\1\0\0\0\0\0\0", 8)).has_value()) << "code 1";
}

}  // namespace
}  // namespace voidbox
