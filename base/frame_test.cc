#include "base/frame.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/frame_test.pb.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

TestMessage Message(const std::string& text) {
  TestMessage message;
  message.set_value(text);
  return message;
}

std::string Frame(const std::string& text) {
  std::string bytes;
  EXPECT_THAT(AppendFrame(Message(text), bytes), IsOk());
  return bytes;
}

TEST(FrameTest, LengthIsLittleEndian) {
  const std::string frame = Frame("ab");
  EXPECT_EQ(frame, std::string("\x04\0\0\0\x0a\x02"
                               "ab",
                               8));
}

TEST(FrameTest, RefusesToWriteAnOversizedMessage) {
  std::string bytes;
  EXPECT_THAT(AppendFrame(Message(std::string(kMaxFrameBytes, 'x')), bytes),
              StatusIs(absl::StatusCode::kResourceExhausted, ::testing::HasSubstr("limit")));
  EXPECT_EQ(bytes, "");
}

TEST(FrameReaderTest, TakesFramesThatArriveByteByByte) {
  const std::string bytes = Frame("one") + Frame("") + Frame("three");
  FrameReader reader;
  std::vector<std::string> got;
  for (char c : bytes) {
    reader.Append(std::string(1, c));
    for (;;) {
      auto next = reader.Next();
      ASSERT_THAT(next, IsOk());
      if (!*next) break;
      TestMessage message;
      ASSERT_TRUE(message.ParseFromArray((*next)->data(), static_cast<int>((*next)->size())));
      got.push_back(message.value());
    }
  }
  EXPECT_EQ(got, (std::vector<std::string>{"one", "", "three"}));
  EXPECT_TRUE(reader.AtBoundary());
}

TEST(FrameReaderTest, RefusesALengthBeyondItsLimit) {
  FrameReader reader(16);
  reader.Append(std::string("\x11\0\0\0", 4));
  EXPECT_THAT(reader.Next(), StatusIs(absl::StatusCode::kResourceExhausted,
                                      "frame of 17 bytes is longer than the limit of 16"));
}

TEST(FrameReaderTest, ALimitSetLaterHoldsForTheNextFrame) {
  FrameReader reader(16);
  reader.Append(Frame("12345678") + Frame("12345678"));
  ASSERT_THAT(reader.Next(), IsOk());
  reader.SetMaxBytes(8);
  EXPECT_THAT(reader.Next(), StatusIs(absl::StatusCode::kResourceExhausted,
                                      "frame of 10 bytes is longer than the limit of 8"));
}

TEST(FrameReaderTest, KnowsThatAFrameIsCut) {
  FrameReader reader;
  reader.Append(Frame("abc").substr(0, 6));
  ASSERT_THAT(reader.Next(), IsOk());
  EXPECT_FALSE(reader.AtBoundary());
}

class BlockingFrameTest : public ::testing::Test {
 protected:
  BlockingFrameTest() {
    int pair[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ours_.Reset(pair[0]);
    theirs_.Reset(pair[1]);
  }
  absl::Status ReadAfter(const std::string& bytes) {
    EXPECT_THAT(WriteAll(ours_.get(), bytes), IsOk());
    ours_.Reset();
    return ReadFrame(theirs_.get(), message_);
  }
  UniqueFd ours_, theirs_;
  TestMessage message_;
};

TEST_F(BlockingFrameTest, RoundTrip) {
  EXPECT_THAT(ReadAfter(Frame("hello")), IsOk());
  EXPECT_EQ(message_.value(), "hello");
}

TEST_F(BlockingFrameTest, EndOfStreamIsOutOfRange) {
  EXPECT_THAT(ReadAfter(""), StatusIs(absl::StatusCode::kOutOfRange, "end of stream"));
}

TEST_F(BlockingFrameTest, TruncatedFrameIsDataLoss) {
  EXPECT_THAT(ReadAfter(Frame("hello").substr(0, 8)),
              StatusIs(absl::StatusCode::kDataLoss, "stream ends after 4 of a frame's 7 bytes"));
}

TEST_F(BlockingFrameTest, GarbageIsDataLoss) {
  EXPECT_THAT(ReadAfter(std::string("\x02\0\0\0\xff\xff", 6)),
              StatusIs(absl::StatusCode::kDataLoss, ::testing::HasSubstr("is not a")));
}

}  // namespace
}  // namespace voidbox
