#include "devices/serial.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace voidbox {
namespace {

class SerialTest : public ::testing::Test {
 protected:
  uint8_t In(uint64_t offset) {
    std::array<std::byte, 1> byte;
    serial_.Read(offset, byte);
    return static_cast<uint8_t>(byte[0]);
  }
  void Out(uint64_t offset, uint8_t value) {
    const std::array<std::byte, 1> byte = {std::byte{value}};
    serial_.Write(offset, byte);
  }
  std::string sent_;
  int interrupts_ = 0;
  int ready_ = 0;
  Serial serial_{{.transmit = [this](char c) { sent_ += c; },
                  .interrupt = [this] { ++interrupts_; },
                  .receive_ready = [this] { ++ready_; }}};
};

TEST_F(SerialTest, TransmitsAtOnceAndIsAlwaysEmpty) {
  Out(0, 'h');
  EXPECT_EQ(In(5), 0x60);
  Out(0, 'i');
  EXPECT_EQ(sent_, "hi");
  EXPECT_EQ(interrupts_, 0) << "none were enabled";
}

TEST_F(SerialTest, DivisorLatchHidesTheDataRegister) {
  Out(3, 0x83);
  Out(0, 0x01);
  Out(1, 0x02);
  EXPECT_EQ(In(0), 0x01);
  EXPECT_EQ(In(1), 0x02);
  Out(3, 0x03);
  EXPECT_EQ(sent_, "");
  EXPECT_EQ(In(1), 0x00);
}

TEST_F(SerialTest, TransmitterInterruptIsAnEdgePerByteAndReadingIirClearsIt) {
  Out(1, 0x02);
  EXPECT_EQ(interrupts_, 1);
  EXPECT_EQ(In(2) & 0x0f, 0x02);
  EXPECT_EQ(In(2) & 0x0f, 0x01);
  Out(0, 'x');
  EXPECT_EQ(interrupts_, 2);
}

TEST_F(SerialTest, ReceivedBytesInterruptAndAreReadInOrder) {
  Out(1, 0x01);
  EXPECT_EQ(serial_.Receive("ab"), 2u);
  EXPECT_EQ(interrupts_, 1);
  EXPECT_EQ(In(2) & 0x0f, 0x04);
  EXPECT_EQ(In(5) & 0x01, 0x01);
  EXPECT_EQ(In(0), 'a');
  EXPECT_EQ(In(0), 'b');
  EXPECT_EQ(In(5) & 0x01, 0x00);
  EXPECT_EQ(In(0), 0);
}

TEST_F(SerialTest, ReceiverIsBoundedAndTellsWhenThereIsRoom) {
  EXPECT_EQ(serial_.Receive(std::string(40, 'x')), 16u);
  EXPECT_EQ(serial_.Receive("y"), 0u);
  for (int i = 0; i < 15; ++i) In(0);
  EXPECT_EQ(ready_, 0);
  In(0);
  EXPECT_EQ(ready_, 1);
  In(0);
  EXPECT_EQ(ready_, 1);
}

TEST_F(SerialTest, LoopbackReturnsWhatIsSent) {
  Out(4, 0x10);
  Out(0, 'z');
  EXPECT_EQ(sent_, "");
  EXPECT_EQ(In(0), 'z');
  Out(4, 0x1a);
  EXPECT_EQ(In(6) & 0xf0, 0x90) << "how Linux recognises a UART";
  for (int i = 0; i < 100; ++i) Out(0, 'z');
  Out(4, 0x00);
  int kept = 0;
  while (In(5) & 0x01) In(0), ++kept;
  EXPECT_EQ(kept, 16);
}

TEST_F(SerialTest, ScratchKeepsAndFifoIsSeen) {
  Out(7, 0xa5);
  EXPECT_EQ(In(7), 0xa5);
  EXPECT_EQ(In(2) & 0xc0, 0x00);
  Out(2, 0x01);
  EXPECT_EQ(In(2) & 0xc0, 0xc0);
}

TEST_F(SerialTest, WideAccessesReadOnesAndAreIgnored) {
  std::array<std::byte, 4> wide = {};
  serial_.Write(0, wide);
  EXPECT_EQ(sent_, "");
  serial_.Read(0, wide);
  EXPECT_EQ(wide[0], std::byte{0xff});
}

}  // namespace
}  // namespace voidbox
