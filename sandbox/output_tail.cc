#include "sandbox/output_tail.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace voidbox {

void OutputTail::Append(absl::string_view bytes) {
  if (bytes.size() > max_bytes_) bytes.remove_prefix(bytes.size() - max_bytes_);
  // Cut only now and then, so that each byte is moved once.
  if (bytes_.size() + bytes.size() > 2 * max_bytes_) {
    bytes_.erase(0, bytes_.size() - std::min(bytes_.size(), max_bytes_));
  }
  bytes_.append(bytes.data(), bytes.size());
}

std::string OutputTail::LastLines(size_t max_lines) const {
  std::vector<absl::string_view> lines =
      absl::StrSplit(bytes_, absl::ByAnyChar("\r\n"), absl::SkipWhitespace());
  if (lines.size() > max_lines) lines.erase(lines.begin(), lines.end() - max_lines);
  std::string text;
  for (const absl::string_view line : lines) {
    absl::StrAppend(&text, "  ");
    for (const char c : line) {
      const auto byte = static_cast<unsigned char>(c);
      text.push_back(c == '\t' || absl::ascii_isprint(byte) ? c : '?');
    }
    text.push_back('\n');
  }
  return text;
}

}  // namespace voidbox
