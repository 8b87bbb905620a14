#ifndef VOIDBOX_SANDBOX_LOCAL_TREE_H_
#define VOIDBOX_SANDBOX_LOCAL_TREE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/tar/staging.h"
#include "base/tar/tar_packer.h"
#include "base/tar/tar_unpacker.h"
#include "base/unique_fd.h"

namespace voidbox {

// Files of this machine as tar streams, for copies to and from a guest.

// Writes `path`, a file or a directory with all in it, to the descriptor, symbolic links as they
// are; one that `path` itself is, is followed. `as` is what it is called in the stream; when that
// is empty, `path` is a directory whose contents alone are written. The errors of PackTar;
// CANCELLED when nobody reads the descriptor.
absl::StatusOr<TarCount> PackLocalTree(const std::string& path, const std::string& as, int output,
                                       const TarProgress& progress);

// Bytes of the files that PackLocalTree would write, as far as they can be seen.
uint64_t MeasureTree(const std::string& path);

// A directory of this machine that a stream, perhaps a hostile one, is unpacked to: first beside
// what is there, then, by Commit, into place. Without Commit, and when that fails, all is as it
// was.
class LocalDestination {
 public:
  // `path` may be a link to a directory. With `make` it is made when missing, in a directory that
  // is there.
  static absl::StatusOr<LocalDestination> Open(const std::string& path, bool make);
  LocalDestination(LocalDestination&& other) noexcept
      : made_(std::exchange(other.made_, "")),
        directory_(std::move(other.directory_)),
        staging_(std::move(other.staging_)) {}
  LocalDestination& operator=(LocalDestination&&) = delete;
  ~LocalDestination();

  // Once; reads the descriptor to its end.
  absl::StatusOr<TarCount> Unpack(int input, const UnpackOptions& options);
  // Directories that are there are merged, files and links replaced (MoveTree).
  absl::Status Commit();

 private:
  LocalDestination(std::string made, UniqueFd directory)
      : made_(std::move(made)), directory_(std::move(directory)) {}

  std::string made_;  // the directory, if it goes again
  UniqueFd directory_;
  std::optional<Staging> staging_;  // in the directory
};

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_LOCAL_TREE_H_
