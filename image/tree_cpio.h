#ifndef VOIDBOX_IMAGE_TREE_CPIO_H_
#define VOIDBOX_IMAGE_TREE_CPIO_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "image/file_tree.h"

namespace voidbox {

// What an initramfs may unpack to: it lies in the guest's memory, and here in this process's.
inline constexpr uint64_t kMaxCpioBytes = uint64_t{2} << 30;

// A tree as a cpio archive for the kernel (CpioWriter), hard links kept. The format has no extended
// attributes, and the root's own metadata and all times are left out. RESOURCE_EXHAUSTED when the
// contents of all files are more than kMaxCpioBytes.
absl::StatusOr<std::string> MakeCpio(const FileTree& tree);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_TREE_CPIO_H_
