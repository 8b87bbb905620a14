#ifndef VOIDBOX_IMAGE_BUILDER_DEBIAN_BASE_H_
#define VOIDBOX_IMAGE_BUILDER_DEBIAN_BASE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "image/file_tree.h"
#include "image/store/progress.h"

namespace voidbox {

inline constexpr char kDebianSuite[] = "bookworm";

struct DebianBase {
  std::vector<std::string> packages;  // beside the essential ones and apt
  std::string mirror;                 // empty: Debian's own, with its security updates
  int64_t source_date_epoch = 0;      // what the packages' scripts take as today
};

// The names of a list of packages: one a line, '#' begins a comment.
std::vector<std::string> ParsePackageList(absl::string_view text);

// Adds Debian with these packages, made by mmdebstrap(1): as root where mounting is possible, else
// in user namespaces, else under fakechroot(1). NOT_FOUND says what to install when a program that
// is needed is missing; ABORTED has mmdebstrap's last lines.
absl::Status AddDebian(const DebianBase& base, FileTree& tree, Progress& progress);

// Removes what differs from machine to machine and from day to day (logs, caches, identities,
// package lists), and gives the image the names that every image has.
absl::Status RemoveTracesOfBuild(FileTree& tree);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_BUILDER_DEBIAN_BASE_H_
