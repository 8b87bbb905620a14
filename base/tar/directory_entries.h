#ifndef VOIDBOX_BASE_TAR_DIRECTORY_ENTRIES_H_
#define VOIDBOX_BASE_TAR_DIRECTORY_ENTRIES_H_

#include <dirent.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace voidbox {

// Reads the names in a directory one after the other, in the file system's order, "." and ".."
// left out.
class DirectoryEntries {
 public:
  // `directory` may be an O_PATH descriptor; it is not taken. Errors name `path`.
  static absl::StatusOr<DirectoryEntries> Open(int directory, const std::string& path);

  // The next name, valid until the next call; null at the end.
  absl::StatusOr<const char*> Next();
  // A descriptor of the directory, open as long as this.
  int fd() const { return ::dirfd(stream_.get()); }

 private:
  struct Close {
    void operator()(DIR* stream) const { ::closedir(stream); }
  };
  DirectoryEntries(DIR* stream, std::string path) : stream_(stream), path_(std::move(path)) {}

  std::unique_ptr<DIR, Close> stream_;
  std::string path_;
};

}  // namespace voidbox

#endif  // VOIDBOX_BASE_TAR_DIRECTORY_ENTRIES_H_
