#ifndef VOIDBOX_IMAGE_TREE_MANIFEST_H_
#define VOIDBOX_IMAGE_TREE_MANIFEST_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "image/file_tree.h"

namespace voidbox {

// Adds what a manifest lists. One entry a line, words separated by blanks, '#' begins a comment:
//   dir   PATH MODE UID GID
//   file  PATH MODE UID GID SOURCE          a file of the machine that makes the image
//   link  PATH TARGET                       symbolic
//   char  PATH MODE UID GID MAJOR MINOR
//   block PATH MODE UID GID MAJOR MINOR
// MODE is octal. Times are 1970's. An entry replaces what the tree has at its path. Errors name the
// line.
absl::Status AddManifest(absl::string_view manifest, FileTree& tree);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_TREE_MANIFEST_H_
