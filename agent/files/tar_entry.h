#ifndef VOIDBOX_AGENT_FILES_TAR_ENTRY_H_
#define VOIDBOX_AGENT_FILES_TAR_ENTRY_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

struct archive_entry;

namespace voidbox {

// An entry that may be unpacked: a file or a directory at a path beneath where it is unpacked to.
struct TarEntry {
  std::vector<std::string> path;  // empty for the directory itself
  bool is_directory = false;
  mode_t mode = 0;    // of 0777: nobody gets set-id bits by an upload
  uint64_t size = 0;  // bytes
  int64_t mtime = 0;  // seconds
  uint32_t mtime_ns = 0;
};

// The policy: INVALID_ARGUMENT, with the entry's name and what is wrong with it, for an absolute
// name, a component "..", a symbolic or hard link, a device, FIFO, socket and all else that is
// neither file nor directory, and for names beyond the limits of workspace_path.h. Asked before
// anything of the entry is written.
absl::StatusOr<TarEntry> CheckTarEntry(archive_entry* entry);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_FILES_TAR_ENTRY_H_
