#include "image/store/kernel_release.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/about_status.h"
#include "base/read_at.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr absl::string_view kBanner = "Linux version ";
constexpr size_t kMaxReleaseBytes = 64;  // of utsname::release
constexpr size_t kPieceBytes = 1 << 20;
// What a piece repeats of the one before: a banner that begins in the one may end in the other.
constexpr size_t kOverlapBytes = kBanner.size() + kMaxReleaseBytes + 1;

// The release of the first banner in `text`; empty when there is none. "Linux version %s" is a
// format, not a banner.
std::string ReleaseIn(absl::string_view text) {
  for (size_t at = text.find(kBanner); at != absl::string_view::npos;
       at = text.find(kBanner, at + 1)) {
    const absl::string_view rest = text.substr(at + kBanner.size());
    const auto end = std::find_if_not(rest.begin(), rest.end(), absl::ascii_isgraph);
    const auto size = static_cast<size_t>(end - rest.begin());
    const bool ends = end != rest.end() && *end == ' ';
    if (ends && size <= kMaxReleaseBytes && size > 0 && absl::ascii_isdigit(rest[0])) {
      return std::string(rest.substr(0, size));
    }
  }
  return "";
}

}  // namespace

absl::StatusOr<std::string> FindKernelRelease(int fd, uint64_t bytes) {
  std::string piece;
  for (uint64_t offset = 0; offset < bytes;) {
    const size_t kept = std::min(piece.size(), kOverlapBytes);
    piece.erase(0, piece.size() - kept);
    piece.resize(kept + std::min<uint64_t>(kPieceBytes, bytes - offset));
    const auto got = ReadUpToAt(fd, offset, piece.data() + kept, piece.size() - kept);
    if (!got.ok()) return About("reading the kernel", got.status());
    if (*got == 0) break;
    piece.resize(kept + *got);
    offset += *got;
    if (std::string release = ReleaseIn(piece); !release.empty()) return release;
  }
  return std::string();
}

bool IsOwnKernelRelease(absl::string_view release) { return absl::EndsWith(release, "-voidbox"); }

}  // namespace voidbox
