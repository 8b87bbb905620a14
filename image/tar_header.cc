#include "image/tar_header.h"

#include <algorithm>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr size_t kShownBytes = 64;  // of a field in a message

// Where the fields lie, in bytes.
struct Field {
  size_t offset;
  size_t size;
};
constexpr Field kName = {0, 100};
constexpr Field kMode = {100, 8};
constexpr Field kUid = {108, 8};
constexpr Field kGid = {116, 8};
constexpr Field kSize = {124, 12};
constexpr Field kMtime = {136, 12};
constexpr Field kChecksum = {148, 8};
constexpr size_t kType = 156;
constexpr Field kLink = {157, 100};
constexpr Field kMagic = {257, 8};
constexpr Field kMajor = {329, 8};
constexpr Field kMinor = {337, 8};
constexpr Field kPrefix = {345, 155};
constexpr Field kStarPrefix = {345, 131};  // atime and ctime follow
constexpr Field kStarTrailer = {508, 4};

absl::string_view Bytes(absl::string_view block, Field field) {
  return block.substr(field.offset, field.size);
}

// Up to the first NUL.
absl::string_view Text(absl::string_view block, Field field) {
  const absl::string_view bytes = Bytes(block, field);
  return bytes.substr(0, bytes.find('\0'));
}

absl::Status NoNumber(absl::string_view field) {
  return absl::DataLossError(
      absl::StrCat("damaged: '", absl::CHexEscape(field.substr(0, kShownBytes)), "' is no number"));
}

// Both sums are in use: of bytes without a sign, as POSIX has it, and with one.
absl::Status CheckSum(absl::string_view block) {
  ASSIGN_OR_RETURN(const int64_t expected, ParseTarNumber(Bytes(block, kChecksum)));
  int64_t with_sign = 0;
  int64_t without = 0;
  for (size_t i = 0; i < block.size(); ++i) {
    const bool is_sum = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.size;
    const char c = is_sum ? ' ' : block[i];
    with_sign += static_cast<signed char>(c);
    without += static_cast<unsigned char>(c);
  }
  if (expected == with_sign || expected == without) return absl::OkStatus();
  return absl::DataLossError("damaged: a header's checksum is wrong");
}

// Two's complement, with the first bit as a mark.
absl::StatusOr<int64_t> ParseBinary(absl::string_view field) {
  const bool is_negative = (static_cast<unsigned char>(field[0]) & 0x40) != 0;
  uint64_t value = is_negative ? ~uint64_t{0} : 0;
  for (size_t i = 0; i < field.size(); ++i) {
    auto byte = static_cast<unsigned char>(field[i]);
    if (i == 0) byte = static_cast<unsigned char>(is_negative ? byte | 0x80 : byte & 0x7f);
    // What is shifted out must say no more than the sign.
    if (value >> 55 != (is_negative ? 0x1ff : 0)) return NoNumber(field);
    value = value << 8 | byte;
  }
  return static_cast<int64_t>(value);
}

}  // namespace

bool IsZeroTarBlock(absl::string_view block) {
  return std::all_of(block.begin(), block.end(), [](char c) { return c == '\0'; });
}

absl::StatusOr<int64_t> ParseTarNumber(absl::string_view field) {
  if (!field.empty() && (static_cast<unsigned char>(field[0]) & 0x80) != 0) {
    return ParseBinary(field);
  }
  absl::string_view digits = absl::StripLeadingAsciiWhitespace(field);
  digits = digits.substr(0, digits.find('\0'));
  digits = absl::StripTrailingAsciiWhitespace(digits);
  int64_t value = 0;
  for (const char digit : digits) {
    if (digit < '0' || digit > '7' || value >> 60 != 0) return NoNumber(field);
    value = value << 3 | (digit - '0');
  }
  return value;  // 0 for an empty field
}

absl::StatusOr<TarHeader> ParseTarHeader(absl::string_view block) {
  RETURN_IF_ERROR(CheckSum(block));
  TarHeader header;
  header.name = std::string(Text(block, kName));
  header.link = std::string(Text(block, kLink));
  header.type = block[kType];
  ASSIGN_OR_RETURN(header.mode, ParseTarNumber(Bytes(block, kMode)));
  ASSIGN_OR_RETURN(header.uid, ParseTarNumber(Bytes(block, kUid)));
  ASSIGN_OR_RETURN(header.gid, ParseTarNumber(Bytes(block, kGid)));
  ASSIGN_OR_RETURN(header.size, ParseTarNumber(Bytes(block, kSize)));
  ASSIGN_OR_RETURN(header.mtime, ParseTarNumber(Bytes(block, kMtime)));
  if (header.size < 0) return NoNumber(Bytes(block, kSize));
  const absl::string_view magic = Bytes(block, kMagic);
  const bool is_gnu = magic == absl::string_view("ustar  \0", 8);
  const bool is_posix = magic.substr(0, 6) == absl::string_view("ustar\0", 6);
  if (!is_gnu && !is_posix) return header;  // V7
  ASSIGN_OR_RETURN(header.major, ParseTarNumber(Bytes(block, kMajor)));
  ASSIGN_OR_RETURN(header.minor, ParseTarNumber(Bytes(block, kMinor)));
  const bool is_star = Bytes(block, kStarTrailer) == absl::string_view("tar\0", 4);
  const absl::string_view prefix = Text(block, is_star ? kStarPrefix : kPrefix);
  if (is_posix && !prefix.empty()) header.name = absl::StrCat(prefix, "/", header.name);
  return header;
}

absl::StatusOr<PaxRecords> ParsePaxRecords(absl::string_view text) {
  PaxRecords records;
  while (!text.empty()) {
    // "LENGTH KEY=VALUE\n", the length of all of it in decimal.
    const size_t space = text.find(' ');
    uint64_t length = 0;
    if (space != text.npos) {
      ASSIGN_OR_RETURN(length, ParsePaxNumber(text.substr(0, space)));
    }
    const bool is_whole = length > space + 1 && length <= text.size() && text[length - 1] == '\n';
    if (space == text.npos || !is_whole) {
      return absl::DataLossError("damaged: a pax record is not as long as it says");
    }
    const absl::string_view record = text.substr(space + 1, length - space - 2);
    const size_t equals = record.find('=');
    if (equals == record.npos || equals == 0) {
      return absl::DataLossError("damaged: a pax record without a key");
    }
    records.emplace_back(record.substr(0, equals), record.substr(equals + 1));
    text.remove_prefix(length);
  }
  return records;
}

absl::StatusOr<uint64_t> ParsePaxNumber(absl::string_view text) {
  uint64_t value = 0;
  const bool is_digits = std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
  if (text.empty() || !is_digits || !absl::SimpleAtoi(text, &value)) return NoNumber(text);
  return value;
}

absl::StatusOr<int64_t> ParsePaxSeconds(absl::string_view text) {
  absl::string_view whole = text;
  const bool is_negative = absl::ConsumePrefix(&whole, "-");
  const size_t point = std::min(whole.find('.'), whole.size());
  const absl::string_view fraction = whole.substr(std::min(point + 1, whole.size()));
  whole = whole.substr(0, point);
  const auto is_digits = [](absl::string_view part) {
    return std::all_of(part.begin(), part.end(), absl::ascii_isdigit);
  };
  if (whole.empty() || !is_digits(whole) || !is_digits(fraction)) return NoNumber(text);
  int64_t seconds = 0;
  if (!absl::SimpleAtoi(whole, &seconds)) {
    return is_negative ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
  }
  const bool has_rest = fraction.find_first_not_of('0') != fraction.npos;
  return is_negative ? -seconds - (has_rest ? 1 : 0) : seconds;
}

}  // namespace voidbox
