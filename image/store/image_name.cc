#include "image/store/image_name.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace voidbox {
namespace {

constexpr size_t kMaxNameBytes = 64;

bool IsAlphanumeric(char c) {
  return absl::ascii_islower(static_cast<unsigned char>(c)) ||
         absl::ascii_isdigit(static_cast<unsigned char>(c));
}

}  // namespace

absl::Status ValidateImageName(absl::string_view name) {
  const bool valid = !name.empty() && name.size() <= kMaxNameBytes && IsAlphanumeric(name[0]) &&
                     std::all_of(name.begin(), name.end(), [](char c) {
                       return IsAlphanumeric(c) || c == '.' || c == '_' || c == '-';
                     });
  if (valid) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "image name '", absl::CHexEscape(name.substr(0, 2 * kMaxNameBytes)), "' is not 1 to ",
      kMaxNameBytes, " of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit"));
}

}  // namespace voidbox
