#include "virtio/vsock/connect_line.h"

#include <cstring>
#include <string>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;
using Result = absl::StatusOr<std::optional<uint32_t>>;

// Feeds `text` as one read that takes no more than there is room for.
Result Feed(ConnectLine& line, absl::string_view text) {
  const std::span<char> room = line.Room();
  const size_t count = std::min(text.size(), room.size());
  std::memcpy(room.data(), text.data(), count);
  return line.Advance(count);
}

Result Parse(absl::string_view text) {
  ConnectLine line;
  return Feed(line, text);
}

TEST(ConnectLineTest, ReadsThePort) {
  EXPECT_EQ(Parse("CONNECT 1234\n").value(), 1234);
  EXPECT_EQ(Parse("CONNECT 0\n").value(), 0);
  EXPECT_EQ(Parse("CONNECT 4294967295\n").value(), 4294967295u);
}

TEST(ConnectLineTest, TakesWhatFirecrackerTakes) {
  EXPECT_EQ(Parse("connect 52\n").value(), 52);
  EXPECT_EQ(Parse("CONNECT  52 \r\n").value(), 52);
}

TEST(ConnectLineTest, TakesTheLineByteByByte) {
  ConnectLine line;
  const std::string text = "CONNECT 1234\n";
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    const Result result = Feed(line, text.substr(i, 1));
    ASSERT_THAT(result, IsOk());
    EXPECT_EQ(*result, std::nullopt) << i;
    EXPECT_FALSE(line.Room().empty());
  }
  EXPECT_EQ(Feed(line, "\n").value(), 1234);
  EXPECT_EQ(line.rest(), "");
}

TEST(ConnectLineTest, KeepsTheBytesBehindTheLine) {
  ConnectLine line;
  EXPECT_EQ(Feed(line, "CONNECT 5\nabc").value(), 5);
  EXPECT_EQ(line.rest(), "abc");
  line.ConsumeRest(2);
  EXPECT_EQ(line.rest(), "c");
  line.ConsumeRest(1);
  EXPECT_EQ(line.rest(), "");
}

TEST(ConnectLineTest, RefusesGarbageAtItsFirstByte) {
  for (const char* text : {"G", "GET / HTTP/1.1\r\n", "\n", "CONNECT\n", "CONNECTX", "CON 1\n"}) {
    EXPECT_THAT(Parse(text), StatusIs(absl::StatusCode::kInvalidArgument,
                                      "the first line is not CONNECT <port>"))
        << text;
  }
}

TEST(ConnectLineTest, RefusesBadPorts) {
  for (const char* text : {"CONNECT \n", "CONNECT -1\n", "CONNECT +1\n", "CONNECT 4294967296\n",
                           "CONNECT 1 2\n", "CONNECT 0x10\n", "CONNECT 12a\n"}) {
    EXPECT_THAT(Parse(text), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no port")))
        << text;
  }
  EXPECT_THAT(Parse(absl::string_view("CONNECT 1\0\n", 11)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no port")));
}

TEST(ConnectLineTest, RefusesALineOfMoreThan32Bytes) {
  EXPECT_EQ(Parse("CONNECT                      12\n").value(), 12);
  EXPECT_THAT(Parse("CONNECT                       12\n"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("longer than 32 bytes")));
}

}  // namespace
}  // namespace voidbox
