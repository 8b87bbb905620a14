#include "agent/http/output_text.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/escaping.h"

namespace voidbox {
namespace {

// JSON writes a control character in six bytes: text may have one in so many, as coloured text has.
constexpr size_t kBytesPerControl = 8;

// Bytes of the sequence that begins with `lead`; 0 when none does (Unicode 15, table 3-7).
size_t SequenceLength(uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  if (lead >= 0xf0 && lead <= 0xf4) return 4;
  return 0;
}

bool IsContinuation(char c) { return (static_cast<uint8_t>(c) & 0xc0) == 0x80; }

// Whether the second byte is one that may follow the first: no overlong forms, no surrogates,
// nothing above U+10FFFF.
bool MayFollow(uint8_t lead, uint8_t second) {
  switch (lead) {
    case 0xe0:
      return second >= 0xa0;
    case 0xed:
      return second <= 0x9f;
    case 0xf0:
      return second >= 0x90;
    case 0xf4:
      return second <= 0x8f;
    default:
      return true;
  }
}

// Bytes of the character at the start; 0 when it is none, or cut.
size_t CharacterLength(absl::string_view bytes) {
  const auto lead = static_cast<uint8_t>(bytes[0]);
  const size_t length = SequenceLength(lead);
  if (length == 0 || length > bytes.size()) return 0;
  const absl::string_view rest = bytes.substr(1, length - 1);
  if (!std::all_of(rest.begin(), rest.end(), IsContinuation)) return 0;
  return length == 1 || MayFollow(lead, static_cast<uint8_t>(bytes[1])) ? length : 0;
}

bool IsText(absl::string_view bytes) {
  size_t controls = 0;
  for (size_t i = 0; i < bytes.size();) {
    const size_t length = CharacterLength(bytes.substr(i));
    if (length == 0) return false;
    const char c = bytes[i];
    if ((c >= '\0' && c < ' ' && c != '\n' && c != '\t' && c != '\r') || c == '\x7f') ++controls;
    i += length;
  }
  return controls <= bytes.size() / kBytesPerControl + 1;
}

}  // namespace

OutputText ToOutputText(absl::string_view bytes) {
  if (IsText(bytes)) return {.text = std::string(bytes)};
  return {.text = absl::Base64Escape(bytes), .base64 = true};
}

size_t WholeCharacters(absl::string_view bytes) {
  constexpr size_t kLongest = 4;
  for (size_t back = 1; back < kLongest && back <= bytes.size(); ++back) {
    const char c = bytes[bytes.size() - back];
    if (IsContinuation(c)) continue;
    const bool cut = SequenceLength(static_cast<uint8_t>(c)) > back;
    return cut ? bytes.size() - back : bytes.size();
  }
  return bytes.size();
}

}  // namespace voidbox
