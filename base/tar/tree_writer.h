#ifndef VOIDBOX_BASE_TAR_TREE_WRITER_H_
#define VOIDBOX_BASE_TAR_TREE_WRITER_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/tar/tar_entry.h"
#include "base/unique_fd.h"

namespace voidbox {

// Writes checked entries beneath a directory of our own, which hostile processes may reach
// nonetheless: nothing is written through a link, and they can spoil nothing but what is in it.
class TreeWriter {
 public:
  // Bytes of directories' paths, whose modes wait for the end.
  static constexpr size_t kMaxDirectoryBytes = 32 << 20;

  // `root` is borrowed.
  explicit TreeWriter(int root) : root_(root) {}

  // Also the ones on the way. A directory may come again, and after what is in it.
  absl::Status AddDirectory(const TarEntry& entry);
  // A new file to write to; an earlier one of that name is given up.
  absl::StatusOr<UniqueFd> CreateFile(const TarEntry& entry);
  // Its size, mode and time, once written.
  static absl::Status FinishFile(int file, const TarEntry& entry);
  // In place of an earlier file or link of that name. Nothing is written through it.
  absl::Status AddLink(const TarEntry& entry);
  // Gives the directories their modes and times.
  absl::Status Finish();

 private:
  struct Directory {
    std::string path;
    mode_t mode;
    timespec modified;
  };
  // The directory of that path, made if missing; valid until the next call.
  absl::StatusOr<int> OpenDirectory(const std::vector<std::string>& parts);

  const int root_;
  std::vector<std::string> current_path_;  // of current_
  UniqueFd current_;                       // entries come in order of directories, mostly
  std::vector<Directory> directories_;
  size_t directory_bytes_ = 0;
};

}  // namespace voidbox

#endif  // VOIDBOX_BASE_TAR_TREE_WRITER_H_
