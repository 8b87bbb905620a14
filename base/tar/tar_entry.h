#ifndef VOIDBOX_BASE_TAR_TAR_ENTRY_H_
#define VOIDBOX_BASE_TAR_TAR_ENTRY_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

struct archive_entry;

namespace voidbox {

// An entry that may be unpacked, at a path beneath where it is unpacked to.
struct TarEntry {
  enum class Type { kFile, kDirectory, kLink };
  std::vector<std::string> path;  // empty for the directory itself
  Type type = Type::kFile;
  std::string link;   // what a symbolic link says: 1 to kMaxPathBytes bytes of anything
  mode_t mode = 0;    // of 0777: nobody gets set-id bits by an upload
  uint64_t size = 0;  // bytes
  int64_t mtime = 0;  // seconds
  uint32_t mtime_ns = 0;
};

// The policy: INVALID_ARGUMENT, with the entry's name and what is wrong with it, for an absolute
// name, a component "..", a hard link, a device, FIFO, socket and all else that is neither file nor
// directory nor, if `allow_links`, a symbolic link, and for names beyond the limits of
// relative_path.h. Asked before anything of the entry is written.
absl::StatusOr<TarEntry> CheckTarEntry(archive_entry* entry, bool allow_links);

}  // namespace voidbox

#endif  // VOIDBOX_BASE_TAR_TAR_ENTRY_H_
