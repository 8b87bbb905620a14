#include "base/printable_text.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace voidbox {
namespace {

constexpr char kCut = 'c';    // the text ends inside of a character
constexpr char kWrong = 'w';  // no character begins here

struct Character {
  uint32_t code = 0;
  size_t bytes = 0;
  char fault = 0;
};

// RFC 3629 §3 and §4: no overlong forms, no surrogates, nothing beyond U+10FFFF.
Character Decode(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return {.code = first, .bytes = 1};
  const size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return {.fault = kWrong};
  uint32_t code = first & (0x7fu >> size);
  for (size_t i = 1; i < size; ++i) {
    if (i == text.size()) return {.fault = kCut};
    // The second byte's bounds are what make a form overlong, a surrogate or too large.
    const unsigned least = i > 1 ? 0x80 : first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const unsigned most = i > 1 ? 0xbf : first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (byte(i) < least || byte(i) > most) return {.fault = kWrong};
    code = code << 6 | (byte(i) & 0x3f);
  }
  return {.code = code, .bytes = size};
}

bool CommandsTerminal(uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
         (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

// Appends what is whole of the text; returns what is not.
absl::string_view Append(absl::string_view text, absl::string_view kept, std::string& out) {
  while (!text.empty()) {
    const Character character = Decode(text);
    if (character.fault == kCut) break;
    if (character.fault == kWrong) {
      absl::StrAppend(&out, "\\x", absl::Hex(static_cast<unsigned char>(text[0])));
      text.remove_prefix(1);
      continue;
    }
    if (!CommandsTerminal(character.code) || kept.find(text[0]) != kept.npos) {
      absl::StrAppend(&out, text.substr(0, character.bytes));
    } else if (character.code < 0x80) {
      absl::StrAppend(&out, "\\x", absl::Hex(character.code, absl::kZeroPad2));
    } else {
      absl::StrAppend(&out, "\\u", absl::Hex(character.code, absl::kZeroPad4));
    }
    text.remove_prefix(character.bytes);
  }
  return text;
}

void AppendBytes(absl::string_view bytes, std::string& out) {
  for (const char byte : bytes) {
    absl::StrAppend(&out, "\\x", absl::Hex(static_cast<unsigned char>(byte)));
  }
}

std::string Printable(absl::string_view text, absl::string_view kept) {
  std::string out;
  out.reserve(text.size());
  AppendBytes(Append(text, kept, out), out);
  return out;
}

}  // namespace

std::string PrintableText(absl::string_view text) { return Printable(text, "\n\t"); }

std::string PrintableLine(absl::string_view text) { return Printable(text, ""); }

std::string PrintableStream::Take(absl::string_view piece) {
  std::string whole;
  if (!cut_.empty()) {
    whole = absl::StrCat(cut_, piece);
    piece = whole;
  }
  std::string out;
  out.reserve(piece.size());
  const absl::string_view rest = Append(piece, "\n\t\r", out);
  cut_ = std::string(rest);
  return out;
}

std::string PrintableStream::Finish() {
  std::string out;
  AppendBytes(cut_, out);
  cut_.clear();
  return out;
}

}  // namespace voidbox
