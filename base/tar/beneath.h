#ifndef VOIDBOX_BASE_TAR_BENEATH_H_
#define VOIDBOX_BASE_TAR_BENEATH_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/unique_fd.h"

namespace voidbox {

// Opening files in a directory that a hostile process changes meanwhile. Everything is resolved by
// openat2(2) from a descriptor, beneath it, and through no symbolic link at all: whoever swaps a
// directory for a link makes the call fail and nothing else.

// "<path>: <what errno says>". ELOOP and EXDEV, which is how openat2 refuses a link and a way out,
// are INVALID_ARGUMENT; a component that is not a directory is NOT_FOUND.
absl::Status PathStatus(absl::string_view path, int error);

// The same status, of that path.
absl::Status AtPath(absl::string_view path, const absl::Status& status);

// `path` is relative, "." for the directory itself. Errors name `shown`, if that is not empty.
absl::StatusOr<UniqueFd> OpenBeneath(int directory, const std::string& path, uint64_t flags,
                                     mode_t mode = 0, absl::string_view shown = {});

// Components joined with slashes; "." for none.
std::string JoinPath(const std::vector<std::string>& parts);

// The directory that holds the last component. `name` is borrowed from the parts.
struct Parent {
  UniqueFd directory;  // O_PATH
  std::string name;
};
// INVALID_ARGUMENT for the directory itself, which has no parent here.
absl::StatusOr<Parent> OpenParent(int directory, const std::vector<std::string>& parts);

// Opens a regular file: INVALID_ARGUMENT for what is none. Never waits for the other end of a FIFO.
// `flags` as for open(2), `shown` as above.
absl::StatusOr<UniqueFd> OpenRegular(int directory, const std::vector<std::string>& parts,
                                     int flags, mode_t mode = 0, absl::string_view shown = {});

// Makes the directories of a path that are missing, and opens the last one (O_PATH). Returns how
// many of its components there were before in `existing`, unless that is null.
absl::StatusOr<UniqueFd> MakeDirectories(int directory, const std::vector<std::string>& parts,
                                         mode_t mode, size_t* existing = nullptr);

}  // namespace voidbox

#endif  // VOIDBOX_BASE_TAR_BENEATH_H_
