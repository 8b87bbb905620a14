#include "image/file_tree.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "image/tree_path.h"

namespace voidbox {
namespace {

constexpr int kMaxSymlinks = 40;  // as MAXSYMLINKS of Linux
// Names looked up for one path, those of link targets included: what bounds the time that a path
// costs. The deepest path with a link or two needs half of it.
constexpr int kMaxSteps = 1024;
constexpr uint32_t kPermissionBits = 07777;
constexpr size_t kSegmentBytes = sizeof(FileContents::Segment);

absl::Status InTheWay(absl::string_view path, absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat("path '", absl::CHexEscape(path), "': ", why));
}

absl::Status TooDeep(absl::string_view path, size_t limit) {
  return absl::ResourceExhaustedError(absl::StrCat(
      "path '", absl::CHexEscape(path), "' is deeper than the limit of ", limit, " directories"));
}

size_t CountEntries(const Inode& inode) {
  size_t count = 0;
  for (const auto& [name, entry] : inode.children) count += 1 + CountEntries(*entry.inode);
  return count;
}

std::shared_ptr<Inode> NewInode(FileType type, FileMetadata metadata) {
  auto inode = std::make_shared<Inode>();
  inode->type = type;
  inode->metadata = std::move(metadata);
  inode->metadata.permissions &= kPermissionBits;
  return inode;
}

absl::Status VisitEntries(const Inode& directory, std::string& path,
                          const FileTree::Visitor& visitor) {
  for (const auto& [name, entry] : directory.children) {
    const size_t old_size = path.size();
    if (!path.empty()) path.push_back('/');
    path += name;
    RETURN_IF_ERROR(visitor(path, *entry.inode));
    RETURN_IF_ERROR(VisitEntries(*entry.inode, path, visitor));
    path.resize(old_size);
  }
  return absl::OkStatus();
}

void HashInode(const Inode& inode, Sha256& hash) {
  hash.UpdateNumber(static_cast<uint64_t>(inode.type));
  const FileMetadata& metadata = inode.metadata;
  hash.UpdateNumber(metadata.permissions);
  hash.UpdateNumber(metadata.uid);
  hash.UpdateNumber(metadata.gid);
  hash.UpdateNumber(static_cast<uint64_t>(metadata.mtime));
  hash.UpdateNumber(metadata.xattrs.size());
  for (const auto& [name, value] : metadata.xattrs) {
    hash.UpdateString(name);
    hash.UpdateString(value);
  }
  hash.UpdateString(inode.symlink_target);
  hash.UpdateNumber(inode.device_major);
  hash.UpdateNumber(inode.device_minor);
  hash.UpdateNumber(inode.contents.size);
  hash.UpdateNumber(inode.contents.segments.size());
  for (const FileContents::Segment& segment : inode.contents.segments) {
    hash.UpdateNumber(segment.offset);
    hash.UpdateNumber(segment.length);
  }
  const Sha256Digest& data = inode.contents.data_digest;
  hash.UpdateString(std::string(data.begin(), data.end()));
}

}  // namespace

FileTree::FileTree(ContentSpool spool, const FileTreeLimits& limits)
    : limits_(limits),
      spool_(std::move(spool)),
      root_(NewInode(FileType::kDirectory, FileMetadata())) {}

absl::StatusOr<FileTree> FileTree::Create(const FileTreeLimits& limits,
                                          const std::string& spool_directory) {
  ASSIGN_OR_RETURN(ContentSpool spool, ContentSpool::Create(limits.spool, spool_directory));
  return FileTree(std::move(spool), limits);
}

absl::StatusOr<FileTree::Place> FileTree::Locate(absl::string_view path, bool follow_last,
                                                 const MakeDirectory& make_directory) const {
  ASSIGN_OR_RETURN(const auto names, SplitTreePath(path));
  std::vector<std::string> pending(names.rbegin(), names.rend());  // the next one at the end
  std::vector<Inode*> directories = {root_.get()};                 // from the root on
  int links = 0;
  for (int steps = 0; !pending.empty(); ++steps) {
    if (steps == kMaxSteps) return InTheWay(path, absl::StrCat("takes over ", kMaxSteps, " steps"));
    const std::string name = std::move(pending.back());
    pending.pop_back();
    if (name == "..") {  // of a link's target
      if (directories.size() > 1) directories.pop_back();
      continue;
    }
    Inode& directory = *directories.back();
    const auto child = directory.children.find(name);
    Inode* next = child == directory.children.end() ? nullptr : child->second.inode.get();
    const bool is_link = next != nullptr && next->type == FileType::kSymlink;
    if (pending.empty() && !(follow_last && is_link)) {
      if (directories.size() > limits_.max_depth) return TooDeep(path, limits_.max_depth);
      return Place{.directory = &directory, .name = name};
    }
    if (next == nullptr || (!is_link && next->type != FileType::kDirectory)) {
      if (make_directory == nullptr) return Place();
      if (directories.size() >= limits_.max_depth) return TooDeep(path, limits_.max_depth);
      if (name.size() > kMaxNameBytes) return InTheWay(path, "leads through a link to a long name");
      ASSIGN_OR_RETURN(next, make_directory(directory, name));
    }
    if (is_link) {
      if (++links > kMaxSymlinks) {
        return InTheWay(path, absl::StrCat("leads through over ", kMaxSymlinks, " links"));
      }
      if (next->symlink_target.front() == '/') directories.resize(1);
      const std::vector<std::string> target =
          absl::StrSplit(next->symlink_target, '/', absl::SkipEmpty());
      std::copy_if(target.rbegin(), target.rend(), std::back_inserter(pending),
                   [](absl::string_view part) { return part != "."; });
    } else {
      directories.push_back(next);
    }
  }
  return Place{.directory = directories.back()};
}

absl::Status FileTree::Charge(absl::string_view name, const Inode* inode) {
  if (entries_ >= limits_.max_entries) {
    return absl::ResourceExhaustedError(
        absl::StrCat("more entries than the limit of ", limits_.max_entries));
  }
  size_t bytes = name.size();
  if (inode != nullptr) {
    bytes += inode->symlink_target.size() + inode->contents.segments.size() * kSegmentBytes;
    for (const auto& [xattr, value] : inode->metadata.xattrs) {
      if (xattr.size() > kMaxNameBytes || value.size() > limits_.max_xattr_bytes) {
        return absl::ResourceExhaustedError(absl::StrCat(
            "'", absl::CHexEscape(name), "': an extended attribute with a name of ", xattr.size(),
            " and a value of ", value.size(), " bytes is beyond the limits of ", kMaxNameBytes,
            " and ", limits_.max_xattr_bytes));
      }
      bytes += xattr.size() + value.size();
    }
  }
  if (bytes > limits_.max_metadata_bytes - metadata_bytes_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("names, links and attributes take more than the limit of ",
                     limits_.max_metadata_bytes, " bytes"));
  }
  metadata_bytes_ += bytes;
  return absl::OkStatus();
}

absl::StatusOr<Inode*> FileTree::MakeDirectoryOnTheWay(absl::string_view path, Inode& directory,
                                                       std::string name) {
  const auto existing = directory.children.find(name);
  const bool is_new = existing == directory.children.end();
  if (!is_new && existing->second.layer >= layer_) {
    return InTheWay(path, absl::StrCat("'", absl::CHexEscape(name), "' is not a directory"));
  }
  RETURN_IF_ERROR(Charge(name, nullptr));
  auto inode = NewInode(FileType::kDirectory, FileMetadata());
  inode->cleared_by_layer = layer_;
  Inode* const made = inode.get();
  directory.children.insert_or_assign(std::move(name), Inode::Entry{std::move(inode), layer_});
  if (is_new) ++entries_;
  return made;
}

absl::Status FileTree::Add(absl::string_view path, std::shared_ptr<Inode> inode,
                           bool is_new_inode) {
  ASSIGN_OR_RETURN(const Place place,
                   Locate(path, /*follow_last=*/false, [&](Inode& directory, std::string name) {
                     return MakeDirectoryOnTheWay(path, directory, std::move(name));
                   }));
  const bool is_directory = inode->type == FileType::kDirectory;
  if (place.name.empty() && !is_directory) return InTheWay(path, "is the root");
  RETURN_IF_ERROR(Charge(place.name, is_new_inode ? inode.get() : nullptr));
  if (place.name.empty()) {
    place.directory->metadata = std::move(inode->metadata);
    return absl::OkStatus();
  }
  inode->cleared_by_layer = layer_;
  auto [child, is_new] = place.directory->children.try_emplace(place.name);
  Inode::Entry& entry = child->second;
  entry.layer = layer_;
  if (!is_new && is_directory && entry.inode->type == FileType::kDirectory) {
    entry.inode->metadata = std::move(inode->metadata);
    return absl::OkStatus();
  }
  if (!is_new) entries_ -= 1 + CountEntries(*entry.inode);
  entry.inode = std::move(inode);
  ++entries_;
  return absl::OkStatus();
}

absl::Status FileTree::AddDirectory(absl::string_view path, FileMetadata metadata) {
  return Add(path, NewInode(FileType::kDirectory, std::move(metadata)));
}

absl::Status FileTree::EnsureDirectory(absl::string_view path, FileMetadata metadata) {
  const MakeDirectory make = [&](Inode& directory, std::string name) -> absl::StatusOr<Inode*> {
    if (directory.children.contains(name)) {  // nothing gives way, whatever layer it is of
      return InTheWay(path, absl::StrCat("'", absl::CHexEscape(name), "' is not a directory"));
    }
    return MakeDirectoryOnTheWay(path, directory, std::move(name));
  };
  ASSIGN_OR_RETURN(const Place place, Locate(path, /*follow_last=*/true, make));
  if (place.name.empty()) return absl::OkStatus();
  const auto child = place.directory->children.find(place.name);
  if (child != place.directory->children.end()) {
    if (child->second.inode->type == FileType::kDirectory) return absl::OkStatus();
    return InTheWay(path, "is there and is no directory");
  }
  if (place.name.size() > kMaxNameBytes) return InTheWay(path, "is a link to a long name");
  ASSIGN_OR_RETURN(Inode* const made, MakeDirectoryOnTheWay(path, *place.directory, place.name));
  made->metadata = std::move(metadata);
  made->metadata.permissions &= kPermissionBits;
  return absl::OkStatus();
}

absl::Status FileTree::AddFile(absl::string_view path, FileMetadata metadata,
                               FileContents contents) {
  auto inode = NewInode(FileType::kRegular, std::move(metadata));
  inode->contents = std::move(contents);
  return Add(path, std::move(inode));
}

absl::Status FileTree::AddSymlink(absl::string_view path, FileMetadata metadata,
                                  absl::string_view target) {
  if (target.empty() || target.size() > kMaxPathBytes ||
      target.find('\0') != absl::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat(
        "path '", absl::CHexEscape(path), "': a link's target has 1 to ", kMaxPathBytes,
        " bytes and none of them is NUL; this one has ", target.size(), " bytes"));
  }
  auto inode = NewInode(FileType::kSymlink, std::move(metadata));
  inode->symlink_target = std::string(target);
  inode->metadata.permissions = 0777;  // Linux has no others
  return Add(path, std::move(inode));
}

absl::Status FileTree::AddSpecial(absl::string_view path, FileMetadata metadata, FileType type,
                                  uint32_t major, uint32_t minor) {
  if (major >= 1u << 12 || minor >= 1u << 20) {  // dev_t of Linux
    return absl::InvalidArgumentError(absl::StrCat("path '", absl::CHexEscape(path), "': device ",
                                                   major, ":", minor, " is beyond 4095:1048575"));
  }
  auto inode = NewInode(type, std::move(metadata));
  inode->device_major = type == FileType::kFifo ? 0 : major;
  inode->device_minor = type == FileType::kFifo ? 0 : minor;
  return Add(path, std::move(inode));
}

absl::Status FileTree::AddHardLink(absl::string_view path, absl::string_view existing) {
  ASSIGN_OR_RETURN(const Place place, Locate(existing, /*follow_last=*/false, nullptr));
  const auto missing = [&] {
    return absl::NotFoundError(absl::StrCat("path '", absl::CHexEscape(path), "': its hard link's ",
                                            "target '", absl::CHexEscape(existing),
                                            "' is not there"));
  };
  if (place.directory == nullptr) return missing();
  if (place.name.empty()) return InTheWay(existing, "is a directory, which has no hard links");
  const auto child = place.directory->children.find(place.name);
  if (child == place.directory->children.end()) return missing();
  std::shared_ptr<Inode> inode = child->second.inode;
  if (inode->type == FileType::kDirectory) {
    return InTheWay(existing, "is a directory, which has no hard links");
  }
  return Add(path, std::move(inode), /*is_new_inode=*/false);
}

absl::Status FileTree::Remove(absl::string_view path) {
  ASSIGN_OR_RETURN(const Place place, Locate(path, /*follow_last=*/false, nullptr));
  if (place.directory != nullptr && place.name.empty()) return InTheWay(path, "is the root");
  if (place.directory != nullptr) {
    const auto child = place.directory->children.find(place.name);
    if (child != place.directory->children.end()) {
      entries_ -= 1 + CountEntries(*child->second.inode);
      place.directory->children.erase(child);
      return absl::OkStatus();
    }
  }
  return absl::NotFoundError(absl::StrCat("path '", absl::CHexEscape(path), "' is not there"));
}

absl::Status FileTree::ClearDirectory(absl::string_view path) {
  ASSIGN_OR_RETURN(const Place place, Locate(path, /*follow_last=*/false, nullptr));
  Inode* directory = place.directory;
  if (directory != nullptr && !place.name.empty()) {
    const auto child = directory->children.find(place.name);
    directory = child == directory->children.end() ? nullptr : child->second.inode.get();
  }
  if (directory == nullptr) {
    return absl::NotFoundError(absl::StrCat("path '", absl::CHexEscape(path), "' is not there"));
  }
  if (directory->type != FileType::kDirectory) return InTheWay(path, "is not a directory");
  entries_ -= CountEntries(*directory);
  directory->children.clear();
  return absl::OkStatus();
}

bool FileTree::HideLower(Inode::Entry& entry) {
  const bool is_directory = entry.inode->type == FileType::kDirectory;
  if (is_directory) HideLower(*entry.inode);
  if (entry.layer >= layer_) return false;
  if (!is_directory || entry.inode->children.empty()) return true;
  // It is there for what this layer has in it, with nothing known about the directory itself.
  entry.inode->metadata = FileMetadata();
  entry.layer = layer_;
  return false;
}

void FileTree::HideLower(Inode& directory) {
  if (directory.cleared_by_layer == layer_) return;
  directory.cleared_by_layer = layer_;
  for (auto child = directory.children.begin(); child != directory.children.end();) {
    if (HideLower(child->second)) {
      child = directory.children.erase(child);
      --entries_;
    } else {
      ++child;
    }
  }
}

absl::Status FileTree::RemoveLower(absl::string_view path) {
  ASSIGN_OR_RETURN(const Place place, Locate(path, /*follow_last=*/false, nullptr));
  if (place.directory == nullptr) return absl::OkStatus();
  if (place.name.empty()) return InTheWay(path, "is the root");
  const auto child = place.directory->children.find(place.name);
  if (child == place.directory->children.end() || !HideLower(child->second)) {
    return absl::OkStatus();
  }
  place.directory->children.erase(child);
  --entries_;
  return absl::OkStatus();
}

absl::Status FileTree::ClearLower(absl::string_view path) {
  // What is cleared is below the path, so that a link at its end is one on the way.
  ASSIGN_OR_RETURN(const Place place, Locate(path, /*follow_last=*/true, nullptr));
  if (place.directory == nullptr) return absl::OkStatus();
  Inode* directory = place.directory;
  if (!place.name.empty()) {
    const auto child = directory->children.find(place.name);
    if (child == directory->children.end()) return absl::OkStatus();
    directory = child->second.inode.get();
  }
  if (directory->type == FileType::kDirectory) HideLower(*directory);
  return absl::OkStatus();
}

const Inode* FileTree::Find(absl::string_view path, bool follow_last) const {
  const absl::StatusOr<Place> place = Locate(path, follow_last, nullptr);
  if (!place.ok() || place->directory == nullptr) return nullptr;
  if (place->name.empty()) return place->directory;
  const auto child = place->directory->children.find(place->name);
  return child == place->directory->children.end() ? nullptr : child->second.inode.get();
}

const Inode* FileTree::Find(absl::string_view path) const {
  return Find(path, /*follow_last=*/false);
}

const Inode* FileTree::Resolve(absl::string_view path) const {
  return Find(path, /*follow_last=*/true);
}

void FileTree::NormalizeTimes(int64_t source_date_epoch) {
  std::vector<Inode*> pending = {root_.get()};
  while (!pending.empty()) {
    Inode& inode = *pending.back();
    pending.pop_back();
    inode.metadata.mtime =
        std::clamp<int64_t>(inode.metadata.mtime, 0, std::max<int64_t>(source_date_epoch, 0));
    for (const auto& [name, entry] : inode.children) pending.push_back(entry.inode.get());
  }
}

absl::Status FileTree::Visit(const Visitor& visitor) const {
  RETURN_IF_ERROR(visitor("", *root_));
  std::string path;
  return VisitEntries(*root_, path, visitor);
}

Sha256Digest FileTree::Digest() const {
  Sha256 hash;
  std::unordered_map<const Inode*, uint64_t> seen;
  const absl::Status unused = Visit([&](absl::string_view path, const Inode& inode) {
    hash.UpdateString(path);
    const auto [first, is_new] = seen.try_emplace(&inode, seen.size());
    hash.UpdateNumber(first->second);
    if (is_new) HashInode(inode, hash);
    return absl::OkStatus();
  });
  return hash.Finish();
}

}  // namespace voidbox
