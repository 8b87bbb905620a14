#ifndef VOIDBOX_IMAGE_FILE_TREE_H_
#define VOIDBOX_IMAGE_FILE_TREE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "image/content_spool.h"

namespace voidbox {

enum class FileType {
  kRegular,
  kDirectory,
  kSymlink,
  kCharacterDevice,
  kBlockDevice,
  kFifo,
};

struct FileMetadata {
  uint32_t permissions = 0755;  // the low 12 bits of the mode
  uint32_t uid = 0;
  uint32_t gid = 0;
  int64_t mtime = 0;                          // seconds since 1970
  std::map<std::string, std::string> xattrs;  // by whole name, as "security.capability"
};

// A file of a tree. Several entries share one when they are hard links of each other.
struct Inode {
  // An entry of a directory.
  struct Entry {
    std::shared_ptr<Inode> inode;
    uint32_t layer = 0;  // that put the entry there, see FileTree::BeginLayer
  };

  FileType type = FileType::kRegular;
  FileMetadata metadata;
  FileContents contents;       // of a regular file
  std::string symlink_target;  // of a symbolic link
  uint32_t device_major = 0;   // of a device
  uint32_t device_minor = 0;
  std::map<std::string, Entry, std::less<>> children;  // of a directory, sorted by bytes
  // Of a directory: the last layer from which on nothing of lower ones is in it.
  uint32_t cleared_by_layer = 0;
};

struct FileTreeLimits {
  // Debian with a desktop has some 300,000. One costs about 300 bytes of memory.
  size_t max_entries = 1'000'000;
  // A guest cannot name what lies deeper than PATH_MAX / 2; real trees stay below 64. It bounds the
  // recursion of whoever visits a tree.
  size_t max_depth = 256;
  // Names, link targets, extended attributes and the places of the contents, of all entries that
  // were ever added: what stays in memory.
  size_t max_metadata_bytes = size_t{256} << 20;
  // Of one extended attribute's value: XATTR_SIZE_MAX of Linux.
  size_t max_xattr_bytes = 65536;
  ContentSpoolLimits spool;
};

// The files of an image: a tree in memory, their contents in one temporary file. The same entries
// give the same tree, in whatever order they came. One thread at a time.
//
// Paths are as SplitTreePath takes them. A symbolic link in the middle of a path is followed the
// way the guest would: its target is looked up beneath the tree's root, ".." stops there, and at
// most 40 links are followed. That is what container runtimes do when a layer has "lib/x" on top of
// "lib -> usr/lib"; nothing of the host can be reached, since the tree is not on a disk. The last
// name of a path is never followed.
//
// Adding replaces what was at the path, subtrees too, but a directory that replaces a directory
// keeps what is in it. Directories on the way that are missing are made: 0755, root's, of 1970; one
// also takes the place of a file of a lower layer, as it does when layers are mounted on each
// other. Errors: INVALID_ARGUMENT for a bad path, FAILED_PRECONDITION when something that is no
// directory is in the way, RESOURCE_EXHAUSTED with the number at a limit. After an error the tree
// is as it was, but for directories on the way.
class FileTree {
 public:
  // `spool_directory` as in ContentSpool::Create.
  static absl::StatusOr<FileTree> Create(const FileTreeLimits& limits = {},
                                         const std::string& spool_directory = "");

  absl::Status AddDirectory(absl::string_view path, FileMetadata metadata);
  // Makes the directory unless there is one, which stays as it is. A symbolic link at the end is
  // followed, unlike by the others.
  absl::Status EnsureDirectory(absl::string_view path, FileMetadata metadata);
  // `contents` come from this tree's spool().
  absl::Status AddFile(absl::string_view path, FileMetadata metadata, FileContents contents);
  absl::Status AddSymlink(absl::string_view path, FileMetadata metadata, absl::string_view target);
  // `type` is a device, or a FIFO, which has no numbers.
  absl::Status AddSpecial(absl::string_view path, FileMetadata metadata, FileType type,
                          uint32_t major, uint32_t minor);
  // Another name for the file at `existing`. NOT_FOUND when there is none, FAILED_PRECONDITION when
  // it is a directory.
  absl::Status AddHardLink(absl::string_view path, absl::string_view existing);

  // Removes what is at `path`, with what is in it. NOT_FOUND when nothing is.
  absl::Status Remove(absl::string_view path);
  // Removes all that is in a directory.
  absl::Status ClearDirectory(absl::string_view path);

  // Layers. What is added from here on belongs to a new layer.
  void BeginLayer() { ++layer_; }
  // Remove and ClearDirectory, but only of what earlier layers put there (a directory stays while
  // something of this layer is in it). It is no error when nothing is there. So a layer may name
  // its removals and additions in any order.
  absl::Status RemoveLower(absl::string_view path);
  absl::Status ClearLower(absl::string_view path);

  // What is at `path`; null when nothing is. `Resolve` also follows a symbolic link at the end.
  const Inode* Find(absl::string_view path) const;
  const Inode* Resolve(absl::string_view path) const;

  // Makes every time lie in [0, source_date_epoch], in seconds since 1970.
  void NormalizeTimes(int64_t source_date_epoch);

  // Calls for every entry, a directory before what is in it, names sorted by bytes; `path` is
  // without a slash in front, and empty for the root, which comes first. Ends at the first error.
  using Visitor = std::function<absl::Status(absl::string_view path, const Inode& inode)>;
  absl::Status Visit(const Visitor& visitor) const;

  // SHA-256 of all that a visitor sees, contents and hard links included.
  Sha256Digest Digest() const;

  const Inode& root() const { return *root_; }
  ContentSpool& spool() { return spool_; }
  const ContentSpool& spool() const { return spool_; }
  size_t entries() const { return entries_; }  // without the root
  const FileTreeLimits& limits() const { return limits_; }

 private:
  struct Place {
    Inode* directory = nullptr;  // null when a directory on the way is missing and none was made
    std::string name;            // empty for the directory itself
  };
  FileTree(ContentSpool spool, const FileTreeLimits& limits);

  // Makes the directory NAME in DIRECTORY, where something else may be.
  using MakeDirectory = std::function<absl::StatusOr<Inode*>(Inode& directory, std::string name)>;
  // Where the entry of `path` is or would be. Missing directories on the way are made by
  // `make_directory`, which also says whether a file may give way to one. Where it is null, nothing
  // is below a file.
  absl::StatusOr<Place> Locate(absl::string_view path, bool follow_last,
                               const MakeDirectory& make_directory) const;
  const Inode* Find(absl::string_view path, bool follow_last) const;
  absl::StatusOr<Inode*> MakeDirectoryOnTheWay(absl::string_view path, Inode& directory,
                                               std::string name);
  // Takes memory for a new entry from the limits.
  absl::Status Charge(absl::string_view name, const Inode* inode);
  absl::Status Add(absl::string_view path, std::shared_ptr<Inode> inode, bool is_new_inode = true);
  // Removes what lower layers put into a directory, and says whether an entry is left without
  // anything of this layer.
  void HideLower(Inode& directory);
  bool HideLower(Inode::Entry& entry);

  FileTreeLimits limits_;
  ContentSpool spool_;
  std::shared_ptr<Inode> root_;
  uint32_t layer_ = 0;
  size_t entries_ = 0;
  size_t metadata_bytes_ = 0;  // as limited by max_metadata_bytes
};

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_FILE_TREE_H_
