#include "image/builder/tree_files.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/about_status.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr size_t kPieceBytes = 1 << 20;

}  // namespace

absl::Status AddText(FileTree& tree, absl::string_view path, const FileMetadata& metadata,
                     absl::string_view text) {
  ASSIGN_OR_RETURN(FileContents contents, tree.spool().Add(text));
  return About(path, tree.AddFile(path, metadata, std::move(contents)));
}

absl::StatusOr<Digest> AddHostFile(FileTree& tree, absl::string_view path,
                                   const FileMetadata& metadata, const std::string& source) {
  ASSIGN_OR_RETURN(FileContents contents, tree.spool().AddHostFile(source));
  const Digest digest(contents.data_digest);  // holes are not kept: it is that of the file
  RETURN_IF_ERROR(About(path, tree.AddFile(path, metadata, std::move(contents))));
  return digest;
}

absl::Status CopyFile(const FileTree& from, absl::string_view source, FileTree& to,
                      absl::string_view path, const FileMetadata& metadata) {
  const Inode* const inode = from.Resolve(source);
  if (inode == nullptr || inode->type != FileType::kRegular) {
    return absl::NotFoundError(absl::StrCat(source, ": there is no such file in the package"));
  }
  ContentSpool::Writer writer(to.spool());
  std::vector<char> piece(kPieceBytes);
  for (uint64_t offset = 0; offset < inode->contents.size;) {
    ASSIGN_OR_RETURN(const size_t got,
                     from.spool().Read(inode->contents, offset, piece.data(), piece.size()));
    if (got == 0) return absl::DataLossError(absl::StrCat(source, ": it ends too soon"));
    RETURN_IF_ERROR(writer.Append(absl::string_view(piece.data(), got)));
    offset += got;
  }
  ASSIGN_OR_RETURN(FileContents contents, writer.Finish());
  return About(path, to.AddFile(path, metadata, std::move(contents)));
}

absl::StatusOr<std::string> ReadText(const FileTree& tree, absl::string_view path,
                                     size_t max_bytes) {
  const Inode* const inode = tree.Resolve(path);
  if (inode == nullptr || inode->type != FileType::kRegular) return "";
  auto text = tree.spool().ReadAll(inode->contents, max_bytes);
  RETURN_IF_ERROR(About(path, text.status()));
  return text;
}

absl::Status RemoveIfThere(FileTree& tree, absl::string_view path) {
  return tree.Find(path) == nullptr ? absl::OkStatus() : tree.Remove(path);
}

absl::Status ClearIfThere(FileTree& tree, absl::string_view path) {
  const Inode* const inode = tree.Find(path);
  if (inode == nullptr || inode->type != FileType::kDirectory) return absl::OkStatus();
  return tree.ClearDirectory(path);
}

}  // namespace voidbox
