#ifndef VOIDBOX_IMAGE_TAR_READER_H_
#define VOIDBOX_IMAGE_TAR_READER_H_

#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "image/byte_source.h"
#include "image/file_tree.h"
#include "image/unpacked_stream.h"

namespace voidbox {

struct TarOptions {
  // Character and block devices. A guest's /dev is the kernel's own devtmpfs, so that an image
  // works without, and a device node in a stranger's archive is a way to the guest's disks.
  enum class Devices {
    kRefuse,
    kDrop,  // and count
    kKeep,
  };
  Devices devices = Devices::kDrop;
  // The archive is a layer (OCI image-spec, layer.md): .wh.NAME removes NAME of lower layers, and
  // .wh..wh..opq all that they have in its directory. Elsewhere these are names as others are.
  bool is_layer = false;
  UnpackLimits unpack_limits;
  // Called with the bytes of the archive that were read so far; may be null.
  std::function<void(uint64_t bytes)> progress;
};

struct TarSummary {
  size_t entries = 0;  // taken, whiteouts included
  size_t dropped_devices = 0;
  size_t dropped_xattrs = 0;  // of kinds that an image does not carry
  uint64_t packed_bytes = 0;  // of the archive
  uint64_t unpacked_bytes = 0;
};

// Adds what a tar archive has (ustar, GNU, pax; packed with gzip, zstd, xz or not) to a tree. Each
// entry is checked before its data is read. Kept are type, mode (with its set-id bits), numeric
// owners, the modification time in seconds, hard links, holes, and the extended attributes
// security.capability and user.*.
//
// Refused, with the entry's name in the message: absolute names and names with ".."; symbolic links
// whose target climbs above the root (one that is absolute is beneath the guest's root); hard links
// to what is not in the tree; devices as `options` say; sockets; names that are not UTF-8 where the
// format demands it. Errors: INVALID_ARGUMENT for these, DATA_LOSS for an archive that is damaged
// or cut short (the mark at its end missing), RESOURCE_EXHAUSTED at a limit of the tree or of
// `options`. After an error the tree has what came before.
absl::StatusOr<TarSummary> ReadTar(ByteSource source, const TarOptions& options, FileTree& tree);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_TAR_READER_H_
