#include "image/tree_cpio.h"

#include <unordered_map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status_macros.h"
#include "image/cpio_writer.h"

namespace voidbox {
namespace {

absl::Status AddInode(const FileTree& tree, absl::string_view path, const Inode& inode,
                      CpioWriter& writer) {
  const CpioWriter::Attributes attributes = {.permissions = inode.metadata.permissions,
                                             .uid = inode.metadata.uid,
                                             .gid = inode.metadata.gid};
  const auto device = [&](CpioWriter::DeviceKind kind) {
    return writer.AddDevice(path, attributes, kind, inode.device_major, inode.device_minor);
  };
  switch (inode.type) {
    case FileType::kRegular: {
      ASSIGN_OR_RETURN(std::string contents, tree.spool().ReadAll(inode.contents, kMaxCpioBytes));
      return writer.AddFile(path, attributes, std::move(contents));
    }
    case FileType::kDirectory:
      return writer.AddDirectory(path, attributes);
    case FileType::kSymlink:
      return writer.AddSymlink(path, inode.symlink_target);
    case FileType::kCharacterDevice:
      return device(CpioWriter::DeviceKind::kCharacter);
    case FileType::kBlockDevice:
      return device(CpioWriter::DeviceKind::kBlock);
    case FileType::kFifo:
      return device(CpioWriter::DeviceKind::kFifo);
  }
  return absl::InternalError("a type that is none");
}

}  // namespace

absl::StatusOr<std::string> MakeCpio(const FileTree& tree) {
  CpioWriter writer;
  std::unordered_map<const Inode*, std::string> names;  // of files that were added
  uint64_t bytes = 0;
  RETURN_IF_ERROR(tree.Visit([&](absl::string_view path, const Inode& inode) -> absl::Status {
    if (path.empty()) return absl::OkStatus();
    const auto [first, is_new] = names.try_emplace(&inode, path);
    if (!is_new) return writer.AddHardLink(path, first->second);
    // Each is within the tree's limits, so that the sum does not overflow.
    bytes += inode.contents.size;
    if (bytes > kMaxCpioBytes) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "cpio: the files up to '", path, "' have ", bytes, " bytes, more than the limit of ",
          kMaxCpioBytes, " for an image that lies in memory"));
    }
    return AddInode(tree, path, inode, writer);
  }));
  return writer.Finish();
}

}  // namespace voidbox
