#include "image/ext4_writer.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "image/ext4_directory.h"
#include "image/ext4_filesystem.h"
#include "image/ext4_plan.h"

namespace voidbox {
namespace {

constexpr size_t kMaxLabelBytes = 16;
constexpr uint64_t kMinBlocks = 4096;  // 16 MiB: what a small journal and the tables leave room in
// As mke2fs: an inode for every 16 KiB, beside those in use.
constexpr uint64_t kBytesPerInode = 16 << 10;
constexpr uint64_t kMaxInodes = UINT32_MAX / 2;
constexpr size_t kPieceBytes = 1 << 20;
constexpr int kMaxTries = 8;  // to find the size; two are usual

uint16_t ModeOf(const Inode& inode) {
  const auto permissions = static_cast<uint16_t>(inode.metadata.permissions);
  switch (inode.type) {
    case FileType::kRegular:
      return LINUX_S_IFREG | permissions;
    case FileType::kDirectory:
      return LINUX_S_IFDIR | permissions;
    case FileType::kSymlink:
      return LINUX_S_IFLNK | permissions;
    case FileType::kCharacterDevice:
      return LINUX_S_IFCHR | permissions;
    case FileType::kBlockDevice:
      return LINUX_S_IFBLK | permissions;
    case FileType::kFifo:
      return LINUX_S_IFIFO | permissions;
  }
  return 0;
}

// Writes the files of a plan into an empty file system.
class Writer {
 public:
  Writer(const FileTree& tree, const Ext4Plan& plan, const Ext4Options& options,
         Ext4Filesystem& filesystem)
      : tree_(tree), plan_(plan), options_(options), filesystem_(filesystem) {}

  absl::Status Write() {
    for (const Ext4Plan::File& file : plan_.files) RETURN_IF_ERROR(About(file, WriteFile(file)));
    // Their inodes come behind the others, whose numbers are settled.
    for (const Ext4Plan::File& file : plan_.files) {
      const auto& xattrs = file.inode->metadata.xattrs;
      if (!xattrs.empty()) {
        RETURN_IF_ERROR(About(file, filesystem_.WriteXattrs(file.number, xattrs)));
      }
    }
    return absl::OkStatus();
  }

 private:
  static absl::Status About(const Ext4Plan::File& file, const absl::Status& status) {
    if (status.ok()) return status;
    return absl::Status(status.code(),
                        absl::StrCat("'", absl::CHexEscape(file.path), "': ", status.message()));
  }
  absl::Status WriteFile(const Ext4Plan::File& file);
  absl::Status WriteContents(const Ext4Plan::File& file, ext2_inode_large& inode);
  absl::Status WriteRun(const FileContents& contents, const Ext4Filesystem::Extent& extent);
  absl::Status WriteSymlink(const Ext4Plan::File& file, ext2_inode_large& inode);
  absl::Status WriteDirectory(const Ext4Plan::File& file, ext2_inode_large& inode);
  ext2_inode_large NewInode(const Ext4Plan::File& file) const;

  const FileTree& tree_;
  const Ext4Plan& plan_;
  const Ext4Options& options_;
  Ext4Filesystem& filesystem_;
  std::string piece_;     // of contents, on their way
  uint64_t written_ = 0;  // bytes of contents
};

ext2_inode_large Writer::NewInode(const Ext4Plan::File& file) const {
  const FileMetadata& metadata = file.inode->metadata;
  ext2_inode_large inode = {};
  inode.i_mode = ModeOf(*file.inode);
  inode.i_uid = static_cast<uint16_t>(metadata.uid);
  inode.osd2.linux2.l_i_uid_high = static_cast<uint16_t>(metadata.uid >> 16);
  inode.i_gid = static_cast<uint16_t>(metadata.gid);
  inode.osd2.linux2.l_i_gid_high = static_cast<uint16_t>(metadata.gid >> 16);
  inode.i_links_count = static_cast<uint16_t>(file.links);
  inode.i_extra_isize = sizeof(ext2_inode_large) - EXT2_GOOD_OLD_INODE_SIZE;
  // 34 bits: 32 with a sign, and two that count how often these went round.
  constexpr int64_t kFirstTime = -(int64_t{1} << 31);
  constexpr int64_t kLastTime = (int64_t{1} << 34) - (int64_t{1} << 31) - 1;
  const int64_t time = std::clamp(metadata.mtime, kFirstTime, kLastTime);
  const auto low = static_cast<uint32_t>(time);
  const auto high = static_cast<uint32_t>((time - static_cast<int32_t>(low)) >> 32) & 3;
  inode.i_atime = inode.i_ctime = inode.i_mtime = inode.i_crtime = low;
  inode.i_atime_extra = inode.i_ctime_extra = inode.i_mtime_extra = inode.i_crtime_extra = high;
  return inode;
}

absl::Status Writer::WriteFile(const Ext4Plan::File& file) {
  ext2_inode_large inode = NewInode(file);
  const bool is_directory = file.inode->type == FileType::kDirectory;
  if (file.number >= kLostFoundInode) filesystem_.TakeInode(file.number, is_directory);
  switch (file.inode->type) {
    case FileType::kRegular:
      RETURN_IF_ERROR(WriteContents(file, inode));
      break;
    case FileType::kDirectory:
      RETURN_IF_ERROR(WriteDirectory(file, inode));
      break;
    case FileType::kSymlink:
      RETURN_IF_ERROR(WriteSymlink(file, inode));
      break;
    case FileType::kCharacterDevice:
    case FileType::kBlockDevice: {
      // The old form of a dev_t where it does, the new one elsewhere.
      const uint32_t major = file.inode->device_major;
      const uint32_t minor = file.inode->device_minor;
      if (major < 256 && minor < 256) {
        inode.i_block[0] = major << 8 | minor;
      } else {
        inode.i_block[1] = (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
      }
      break;
    }
    case FileType::kFifo:
      break;
  }
  return filesystem_.WriteInode(file.number, inode);
}

absl::Status Writer::WriteContents(const Ext4Plan::File& file, ext2_inode_large& inode) {
  const FileContents& contents = file.inode->contents;
  inode.i_size = static_cast<uint32_t>(contents.size);
  inode.i_size_high = static_cast<uint32_t>(contents.size >> 32);
  RETURN_IF_ERROR(filesystem_.InitExtents(file.number, inode));
  for (const BlockRun& run : BlockRuns(contents)) {
    ASSIGN_OR_RETURN(const auto extents,
                     filesystem_.Allocate(file.number, inode, run.first, run.count));
    for (const Ext4Filesystem::Extent& extent : extents) {
      RETURN_IF_ERROR(WriteRun(contents, extent));
    }
  }
  return absl::OkStatus();
}

absl::Status Writer::WriteRun(const FileContents& contents, const Ext4Filesystem::Extent& extent) {
  uint64_t offset = extent.logical * kExt4BlockBytes;
  uint64_t physical = extent.physical;
  const uint64_t end = offset + extent.count * kExt4BlockBytes;
  piece_.resize(kPieceBytes);
  while (offset < end) {
    const size_t size = std::min<uint64_t>(kPieceBytes, end - offset);
    ASSIGN_OR_RETURN(const size_t got, tree_.spool().Read(contents, offset, piece_.data(), size));
    // The image is a hole there, so that what is left of the last block reads as zeroes.
    RETURN_IF_ERROR(filesystem_.WriteData(physical, absl::string_view(piece_).substr(0, got)));
    written_ += got;
    if (options_.progress != nullptr) {
      options_.progress(std::min(written_, plan_.content_bytes), plan_.content_bytes);
    }
    offset += size;
    physical += size / kExt4BlockBytes;
  }
  return absl::OkStatus();
}

absl::Status Writer::WriteSymlink(const Ext4Plan::File& file, ext2_inode_large& inode) {
  const std::string& target = file.inode->symlink_target;
  inode.i_size = static_cast<uint32_t>(target.size());
  if (target.size() <= kFastSymlinkBytes) {
    std::memcpy(inode.i_block, target.data(), target.size());
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const auto extents, filesystem_.Allocate(file.number, inode, 0, 1));
  return filesystem_.WriteData(extents[0].physical, target);
}

absl::Status Writer::WriteDirectory(const Ext4Plan::File& file, ext2_inode_large& inode) {
  std::vector<Ext4DirectoryEntry> entries;
  if (plan_.add_lost_found && file.number == EXT2_ROOT_INO) {
    entries.push_back({.inode = kLostFoundInode, .name = kLostFound, .type = FileType::kDirectory});
  }
  for (const auto& [name, entry] : file.inode->children) {
    entries.push_back(
        {.inode = plan_.numbers.at(entry.inode.get()), .name = name, .type = entry.inode->type});
  }
  const std::string blocks = PackExt4Directory(file.number, file.parent, entries);
  inode.i_size = static_cast<uint32_t>(blocks.size());
  ASSIGN_OR_RETURN(const auto extents,
                   filesystem_.Allocate(file.number, inode, 0, blocks.size() / kExt4BlockBytes));
  for (const Ext4Filesystem::Extent& extent : extents) {
    for (uint64_t i = 0; i < extent.count; ++i) {
      RETURN_IF_ERROR(filesystem_.WriteDirectoryBlock(
          file.number, extent.physical + i,
          blocks.substr((extent.logical + i) * kExt4BlockBytes, kExt4BlockBytes)));
    }
  }
  return absl::OkStatus();
}

// RFC 9562 §5.8: a UUID of our own making.
std::array<uint8_t, 16> UuidOf(const Sha256Digest& digest) {
  std::array<uint8_t, 16> uuid = {};
  std::copy_n(digest.begin(), uuid.size(), uuid.begin());
  uuid[6] = static_cast<uint8_t>((uuid[6] & 0x0f) | 0x80);
  uuid[8] = static_cast<uint8_t>((uuid[8] & 0x3f) | 0x80);
  return uuid;
}

// The file system that has room for the plan: what the tables and the journal take depends on its
// size, so that it is found by trying.
absl::StatusOr<Ext4Filesystem> MakeFilesystem(const Ext4Plan& plan, const Ext4Options& options,
                                              const std::array<uint8_t, 16>& uuid,
                                              const std::string& path) {
  const uint64_t needed = plan.blocks + BlocksOf(options.free_bytes);
  uint64_t blocks = std::max(needed, kMinBlocks);
  for (int i = 0; i < kMaxTries; ++i) {
    const uint64_t inodes =
        plan.next_number + plan.xattrs + blocks * kExt4BlockBytes / kBytesPerInode;
    ASSIGN_OR_RETURN(
        Ext4Filesystem filesystem,
        Ext4Filesystem::Create(path, {.blocks = blocks,
                                      .inodes = static_cast<uint32_t>(std::min(inodes, kMaxInodes)),
                                      .uuid = uuid,
                                      .label = options.label,
                                      .time = options.source_date_epoch,
                                      .has_large_xattrs = plan.has_large_xattrs}));
    if (filesystem.free_blocks() >= needed) return filesystem;
    // The bytes of the larger tables are added too; a try that comes close is enough.
    blocks += (needed - filesystem.free_blocks()) * 33 / 32 + 64;
  }
  return absl::InternalError(absl::StrCat("ext4: no size found for ", needed, " blocks"));
}

absl::StatusOr<Ext4Summary> Write(const FileTree& tree, const std::string& path,
                                  const Ext4Options& options) {
  Ext4Plan plan;
  RETURN_IF_ERROR(MakeExt4Plan(tree, plan));
  const std::array<uint8_t, 16> uuid =
      options.uuid.has_value() ? *options.uuid : UuidOf(tree.Digest());
  ASSIGN_OR_RETURN(Ext4Filesystem filesystem, MakeFilesystem(plan, options, uuid, path));
  RETURN_IF_ERROR(Writer(tree, plan, options, filesystem).Write());
  const Ext4Summary summary = {.bytes = filesystem.blocks() * kExt4BlockBytes,
                               .free_bytes = filesystem.free_blocks() * kExt4BlockBytes,
                               .inodes = filesystem.used_inodes(),
                               .uuid = uuid};
  RETURN_IF_ERROR(filesystem.Close());
  return summary;
}

}  // namespace

absl::StatusOr<Ext4Summary> WriteExt4(const FileTree& tree, const std::string& path,
                                      const Ext4Options& options) {
  if (options.label.size() > kMaxLabelBytes) {
    return absl::InvalidArgumentError(absl::StrCat("ext4 label '", options.label, "' has ",
                                                   options.label.size(), " bytes, more than ",
                                                   kMaxLabelBytes));
  }
  const std::string temporary = absl::StrCat(path, ".tmp.", ::getpid());
  absl::StatusOr<Ext4Summary> summary = Write(tree, temporary, options);
  if (summary.ok() && std::rename(temporary.c_str(), path.c_str()) != 0) {
    summary = ErrnoStatus(path);
  }
  if (!summary.ok()) ::unlink(temporary.c_str());
  return summary;
}

}  // namespace voidbox
