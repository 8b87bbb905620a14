#ifndef VOIDBOX_IMAGE_BUILDER_TREE_FILES_H_
#define VOIDBOX_IMAGE_BUILDER_TREE_FILES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "image/file_tree.h"
#include "image/store/digest.h"

namespace voidbox {

// Small things that the steps of a build do with a tree. Errors name the path in the image.

// A file with these contents.
absl::Status AddText(FileTree& tree, absl::string_view path, const FileMetadata& metadata,
                     absl::string_view text);
// A copy of a host's file; returns its digest.
absl::StatusOr<Digest> AddHostFile(FileTree& tree, absl::string_view path,
                                   const FileMetadata& metadata, const std::string& source);
// A copy of a file of another tree. NOT_FOUND when there is none.
absl::Status CopyFile(const FileTree& from, absl::string_view source, FileTree& to,
                      absl::string_view path, const FileMetadata& metadata);
// The contents of a file, links followed; empty when it is not there.
absl::StatusOr<std::string> ReadText(const FileTree& tree, absl::string_view path,
                                     size_t max_bytes = 16 << 20);
// Removes what is there, if anything is; or all that is in a directory.
absl::Status RemoveIfThere(FileTree& tree, absl::string_view path);
absl::Status ClearIfThere(FileTree& tree, absl::string_view path);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_BUILDER_TREE_FILES_H_
