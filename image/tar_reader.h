#ifndef VOIDBOX_IMAGE_TAR_READER_H_
#define VOIDBOX_IMAGE_TAR_READER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "image/byte_source.h"
#include "image/file_tree.h"
#include "image/tar_entries.h"
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
  TarFormatOptions format;
  UnpackLimits unpack_limits;
  // Called with the bytes of the archive that were read so far; may be null.
  std::function<void(uint64_t bytes)> progress;
  // Called with every byte of the unpacked archive, in order, those behind its end mark included;
  // may be null.
  std::function<void(absl::string_view bytes)> on_unpacked;
};

// What was left out of an image.
struct DroppedParts {
  size_t devices = 0;
  // Extended attributes of kinds that an image does not carry, and ACLs that are none: how many, by
  // name. Of the names that a hostile archive makes up the first 16 are kept.
  std::map<std::string, size_t> xattrs;

  void AddXattr(absl::string_view name, size_t count = 1);
  void Add(const DroppedParts& other);
  // For people, in one line; empty when nothing was left out.
  std::string Description() const;
};

struct TarSummary {
  size_t entries = 0;  // taken, whiteouts included
  DroppedParts dropped;
  uint64_t packed_bytes = 0;  // of the archive
  uint64_t unpacked_bytes = 0;
};

// Adds what a tar archive has (TarEntries; packed with gzip, zstd, xz or not) to a tree, by the
// rules of container runtimes. Each entry is checked before its data is read. Kept are type, mode
// (with its set-id bits), numeric owners, the modification time in seconds, hard links, holes,
// POSIX ACLs, and the extended attributes security.capability and user.*. Names are the archive's
// bytes.
//
// A slash in front of a name, or of a hard link's target, says nothing; "/" is the root itself.
// ".." takes back the component before it. In the target of a link it stops at the root: that is
// how the guest, and FileTree, look up a symbolic link.
//
// Refused, with the entry's name in the message: names that climb above the root; hard links to
// what is not in the tree; devices as `options` say; types that Linux has not. Errors:
// INVALID_ARGUMENT for these, DATA_LOSS for an archive that is damaged or cut short,
// RESOURCE_EXHAUSTED at a limit of the tree or of `options`. After an error the tree has what came
// before.
absl::StatusOr<TarSummary> ReadTar(ByteSource source, const TarOptions& options, FileTree& tree);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_TAR_READER_H_
