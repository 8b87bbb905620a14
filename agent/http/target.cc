#include "agent/http/target.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

absl::StatusOr<std::string> Decoded(absl::string_view text, bool plus_is_space) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+' && plus_is_space) c = ' ';
    if (c == '%') {
      const absl::string_view digits = text.substr(i + 1, 2);
      if (digits.size() != 2 || !absl::ascii_isxdigit(static_cast<unsigned char>(digits[0])) ||
          !absl::ascii_isxdigit(static_cast<unsigned char>(digits[1]))) {
        return absl::InvalidArgumentError(
            "request target: a percent sign that two hexadecimal digits do not follow");
      }
      c = absl::HexStringToBytes(digits)[0];
      i += 2;
    }
    if (c == '\0') return absl::InvalidArgumentError("request target: contains a NUL");
    decoded += c;
  }
  return decoded;
}

std::string WithoutEmptySegments(absl::string_view path) {
  std::string result;
  for (const absl::string_view segment : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    absl::StrAppend(&result, "/", segment);
  }
  return result.empty() ? "/" : result;
}

absl::Status ParseQuery(absl::string_view text, Target& target) {
  for (const absl::string_view pair : absl::StrSplit(text, '&', absl::SkipEmpty())) {
    const size_t equals = pair.find('=');
    const absl::string_view value =
        equals == absl::string_view::npos ? absl::string_view() : pair.substr(equals + 1);
    ASSIGN_OR_RETURN(std::string name, Decoded(pair.substr(0, equals), true));
    ASSIGN_OR_RETURN(std::string decoded, Decoded(value, true));
    if (!target.query.emplace(std::move(name), std::move(decoded)).second) {
      return absl::InvalidArgumentError("request target: a query parameter is given twice");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Target> ParseTarget(absl::string_view text) {
  constexpr absl::string_view kScheme = "http://";
  if (absl::StartsWithIgnoreCase(text, kScheme)) {
    text.remove_prefix(kScheme.size());
    const size_t authority = text.find_first_of("/?");
    text.remove_prefix(authority == absl::string_view::npos ? text.size() : authority);
  } else if (!absl::StartsWith(text, "/")) {
    return absl::InvalidArgumentError("request target: neither a path nor an http URL");
  }
  // A fragment is not sent by those who keep to RFC 3986 §3.5.
  text = text.substr(0, text.find('#'));
  const size_t question = text.find('?');
  Target target;
  ASSIGN_OR_RETURN(const std::string path, Decoded(text.substr(0, question), false));
  target.path = WithoutEmptySegments(path);
  if (question != absl::string_view::npos) {
    RETURN_IF_ERROR(ParseQuery(text.substr(question + 1), target));
  }
  return target;
}

}  // namespace voidbox
