#ifndef VOIDBOX_BASE_KERNEL_MODULE_LIST_H_
#define VOIDBOX_BASE_KERNEL_MODULE_LIST_H_

// What an image and its agent agree on for kernels that have their drivers as modules.
namespace voidbox {

// In an initramfs: the absolute paths of the modules to load, one a line, each after those that it
// needs. Without modules there is no such file.
inline constexpr char kKernelModuleList[] = "/lib/modules/voidbox.list";
// An initramfs with this directory is but the way to a root disk, which is mounted here.
inline constexpr char kNewRoot[] = "/newroot";

}  // namespace voidbox

#endif  // VOIDBOX_BASE_KERNEL_MODULE_LIST_H_
