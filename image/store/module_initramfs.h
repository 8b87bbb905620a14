#ifndef VOIDBOX_IMAGE_STORE_MODULE_INITRAMFS_H_
#define VOIDBOX_IMAGE_STORE_MODULE_INITRAMFS_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "image/store/image_manifest.h"

namespace voidbox {

// Its name in an import's directory.
inline constexpr char kModuleInitramfs[] = "initramfs.cpio";

// What a kernel that has its drivers as modules comes with.
struct KernelModules {
  std::string directory;       // lib/modules/RELEASE; empty: the kernel needs no modules
  std::string release;         // under this name the modules go to the guest
  std::string kernel_release;  // what the kernel says of itself; empty where it does not
  std::string agent;           // the binary that loads them, for an image with a root disk
};

// Writes to `path` the initramfs with which such a kernel boots: `initramfs`, an archive with an
// agent as /init, packed or not, and behind it one with the modules; or, where that is empty, one
// whose agent goes on to the root disk. Returns what the modules are, or nothing, and nothing is
// written, where the kernel needs none. The same files give the same bytes.
absl::StatusOr<std::optional<ImageInput>> WriteModuleInitramfs(const KernelModules& modules,
                                                               const std::string& initramfs,
                                                               const std::string& path);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_STORE_MODULE_INITRAMFS_H_
