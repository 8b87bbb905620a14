#include "vmm/arch/x86_64/aml.h"

#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace voidbox::aml {
namespace {

// §20.3, the byte values.
constexpr char kZeroOp = 0x00, kOneOp = 0x01, kNameOp = 0x08, kBytePrefix = 0x0a;
constexpr char kWordPrefix = 0x0b, kDWordPrefix = 0x0c, kStringPrefix = 0x0d, kQWordPrefix = 0x0e;
constexpr char kScopeOp = 0x10, kBufferOp = 0x11, kExtOpPrefix = 0x5b;
constexpr char kDeviceOp = static_cast<char>(0x82);
constexpr char kRootChar = '\\';

// §6.4.2 and §6.4.3: tags of resource descriptors, small ones with their length.
constexpr char kIoPortTag = 0x47, kEndTag = 0x79;
constexpr char kMemory32FixedTag = static_cast<char>(0x86);
constexpr char kInterruptTag = static_cast<char>(0x89);

constexpr size_t kSegmentBytes = 4;
constexpr size_t kMaxPackageBytes = (1 << 28) - 1;

std::string LittleEndian(uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> 8 * i & 0xff);
  return out;
}

// §20.2.4: the length counts its own bytes. One byte holds up to 63; the first of more holds the
// lowest four bits and says how many follow.
std::string Package(absl::string_view body) {
  Check(body.size() + 4 <= kMaxPackageBytes, "an AML package is below 256 MiB");
  if (body.size() + 1 < 1 << 6) {
    return absl::StrCat(LittleEndian(body.size() + 1, 1), body);
  }
  int following = 1;
  while ((body.size() + 1 + following) >> (4 + 8 * following) != 0) ++following;
  const uint64_t length = body.size() + 1 + following;
  return absl::StrCat(LittleEndian(static_cast<uint64_t>(following) << 6 | (length & 0xf), 1),
                      LittleEndian(length >> 4, following), body);
}

absl::string_view Segment(absl::string_view segment) {
  Check(segment.size() == kSegmentBytes, "an AML name has four characters");
  return segment;
}

std::string Op(char op, absl::string_view rest) {
  return absl::StrCat(absl::string_view(&op, 1), rest);
}

}  // namespace

std::string Integer(uint64_t value) {
  if (value == 0) return std::string(1, kZeroOp);
  if (value == 1) return std::string(1, kOneOp);
  if (value <= UINT8_MAX) return Op(kBytePrefix, LittleEndian(value, 1));
  if (value <= UINT16_MAX) return Op(kWordPrefix, LittleEndian(value, 2));
  if (value <= UINT32_MAX) return Op(kDWordPrefix, LittleEndian(value, 4));
  return Op(kQWordPrefix, LittleEndian(value, 8));
}

std::string String(absl::string_view text) {
  std::string out = Op(kStringPrefix, text);
  out += '\0';
  return out;
}

std::string EisaId(absl::string_view id) {
  Check(id.size() == 7, "an EISA id has seven characters");
  // Five bits for each letter, four for each digit, the most significant byte first.
  uint32_t packed = 0;
  for (const char letter : id.substr(0, 3)) {
    packed = packed << 5 | static_cast<uint32_t>(letter - 'A' + 1);
  }
  for (const char digit : id.substr(3)) {
    packed = packed << 4 |
             static_cast<uint32_t>(absl::ascii_isdigit(digit) ? digit - '0' : digit - 'A' + 10);
  }
  std::string bytes = LittleEndian(packed, 4);
  return Op(kDWordPrefix, std::string(bytes.rbegin(), bytes.rend()));
}

std::string Name(absl::string_view segment, absl::string_view value) {
  return Op(kNameOp, absl::StrCat(Segment(segment), value));
}

std::string Scope(absl::string_view segment, absl::string_view terms) {
  return Op(kScopeOp, Package(absl::StrCat(Op(kRootChar, Segment(segment)), terms)));
}

std::string Device(absl::string_view segment, absl::string_view terms) {
  return Op(kExtOpPrefix, Op(kDeviceOp, Package(absl::StrCat(Segment(segment), terms))));
}

std::string ResourceTemplate(absl::string_view descriptors) {
  // A checksum of zero counts as right.
  const std::string bytes = absl::StrCat(descriptors, Op(kEndTag, LittleEndian(0, 1)));
  return Op(kBufferOp, Package(absl::StrCat(Integer(bytes.size()), bytes)));
}

std::string Memory32Fixed(uint32_t address, uint32_t bytes) {
  constexpr uint8_t kWritable = 1;
  return Op(kMemory32FixedTag, absl::StrCat(LittleEndian(9, 2), LittleEndian(kWritable, 1),
                                            LittleEndian(address, 4), LittleEndian(bytes, 4)));
}

std::string IoPorts(uint16_t first, uint8_t count) {
  constexpr uint8_t kDecode16 = 1, kAlignment = 1;
  return Op(kIoPortTag,
            absl::StrCat(LittleEndian(kDecode16, 1), LittleEndian(first, 2), LittleEndian(first, 2),
                         LittleEndian(kAlignment, 1), LittleEndian(count, 1)));
}

std::string Interrupt(uint32_t line) {
  constexpr uint8_t kConsumer = 1 << 0, kEdge = 1 << 1, kOneLine = 1;
  return Op(kInterruptTag, absl::StrCat(LittleEndian(6, 2), LittleEndian(kConsumer | kEdge, 1),
                                        LittleEndian(kOneLine, 1), LittleEndian(line, 4)));
}

}  // namespace voidbox::aml
