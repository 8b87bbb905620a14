#include "base/tar/directory_entries.h"

#include <fcntl.h>

#include <cerrno>
#include <utility>

#include "absl/strings/string_view.h"
#include "base/status_macros.h"
#include "base/tar/beneath.h"
#include "base/unique_fd.h"

namespace voidbox {

absl::StatusOr<DirectoryEntries> DirectoryEntries::Open(int directory, const std::string& path) {
  ASSIGN_OR_RETURN(UniqueFd fd, OpenBeneath(directory, ".", O_RDONLY | O_DIRECTORY, 0, path));
  DIR* const stream = ::fdopendir(fd.get());
  if (stream == nullptr) return PathStatus(path, errno);
  static_cast<void>(fd.Release());  // the stream's
  return DirectoryEntries(stream, path);
}

absl::StatusOr<const char*> DirectoryEntries::Next() {
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(stream_.get());
    if (entry == nullptr) {
      if (errno != 0) return PathStatus(path_, errno);
      return nullptr;
    }
    const absl::string_view name = entry->d_name;
    if (name != "." && name != "..") return entry->d_name;
  }
}

}  // namespace voidbox
