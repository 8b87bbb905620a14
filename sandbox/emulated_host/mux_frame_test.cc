#include "sandbox/emulated_host/mux_frame.h"

#include <string>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::_;

TEST(MuxFrameTest, SurvivesByteByByteDelivery) {
  std::string wire;
  AppendMuxFrame({.stream = 0x01020304, .type = MuxFrame::Type::kOpen}, wire);
  AppendMuxFrame({.stream = 7, .type = MuxFrame::Type::kOpen, .payload = "why"}, wire);
  AppendMuxFrame({.stream = 7, .type = MuxFrame::Type::kData, .payload = "abc"}, wire);
  AppendMuxFrame({.stream = 7, .type = MuxFrame::Type::kCredit, .credit = 0xfffefdfc}, wire);
  AppendMuxFrame({.stream = 7, .type = MuxFrame::Type::kFinish}, wire);
  AppendMuxFrame({.stream = 7, .type = MuxFrame::Type::kReset}, wire);
  MuxFrameReader reader;
  std::string seen;
  for (const char c : wire) {
    reader.Append(std::string(1, c));
    auto frame = reader.Next();
    ASSERT_THAT(frame, IsOk());
    if (!frame->has_value()) continue;
    const MuxFrame& f = **frame;
    seen += std::to_string(f.stream) + "/" + std::to_string(static_cast<int>(f.type)) + "/" +
            std::string(f.payload) + "/" + std::to_string(f.credit) + " ";
  }
  EXPECT_EQ(seen, "16909060/1//0 7/1/why/0 7/2/abc/0 7/3//4294901244 7/4//0 7/5//0 ");
}

TEST(MuxFrameTest, WireFormIsFixed) {
  std::string wire;
  AppendMuxFrame({.stream = 0x04030201, .type = MuxFrame::Type::kData, .payload = "x"}, wire);
  EXPECT_EQ(wire, std::string("\x01\x02\x03\x04\x02\x00\x01\x00x", 9));
}

TEST(MuxFrameTest, RefusesWhatIsNotAFrame) {
  const std::string bad[] = {
      std::string("\1\0\0\0\0\0\0\0", 8),          // type 0
      std::string("\1\0\0\0\6\0\0\0", 8),          // type 6
      std::string("\1\0\0\0\1\1\0\0", 8),          // flags
      std::string("\1\0\0\0\1\0\1\x10", 8),        // open with a purpose of 4097 bytes
      std::string("\1\0\0\0\2\0\0\0", 8),          // data without one
      std::string("\1\0\0\0\2\0\1\x40", 8),        // 16385 bytes of data
      std::string("\1\0\0\0\3\0\3\0", 8),          // credit of 3 bytes
      std::string("\1\0\0\0\xff\xff\xff\xff", 8),  // garbage
  };
  for (const std::string& bytes : bad) {
    MuxFrameReader reader;
    reader.Append(bytes);
    EXPECT_THAT(reader.Next(), StatusIs(absl::StatusCode::kInvalidArgument, _));
  }
}

}  // namespace
}  // namespace voidbox
