#include "vmm/arch/x86_64/aml.h"

#include <gtest/gtest.h>

#include <string>

namespace voidbox::aml {
namespace {

// Bytes out of a literal that may contain zeroes.
template <size_t kSize>
std::string B(const char (&bytes)[kSize]) {
  return std::string(bytes, kSize - 1);
}

// The expected bytes are what iasl 20200925 compiles the ASL in the comments to.

TEST(AmlTest, IntegersTakeTheirShortestForm) {
  EXPECT_EQ(Integer(0), B("\x00"));
  EXPECT_EQ(Integer(1), B("\x01"));
  EXPECT_EQ(Integer(2), B("\x0a\x02"));
  EXPECT_EQ(Integer(0xff), B("\x0a\xff"));
  EXPECT_EQ(Integer(0x100), B("\x0b\x00\x01"));
  EXPECT_EQ(Integer(0xffff), B("\x0b\xff\xff"));
  EXPECT_EQ(Integer(0x10000), B("\x0c\x00\x00\x01\x00"));
  EXPECT_EQ(Integer(0x123456789a), B("\x0e\x9a\x78\x56\x34\x12\x00\x00\x00"));
}

TEST(AmlTest, Names) {
  EXPECT_EQ(Name("_HID", String("LNRO0005")), B("\x08_HID\x0dLNRO0005\0"));
  EXPECT_EQ(Name("_HID", EisaId("PNP0501")), B("\x08_HID\x0c\x41\xd0\x05\x01"));
  EXPECT_EQ(EisaId("PNP0A0F"), B("\x0c\x41\xd0\x0a\x0f"));
}

TEST(AmlTest, DevicesInAScope) {
  // Scope (\_SB) { Device (VR00) { Name (_UID, 1) } }
  EXPECT_EQ(Scope("_SB_", Device("VR00", Name("_UID", Integer(1)))),
            B("\x10\x13\\_SB_\x5b\x82\x0bVR00\x08_UID\x01"));
}

TEST(AmlTest, PackageLengthsCountTheirOwnBytes) {
  const auto head = [](size_t body) {
    return Device("DEV0", std::string(body - 4, 'x')).substr(2, 4);
  };
  EXPECT_EQ(head(62).substr(0, 1), B("\x3f"));        // 63: the last of one byte
  EXPECT_EQ(head(63).substr(0, 2), B("\x41\x04"));    // 65
  EXPECT_EQ(head(4093).substr(0, 2), B("\x4f\xff"));  // 4095: the last of two
  EXPECT_EQ(head(4094).substr(0, 3), B("\x81\x00\x01"));
  EXPECT_EQ(head(1048572).substr(0, 3), B("\x8f\xff\xff"));
  EXPECT_EQ(head(1048573).substr(0, 4), B("\xc1\x00\x00\x01"));
}

TEST(AmlTest, Resources) {
  // ResourceTemplate () { Memory32Fixed (ReadWrite, 0xD0001000, 0x1000)
  //                       Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 6 } }
  EXPECT_EQ(ResourceTemplate(Memory32Fixed(0xd0001000, 0x1000) + Interrupt(6)),
            B("\x11\x1a\x0a\x17"
              "\x86\x09\x00\x01\x00\x10\x00\xd0\x00\x10\x00\x00"
              "\x89\x06\x00\x03\x01\x06\x00\x00\x00"
              "\x79\x00"));
  // IO (Decode16, 0x3F8, 0x3F8, 1, 8)
  EXPECT_EQ(IoPorts(0x3f8, 8), B("\x47\x01\xf8\x03\xf8\x03\x01\x08"));
}

}  // namespace
}  // namespace voidbox::aml
