#include "image/oci_reference.h"

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace voidbox {
namespace {

constexpr absl::string_view kDockerHub = "docker.io";
constexpr size_t kMinDigits = 12;  // as Docker shows a digest
constexpr size_t kDigits = 64;
constexpr int kUnknownRank = 9;

// Whether what stands in front of the first slash is a registry and not a user of Docker's.
bool IsRegistry(absl::string_view part) {
  return absl::StrContains(part, '.') || absl::StrContains(part, ':') || part == "localhost" ||
         std::any_of(part.begin(), part.end(), absl::ascii_isupper);
}

}  // namespace

std::string CompleteImageName(absl::string_view name) {
  name = name.substr(0, name.find('@'));
  absl::string_view registry = kDockerHub;
  absl::string_view path = name;
  const size_t slash = name.find('/');
  if (slash != name.npos && IsRegistry(name.substr(0, slash))) {
    registry = name.substr(0, slash);
    path = name.substr(slash + 1);
  }
  if (registry == "index.docker.io") registry = kDockerHub;
  const bool is_official = registry == kDockerHub && !absl::StrContains(path, '/');
  const bool has_tag = absl::StrContains(path.substr(path.rfind('/') + 1), ':');
  return absl::StrCat(registry, "/", is_official ? "library/" : "", path, has_tag ? "" : ":latest");
}

bool ReferenceNames(absl::string_view reference, absl::string_view name) {
  if (name.empty() || reference.empty()) return false;
  return reference == name || CompleteImageName(reference) == CompleteImageName(name);
}

bool ReferenceIsDigest(absl::string_view reference, absl::string_view hex) {
  absl::string_view digits = reference;
  if (const size_t at = reference.find('@'); at != reference.npos) digits.remove_prefix(at + 1);
  absl::ConsumePrefix(&digits, "sha256:");
  return digits.size() >= kMinDigits && digits.size() <= kDigits && absl::StartsWith(hex, digits);
}

absl::StatusOr<std::string> ParseGuestPlatform(absl::string_view platform) {
  const std::vector<absl::string_view> parts = absl::StrSplit(platform, '/');
  if (platform.empty()) return std::string();
  if (parts.size() < 2 || parts.size() > 3 || parts[0].empty() || parts[1].empty() ||
      !IsGuestPlatform(parts[0], parts[1])) {
    return absl::InvalidArgumentError(
        absl::StrCat("platform '", absl::CHexEscape(platform.substr(0, 64)),
                     "' is none of a guest: linux/amd64, or a variant of it as linux/amd64/v3"));
  }
  return parts.size() == 3 ? std::string(parts[2]) : std::string();
}

bool IsGuestPlatform(absl::string_view os, absl::string_view architecture) {
  return (os.empty() || os == "linux") && (architecture.empty() || architecture == "amd64" ||
                                           architecture == "x86_64" || architecture == "x86-64");
}

int VariantRank(absl::string_view variant) {
  if (variant.empty() || variant == "v1") return 0;
  const bool is_known =
      variant.size() == 2 && variant[0] == 'v' && variant[1] >= '2' && variant[1] <= '4';
  return is_known ? variant[1] - '0' : kUnknownRank;
}

}  // namespace voidbox
