#ifndef VOIDBOX_IMAGE_KERNEL_MODULES_H_
#define VOIDBOX_IMAGE_KERNEL_MODULES_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "image/file_tree.h"

namespace voidbox {

struct KernelModulesRequest {
  std::string directory;  // lib/modules/RELEASE, as depmod left it
  std::string release;    // under this name the modules go to the guest
  // What the kernel says of itself. Where it says nothing, all modules have to be of one release.
  std::string kernel_release;
  bool root_disk = false;  // the guest has its root file system on a disk
};

// INVALID_ARGUMENT unless it can be a kernel's release, as uname(2) tells it, and a directory's
// name.
absl::Status ValidateKernelRelease(absl::string_view release);

// Adds the modules that a guest needs of a kernel, with all that those need, unpacked, below
// /lib/modules/RELEASE, and the list of them for the agent (base/kernel_module_list.h), and returns
// how many there are; 0, and no list, where all is built into the kernel. The directory is hostile;
// nothing outside of it is read. FAILED_PRECONDITION when the kernel has not what every guest
// needs, INVALID_ARGUMENT for a module of another release, RESOURCE_EXHAUSTED for modules of more
// bytes than fit into any kernel. Errors name the file.
absl::StatusOr<size_t> AddKernelModules(const KernelModulesRequest& request, FileTree& tree);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_KERNEL_MODULES_H_
