#include "image/store/preflight.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "image/ext4_superblock.h"
#include "image/store/image_manifest.h"
#include "vmm/boot/loader.h"

namespace voidbox {
namespace {

constexpr uint64_t kMemoryUnit = 2 << 20;              // of a guest's memory
constexpr uint64_t kLeastMemory = uint64_t{32} << 20;  // of any guest
constexpr uint64_t kStatBlockBytes = 512;              // of st_blocks, stat(2)
constexpr size_t kHeadBytes = 8;

struct Magic {
  absl::string_view bytes;
  const char* kind;
};

// The magic numbers that Linux looks for, lib/decompress.c; cpio: "newc" without and with
// checksums, Documentation/driver-api/early-userspace/buffer-format.rst.
constexpr Magic kMagics[] = {
    {"070701", "cpio"},
    {"070702", "cpio"},
    {"\x1f\x8b", "cpio+gzip"},
    {"\x1f\x9e", "cpio+gzip"},
    {"\x02\x21\x4c\x18", "cpio+lz4"},
    {"\x28\xb5\x2f\xfd", "cpio+zstd"},
    {absl::string_view("\xfd"
                       "7zXZ",
                       5),
     "cpio+xz"},
    {absl::string_view("\x5d\x00\x00", 3), "cpio+lzma"},
    {"BZh", "cpio+bzip2"},
    {absl::string_view("\x89LZO\x00", 5), "cpio+lzo"},
};

struct OpenFile {
  UniqueFd fd;
  uint64_t bytes = 0;
  uint64_t bytes_on_disk = 0;
};

absl::StatusOr<OpenFile> OpenRegular(absl::string_view kind, const std::string& path) {
  const std::string what = absl::StrCat(kind, " ", path);
  OpenFile file;
  file.fd.Reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat attributes;
  if (!file.fd || ::fstat(file.fd.get(), &attributes) != 0) return ErrnoStatus(what);
  if (!S_ISREG(attributes.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": not a regular file"));
  }
  file.bytes = static_cast<uint64_t>(attributes.st_size);
  file.bytes_on_disk = static_cast<uint64_t>(attributes.st_blocks) * kStatBlockBytes;
  return file;
}

}  // namespace

absl::Status CheckCommandLine(const std::string& words) {
  if (words.size() >= kMaxCommandLineBytes) {
    return absl::InvalidArgumentError(absl::StrCat("kernel command line of ", words.size(),
                                                   " bytes, the limit is ",
                                                   kMaxCommandLineBytes - 1));
  }
  for (const char c : words) {
    if (c < 0x20 || c == 0x7f) {
      return absl::InvalidArgumentError(
          "kernel command line: only printable ASCII characters are allowed");
    }
  }
  return absl::OkStatus();
}

std::string InitramfsKind(absl::string_view head) {
  for (const Magic& magic : kMagics) {
    if (absl::StartsWith(head, magic.bytes)) return magic.kind;
  }
  return "cpio";
}

absl::StatusOr<Preflight> CheckImageFiles(const ImageFiles& files, uint64_t memory_bytes) {
  Preflight found;
  // As the VMM does it.
  ASSIGN_OR_RETURN(const BootFiles boot,
                   BootFiles::Open(files.kernel, files.initramfs, memory_bytes));
  ASSIGN_OR_RETURN(const OpenFile kernel, OpenRegular("kernel", files.kernel));
  found.bytes_on_disk += kernel.bytes_on_disk;
  found.kernel_kind = boot.kernel().setup_header.empty() ? "vmlinux" : "bzimage";
  found.kernel_release = boot.kernel().release;
  const uint64_t needed = boot.kernel().end + boot.initramfs().bytes;
  found.minimum_memory_bytes =
      std::max(kLeastMemory, (needed + kMemoryUnit - 1) / kMemoryUnit * kMemoryUnit);
  if (!files.initramfs.empty()) {
    ASSIGN_OR_RETURN(const OpenFile initramfs, OpenRegular("initramfs", files.initramfs));
    std::string head(kHeadBytes, '\0');
    ASSIGN_OR_RETURN(const size_t got, ReadUpTo(initramfs.fd.get(), head.data(), head.size()));
    found.initramfs_kind = InitramfsKind(absl::string_view(head).substr(0, got));
    found.bytes_on_disk += initramfs.bytes_on_disk;
  }
  if (!files.rootfs.empty()) {
    ASSIGN_OR_RETURN(const OpenFile rootfs, OpenRegular("rootfs", files.rootfs));
    if (const auto usable = ReadExt4Superblock(files.rootfs); !usable.ok()) {
      return absl::Status(usable.status().code(),
                          absl::StrCat("rootfs ", usable.status().message()));
    }
    found.bytes_on_disk += rootfs.bytes_on_disk;
  }
  return found;
}

}  // namespace voidbox
