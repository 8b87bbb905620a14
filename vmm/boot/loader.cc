#include "vmm/boot/loader.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <span>

#include "absl/strings/str_cat.h"
#include "base/about_status.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "vmm/arch/x86_64/layout.h"
#include "vmm/boot/initramfs_image.h"
#include "vmm/guest_ram.h"
#include "vmm/memory_map.h"

namespace voidbox {
namespace {

constexpr uint64_t kPageBytes = 4096;
constexpr uint64_t kMaxKernelBytes = 1 << 30;
// After each of these the reading thread lets others go first: the kernel thread that
// KVM_CREATE_VM starts, and waits for, would otherwise get to a single processor a tick later.
constexpr size_t kTurnBytes = 256 << 10;
// Where the kernel finds an initramfs in any configuration: below 2 GiB
// (setup_header.initrd_addr_max of x86-64).
constexpr uint64_t kInitramfsEnd = uint64_t{2} << 30;

struct OpenFile {
  UniqueFd fd;
  uint64_t bytes = 0;
};

absl::StatusOr<OpenFile> OpenRegular(absl::string_view kind, const std::string& path) {
  OpenFile file;
  file.fd.Reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.fd) return ErrnoStatus(absl::StrCat(kind, " ", path));
  struct stat info;
  if (::fstat(file.fd.get(), &info) != 0) return ErrnoStatus(absl::StrCat(kind, " ", path));
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(kind, " ", path, ": not a regular file"));
  }
  file.bytes = static_cast<uint64_t>(info.st_size);
  if (file.bytes == 0) return absl::InvalidArgumentError(absl::StrCat(kind, " ", path, ": empty"));
  return file;
}

absl::Status ReadInto(const GuestMemory& memory, uint64_t gpa, int fd, uint64_t offset,
                      uint64_t bytes) {
  ASSIGN_OR_RETURN(std::span<std::byte> target, memory.Slice(GuestAddress{gpa}, bytes));
  while (!target.empty()) {
    const ssize_t got =
        ::pread(fd, target.data(), std::min(target.size(), kTurnBytes), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus("reading a boot file");
    if (got == 0) return absl::DataLossError("a boot file became shorter while it was read");
    target = target.subspan(static_cast<size_t>(got));
    offset += static_cast<uint64_t>(got);
    ::sched_yield();
  }
  return absl::OkStatus();
}

absl::Status CheckKernelFits(const KernelImage& kernel, uint64_t memory_bytes) {
  const uint64_t end = std::min(memory_bytes, kHoleStart);
  for (const KernelImage::Segment& segment : kernel.segments) {
    if (segment.gpa < layout::kHighMemoryStart) {
      return absl::InvalidArgumentError(
          absl::StrCat("a segment at 0x", absl::Hex(segment.gpa), " is below 0x",
                       absl::Hex(layout::kHighMemoryStart), ", where boot data lies"));
    }
    if (segment.gpa > end || segment.memory_bytes > end - segment.gpa) {
      return absl::InvalidArgumentError(
          absl::StrCat("needs memory up to 0x", absl::Hex(segment.gpa + segment.memory_bytes), " (",
                       (segment.gpa + segment.memory_bytes + (1 << 20) - 1) >> 20,
                       " MiB), the guest has ", memory_bytes >> 20, " MiB"));
    }
  }
  return absl::OkStatus();
}

// Below the kernel, where Linux takes its first pages once the initramfs is unpacked and free, so
// that fewer huge pages of the guest's memory are touched in all; else right behind the kernel.
// There must be room behind the kernel in any case: what is unpacked needs it.
absl::StatusOr<InitramfsRange> PlaceInitramfs(const KernelImage& kernel, uint64_t bytes,
                                              uint64_t memory_bytes) {
  const uint64_t end = std::min({memory_bytes, kHoleStart, kInitramfsEnd});
  const uint64_t start = (kernel.end + kPageBytes - 1) / kPageBytes * kPageBytes;
  const uint64_t needed = (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
  if (start > end || needed > end - start) {
    return absl::InvalidArgumentError(
        absl::StrCat(bytes, " bytes do not fit: the guest's ", memory_bytes >> 20, " MiB leave ",
                     start > end ? 0 : end - start, " bytes behind the kernel"));
  }
  uint64_t kernel_start = start;
  for (const KernelImage::Segment& segment : kernel.segments) {
    kernel_start = std::min(kernel_start, segment.gpa);
  }
  // No segment lies below: CheckKernelFits.
  const bool below = needed <= kernel_start - layout::kHighMemoryStart;
  return InitramfsRange{.gpa = below ? layout::kHighMemoryStart : start, .bytes = bytes};
}

absl::StatusOr<std::string> CheckFile(const OpenFile& initramfs, const std::string& path) {
  ASSIGN_OR_RETURN(const MemoryMap map,
                   MemoryMap::ReadOnly(initramfs.fd.get(), initramfs.bytes, path));
  ASSIGN_OR_RETURN(const InitramfsContents found, CheckInitramfs(map.bytes()));
  return std::string(found.packing);
}

}  // namespace

absl::StatusOr<BootFiles> BootFiles::Open(const std::string& kernel_path,
                                          const std::string& initramfs_path,
                                          uint64_t memory_bytes) {
  BootFiles files;
  const std::string kernel_name = absl::StrCat("kernel ", kernel_path);
  ASSIGN_OR_RETURN(OpenFile kernel, OpenRegular("kernel", kernel_path));
  if (kernel.bytes > kMaxKernelBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        kernel_name, ": ", kernel.bytes, " bytes are more than the limit of ", kMaxKernelBytes));
  }
  ASSIGN_OR_RETURN(const MemoryMap map,
                   MemoryMap::ReadOnly(kernel.fd.get(), kernel.bytes, kernel_name));
  auto image = ParseKernelImage(map.bytes());
  if (!image.ok()) return About(kernel_name, image.status());
  if (absl::Status fits = CheckKernelFits(*image, memory_bytes); !fits.ok()) {
    return About(kernel_name, fits);
  }
  files.kernel_ = *std::move(image);
  files.kernel_fd_ = std::move(kernel.fd);
  if (!initramfs_path.empty()) {
    ASSIGN_OR_RETURN(OpenFile initramfs, OpenRegular("initramfs", initramfs_path));
    const std::string context = absl::StrCat("initramfs ", initramfs_path);
    auto range = PlaceInitramfs(files.kernel_, initramfs.bytes, memory_bytes);
    if (!range.ok()) return About(context, range.status());
    auto packing = CheckFile(initramfs, initramfs_path);
    if (!packing.ok()) return About(context, packing.status());
    files.initramfs_ = *range;
    files.initramfs_packing_ = *std::move(packing);
    files.initramfs_fd_ = std::move(initramfs.fd);
  }
  return files;
}

absl::Status BootFiles::Load(const GuestMemory& memory) const {
  for (const KernelImage::Segment& segment : kernel_.segments) {
    RETURN_IF_ERROR(
        ReadInto(memory, segment.gpa, kernel_fd_.get(), segment.file_offset, segment.file_bytes));
  }
  return ReadInto(memory, initramfs_.gpa, initramfs_fd_.get(), 0, initramfs_.bytes);
}

}  // namespace voidbox
