// Linux x86 boot protocol 2.15 (Documentation/x86/boot.rst).
#include <asm/bootparam.h>

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "vmm/boot/file_bytes.h"
#include "vmm/boot/kernel_image.h"

namespace voidbox {
namespace {

constexpr uint64_t kHeaderOffset = offsetof(boot_params, hdr);  // 0x1f1
constexpr uint64_t kSectorBytes = 512;
constexpr uint64_t kParagraphBytes = 16;  // the unit of setup_header.syssize
constexpr uint16_t kBootFlag = 0xaa55;
constexpr uint16_t kOldestProtocol = 0x020c;  // the first with xloadflags
constexpr uint64_t kEntry64Offset = 0x200;
constexpr uint8_t kDefaultSetupSectors = 4;
constexpr uint64_t kVersionBase = 0x200;  // what setup_header.kernel_version counts from
constexpr size_t kMaxReleaseBytes = 64;   // of utsname::release

// The first word of the string behind the setup code that the header points to ("kernel_version"),
// as far as it can be a release.
std::string ReleaseOf(const setup_header& header, std::span<const std::byte> setup) {
  std::string release;
  const uint64_t start = kVersionBase + header.kernel_version;
  if (header.kernel_version == 0 || start >= setup.size()) return release;
  for (const std::byte byte : setup.subspan(start)) {
    const char c = static_cast<char>(byte);
    if (c == ' ' || c == '\0') return release;
    if (!absl::ascii_isgraph(c) || release.size() == kMaxReleaseBytes) return "";
    release += c;
  }
  return "";
}

}  // namespace

absl::StatusOr<KernelImage> ParseBzImage(std::span<const std::byte> file) {
  ASSIGN_OR_RETURN(const setup_header header,
                   ReadAt<setup_header>(file, kHeaderOffset, "bzImage setup header"));
  if (header.boot_flag != kBootFlag) {
    return absl::InvalidArgumentError(absl::StrCat("bzImage boot flag 0x",
                                                   absl::Hex(header.boot_flag), ", expected 0x",
                                                   absl::Hex(kBootFlag)));
  }
  if (header.version < kOldestProtocol || !(header.xloadflags & XLF_KERNEL_64)) {
    return absl::UnimplementedError(
        absl::StrCat("bzImage of boot protocol 0x", absl::Hex(header.version),
                     " has no 64-bit entry point (0x20c and later may have)"));
  }
  if (!(header.loadflags & LOADED_HIGH)) {
    return absl::UnimplementedError("zImage: only kernels that load at 1 MiB are supported");
  }
  const uint64_t setup_sectors =
      header.setup_sects == 0 ? kDefaultSetupSectors : header.setup_sects;
  const uint64_t kernel_offset = (setup_sectors + 1) * kSectorBytes;
  // In paragraphs, of which the last may be begun and no more: the file need not fill it.
  const uint64_t declared_bytes = uint64_t{header.syssize} * kParagraphBytes;
  const uint64_t there = kernel_offset > file.size() ? 0 : file.size() - kernel_offset;
  if (declared_bytes >= there + kParagraphBytes) {
    return absl::InvalidArgumentError(absl::StrCat("bzImage needs ", kernel_offset + declared_bytes,
                                                   " bytes, the file has ", file.size(),
                                                   ": it is truncated"));
  }
  const uint64_t kernel_bytes = std::min(declared_bytes, there);
  if (kernel_bytes <= kEntry64Offset) return absl::InvalidArgumentError("bzImage without a kernel");
  KernelImage image;
  const uint64_t load = header.pref_address;
  if (load > UINT32_MAX) {
    return absl::InvalidArgumentError(
        absl::StrCat("bzImage load address 0x", absl::Hex(load), " is above 4 GiB"));
  }
  image.segments.push_back({.gpa = load,
                            .file_offset = kernel_offset,
                            .file_bytes = kernel_bytes,
                            .memory_bytes = std::max<uint64_t>(kernel_bytes, header.init_size)});
  image.entry = load + kEntry64Offset;
  image.end = load + image.segments[0].memory_bytes;
  image.release = ReleaseOf(header, file.first(kernel_offset));
  // The header ends where the jump at its start says (boot protocol, "the setup header").
  const uint64_t end =
      std::min<uint64_t>(0x202 + (header.jump >> 8), kHeaderOffset + sizeof(setup_header));
  if (end > kHeaderOffset) {
    const std::byte* start = file.data() + kHeaderOffset;
    image.setup_header.resize(end - kHeaderOffset);
    std::copy_n(start, end - kHeaderOffset,
                std::as_writable_bytes(std::span(image.setup_header)).data());
  }
  return image;
}

}  // namespace voidbox
