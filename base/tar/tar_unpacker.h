#ifndef VOIDBOX_BASE_TAR_TAR_UNPACKER_H_
#define VOIDBOX_BASE_TAR_TAR_UNPACKER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

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

// What becomes of symbolic links.
enum class TarLinks {
  kRefuse,  // one ends the unpacking
  kKeep,    // made as they are, whatever they name
  kInside,  // made if they lead to what is unpacked with them (LinkStaysBeneath), else not made
};

// Called with the number of bytes since the last call; an error ends the operation.
using TarProgress = std::function<absl::Status(uint64_t bytes)>;

struct UnpackOptions {
  bool gzip = false;
  TarLimits limits;
  TarLinks links = TarLinks::kRefuse;
  // Not empty: the archive must begin with the file or directory of that name, and have nothing
  // else but what is in it.
  std::string only;
  std::string rename;  // not empty: what that one is called here
  TarProgress progress;
};

struct TarCount {
  static constexpr size_t kMaxListed = 20;

  uint64_t files = 0;
  uint64_t bytes = 0;     // of them
  uint64_t left_out = 0;  // entries that a packer leaves out
  uint64_t links_not_made = 0;
  std::vector<std::string> not_made;  // the first of them, for a person: "'a/b' -> '/etc'"
};

// Unpacks a tar archive (ustar, pax, GNU), packed with gzip or not, beneath `directory`, and reads
// the source to its end: kMaxPaddingBytes may follow the archive. The archive may be hostile. Each
// entry is checked before anything of it is written (CheckTarEntry); nothing is written through a
// link; owners are whoever writes, set-id bits and extended attributes are dropped. Names are kept
// byte for byte. INVALID_ARGUMENT for what the policy refuses and for an archive that is damaged,
// cut short or not packed as `gzip` says; RESOURCE_EXHAUSTED at a limit and on a full disk; the
// source's errors. After an error, what came before is there.
inline constexpr uint64_t kMaxPaddingBytes = 16 << 20;
absl::StatusOr<TarCount> UnpackTar(const PieceSource& source, const UnpackOptions& options,
                                   int directory);

}  // namespace voidbox

#endif  // VOIDBOX_BASE_TAR_TAR_UNPACKER_H_
