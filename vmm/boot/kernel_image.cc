#include "vmm/boot/kernel_image.h"

#include <elf.h>

#include <cstring>

#include "absl/strings/str_cat.h"

namespace voidbox {
namespace {

constexpr uint64_t kSetupMagicOffset =
    0x202;  // Linux x86 boot protocol, "The Real-Mode Kernel Header"
constexpr char kSetupMagic[4] = {'H', 'd', 'r', 'S'};

bool HasBytes(std::span<const std::byte> file, uint64_t offset, const char* bytes, size_t length) {
  return file.size() >= offset + length && std::memcmp(file.data() + offset, bytes, length) == 0;
}

}  // namespace

absl::StatusOr<KernelImage> ParseKernelImage(std::span<const std::byte> file) {
  if (HasBytes(file, 0, ELFMAG, SELFMAG)) return ParseElfKernel(file);
  if (HasBytes(file, kSetupMagicOffset, kSetupMagic, sizeof(kSetupMagic)))
    return ParseBzImage(file);
  if (HasBytes(file, 0, "\x1f\x8b", 2)) {
    return absl::InvalidArgumentError("it is compressed with gzip: decompress it first");
  }
  return absl::InvalidArgumentError(absl::StrCat("neither an ELF vmlinux nor a bzImage (",
                                                 file.size(),
                                                 " bytes without either's magic number)"));
}

}  // namespace voidbox
