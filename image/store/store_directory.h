#ifndef VOIDBOX_IMAGE_STORE_STORE_DIRECTORY_H_
#define VOIDBOX_IMAGE_STORE_STORE_DIRECTORY_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace voidbox {

// A directory of the store, in which symbolic links are never followed: a link that somebody put
// there is an error, not a way out. Any thread.
class StoreDirectory {
 public:
  // An existing one. NOT_FOUND when it is not there. `path` itself may be a link, such as to a
  // bigger disk.
  static absl::StatusOr<StoreDirectory> Open(const std::string& path);
  // One below this one; created (mode 0700) with `create`.
  absl::StatusOr<StoreDirectory> Below(const std::string& name, bool create) const;

  const std::string& path() const { return path_; }
  std::string PathOf(const std::string& name) const { return path_ + "/" + name; }
  int fd() const { return fd_.get(); }

  struct File {
    UniqueFd fd;
    uint64_t bytes = 0;
  };
  // For reading. NOT_FOUND, or DATA_LOSS when it is something else than a regular file.
  absl::StatusOr<File> OpenFile(const std::string& name) const;
  // A new file to read and write; ALREADY_EXISTS when it is there.
  absl::StatusOr<UniqueFd> CreateFile(const std::string& name) const;
  // RESOURCE_EXHAUSTED when it has more than `max_bytes` bytes.
  absl::StatusOr<std::string> ReadFile(const std::string& name, size_t max_bytes) const;
  absl::StatusOr<bool> Contains(const std::string& name) const;
  absl::Status RemoveFile(const std::string& name) const;
  // Replaces `target` by `source` of another directory of the same file system.
  absl::Status MoveHere(const StoreDirectory& from, const std::string& source,
                        const std::string& target) const;
  // Names in it, sorted.
  absl::StatusOr<std::vector<std::string>> List() const;
  // Makes its entries survive a power cut.
  absl::Status Sync() const;

 private:
  StoreDirectory(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  UniqueFd fd_;
  std::string path_;  // for messages, and for those who open files by path
};

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_STORE_STORE_DIRECTORY_H_
