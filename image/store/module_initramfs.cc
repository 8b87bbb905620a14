#include "image/store/module_initramfs.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/kernel_module_list.h"
#include "base/status_macros.h"
#include "image/file_tree.h"
#include "image/kernel_modules.h"
#include "image/store/digest.h"
#include "image/tree_cpio.h"

namespace voidbox {
namespace {

// An archive begins at such an offset, whatever is in front of it (Linux init/initramfs.c,
// unpack_to_rootfs); what fills up is zero.
constexpr size_t kArchiveAlignment = 4;
// Zeroes behind the last archive of an initramfs. The legacy format of lz4 has no end: what follows
// its last block is the length of one more, and only 0 ends it (lib/decompress_unlz4.c). The last
// archive may be packed so whatever the first one is; to all others they are nothing.
constexpr size_t kEndMarkBytes = 4;

// What the agent needs before it has the root disk.
absl::Status AddWayToRootDisk(const std::string& agent, FileTree& tree) {
  ASSIGN_OR_RETURN(FileContents contents, tree.spool().AddHostFile(agent));
  RETURN_IF_ERROR(tree.AddFile("init", {.permissions = 0755}, std::move(contents)));
  for (const char* directory : {"dev", "proc", "sys", kNewRoot}) {
    RETURN_IF_ERROR(tree.AddDirectory(directory, {.permissions = 0755}));
  }
  // What the kernel opens for PID 1 before anything is mounted.
  return tree.AddSpecial("dev/console", {.permissions = 0600}, FileType::kCharacterDevice, 5, 1);
}

}  // namespace

absl::StatusOr<std::optional<ImageInput>> WriteModuleInitramfs(const KernelModules& modules,
                                                               const std::string& initramfs,
                                                               const std::string& path) {
  if (modules.directory.empty()) return std::nullopt;
  const bool root_disk = initramfs.empty();
  ASSIGN_OR_RETURN(FileTree tree, FileTree::Create());
  ASSIGN_OR_RETURN(const size_t count, AddKernelModules({.directory = modules.directory,
                                                         .release = modules.release,
                                                         .kernel_release = modules.kernel_release,
                                                         .root_disk = root_disk},
                                                        tree));
  if (count == 0) return std::nullopt;
  ASSIGN_OR_RETURN(std::string archive, MakeCpio(tree));
  const ImageInput input = {
      .name = "linux-modules", .version = modules.release, .digest = Digest::Of(archive)};
  std::string all;
  if (root_disk) {
    RETURN_IF_ERROR(AddWayToRootDisk(modules.agent, tree));
    ASSIGN_OR_RETURN(all, MakeCpio(tree));
  } else {
    ASSIGN_OR_RETURN(all, ReadFile(initramfs, kMaxCpioBytes));
    const size_t end = (all.size() + kArchiveAlignment - 1) / kArchiveAlignment * kArchiveAlignment;
    all.resize(end + kEndMarkBytes);
    all += archive;
  }
  RETURN_IF_ERROR(WriteFileAtomically(path, all));
  return input;
}

}  // namespace voidbox
