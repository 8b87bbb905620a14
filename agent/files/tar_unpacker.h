#ifndef VOIDBOX_AGENT_FILES_TAR_UNPACKER_H_
#define VOIDBOX_AGENT_FILES_TAR_UNPACKER_H_

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// The next bytes of a stream, valid until the next call; empty at its end.
using PieceSource = std::function<absl::StatusOr<absl::string_view>()>;

struct TarLimits {
  // Of the unpacked files together. The archive itself may unpack to so much and its headers.
  uint64_t max_bytes = uint64_t{16} << 30;
  uint64_t max_entries = 1'000'000;
  // Of all entries' paths together, with something for each: they are remembered until all is in
  // place.
  uint64_t max_path_bytes = uint64_t{128} << 20;
};

struct TarCount {
  uint64_t files = 0;
  uint64_t bytes = 0;     // of them
  uint64_t left_out = 0;  // entries that a download leaves out
};

// Unpacks a tar archive (ustar, pax, GNU), packed with gzip or not, beneath `directory`. Each entry
// is checked before anything of it is written (CheckTarEntry); owners are whoever writes, set-id
// bits and extended attributes are dropped. INVALID_ARGUMENT for what the policy refuses and for an
// archive that is damaged, cut short or not packed as `gzip` says; RESOURCE_EXHAUSTED at a limit
// and on a full disk; the source's errors. After an error, what came before is there.
absl::StatusOr<TarCount> UnpackTar(const PieceSource& source, bool gzip, const TarLimits& limits,
                                   int directory);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_FILES_TAR_UNPACKER_H_
