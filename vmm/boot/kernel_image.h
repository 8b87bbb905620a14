#ifndef VOIDBOX_VMM_BOOT_KERNEL_IMAGE_H_
#define VOIDBOX_VMM_BOOT_KERNEL_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// How the kernel is entered.
enum class BootProtocol {
  // 64-bit mode with the zero page in RSI (Linux x86 boot protocol 2.15, "64-bit Boot Protocol").
  kLinux64,
  // 32-bit protected mode without paging, hvm_start_info in EBX (Xen docs/misc/pvh.pandoc).
  kPvh,
};

// What a kernel file asks for: pieces of it at guest-physical addresses, and where to begin.
// Addresses are checked against each other and the file, not yet against RAM.
struct KernelImage {
  struct Segment {
    uint64_t gpa = 0;
    uint64_t file_offset = 0;
    uint64_t file_bytes = 0;
    uint64_t memory_bytes = 0;  // file_bytes or more; what is beyond them is zero
  };
  std::vector<Segment> segments;
  BootProtocol protocol = BootProtocol::kLinux64;
  uint64_t entry = 0;
  // First guest-physical address behind everything that the kernel needs until it manages memory
  // itself.
  uint64_t end = 0;
  // bzImage: the setup header as it stands in the file, from offset 0x1f1 on; empty for ELF.
  std::string setup_header;
  // bzImage: the release as uname(2) tells it, the first word of the version string. Empty where
  // the file does not tell.
  std::string release;
};

// Parses an ELF64 vmlinux or a bzImage. `file` is the whole file, hostile. INVALID_ARGUMENT says
// what is wrong with it, with the offending value; UNIMPLEMENTED for a kernel of another
// architecture.
absl::StatusOr<KernelImage> ParseKernelImage(std::span<const std::byte> file);

absl::StatusOr<KernelImage> ParseElfKernel(std::span<const std::byte> file);
absl::StatusOr<KernelImage> ParseBzImage(std::span<const std::byte> file);

}  // namespace voidbox

#endif  // VOIDBOX_VMM_BOOT_KERNEL_IMAGE_H_
