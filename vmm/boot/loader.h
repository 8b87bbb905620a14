#ifndef VOIDBOX_VMM_BOOT_LOADER_H_
#define VOIDBOX_VMM_BOOT_LOADER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "virtio/guest_memory.h"
#include "vmm/arch/x86_64/boot_setup.h"
#include "vmm/boot/kernel_image.h"

namespace voidbox {

// A kernel and an initramfs, opened, parsed and found to fit into the memory, before anything of
// KVM is touched.
class BootFiles {
 public:
  // Errors name the file and, where something does not fit, the numbers. `initramfs_path` may be
  // empty.
  static absl::StatusOr<BootFiles> Open(const std::string& kernel_path,
                                        const std::string& initramfs_path, uint64_t memory_bytes);

  const KernelImage& kernel() const { return kernel_; }
  const InitramfsRange& initramfs() const { return initramfs_; }
  // As CheckInitramfs says it; empty without an initramfs.
  const std::string& initramfs_packing() const { return initramfs_packing_; }

  // Reads both files into the guest's memory, which is zero.
  absl::Status Load(const GuestMemory& memory) const;

 private:
  BootFiles() = default;
  UniqueFd kernel_fd_;
  UniqueFd initramfs_fd_;
  KernelImage kernel_;
  InitramfsRange initramfs_;
  std::string initramfs_packing_;
};

}  // namespace voidbox

#endif  // VOIDBOX_VMM_BOOT_LOADER_H_
