#include "image/store/digest.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace voidbox {
namespace {

constexpr size_t kHexDigits = 2 * sizeof(Sha256Digest);

}  // namespace

absl::StatusOr<Digest> Digest::FromHex(absl::string_view hex) {
  const bool lower_hex = std::all_of(hex.begin(), hex.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
  if (hex.size() != kHexDigits || !lower_hex) {
    return absl::InvalidArgumentError(absl::StrCat("'", absl::CHexEscape(hex.substr(0, 80)),
                                                   "' is not ", kHexDigits,
                                                   " lower-case hexadecimal digits"));
  }
  return Digest(std::string(hex));
}

absl::StatusOr<Digest> Digest::Parse(absl::string_view text) {
  absl::string_view hex = text;
  if (!absl::ConsumePrefix(&hex, "sha256:")) {
    return absl::InvalidArgumentError(absl::StrCat("'", absl::CHexEscape(text.substr(0, 80)),
                                                   "' is not a digest such as sha256:0123..."));
  }
  return FromHex(hex);
}

}  // namespace voidbox
