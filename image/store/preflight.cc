#include "image/store/preflight.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "image/ext4_features.h"
#include "image/ext4_lookup.h"
#include "image/ext4_superblock.h"
#include "image/initramfs_init.h"
#include "image/store/image_manifest.h"
#include "image/store/kernel_release.h"
#include "vmm/boot/loader.h"
#include "vmm/memory_map.h"

namespace voidbox {
namespace {

constexpr uint64_t kMemoryUnit = 2 << 20;              // of a guest's memory
constexpr uint64_t kLeastMemory = uint64_t{32} << 20;  // of any guest
constexpr uint64_t kStatBlockBytes = 512;              // of st_blocks, stat(2)
constexpr size_t kHeadBytes = 8;
constexpr char kDefaultInit[] = "/sbin/init";  // of kRootDiskWords, sandbox/boot_command_line.h

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

absl::StatusOr<std::string> ReleaseOf(const KernelImage& image, const OpenFile& kernel) {
  if (!image.setup_header.empty()) return image.release;
  return FindKernelRelease(kernel.fd.get(), kernel.bytes);
}

// Of image/kernel/guest.config: CONFIG_RD_*.
absl::Status CheckPacking(absl::string_view packing, const std::string& initramfs) {
  for (const char* const known : {"", "gzip", "lz4", "zstd"}) {
    if (packing == known) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "initramfs ", initramfs, ": it is packed with ", packing,
      ", which voidbox' own kernel does not unpack; pack it with gzip, lz4 -l or zstd, or not at "
      "all, or give a --kernel that does"));
}

// What the user's words say of the root.
struct RootWords {
  std::string init = kDefaultInit;
  bool is_elsewhere = false;  // not the ext4 file system of the first disk
  bool other_init = false;    // an initramfs has it under another name than /init
};

RootWords RootWordsOf(absl::string_view words) {
  RootWords root;
  for (absl::string_view word : absl::StrSplit(words, ' ', absl::SkipEmpty())) {
    if (word == "--") break;  // what follows is for init
    if (absl::ConsumePrefix(&word, "root=")) {
      root.is_elsewhere = word != "/dev/vda";
    } else if (absl::ConsumePrefix(&word, "rootfstype=")) {
      root.is_elsewhere = word != "ext4";
    } else if (absl::ConsumePrefix(&word, "init=")) {
      root.init = std::string(word);
    } else if (absl::StartsWith(word, "rdinit=")) {
      root.other_init = true;
    }
  }
  return root;
}

absl::Status About(absl::string_view what, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(what, status.message()));
}

absl::Status AboutRootfs(const absl::Status& status) { return About("rootfs ", status); }

absl::StatusOr<std::string> ReadHead(int fd) {
  std::string head(kHeadBytes, '\0');
  ASSIGN_OR_RETURN(const size_t got, ReadUpTo(fd, head.data(), head.size()));
  head.resize(got);
  return head;
}

}  // namespace

absl::Status CheckInit(const ImageFiles& files, absl::string_view words, uint64_t memory_bytes) {
  const RootWords root = RootWordsOf(words);
  if (!files.initramfs.empty()) {
    if (!files.rootfs.empty() || root.other_init) return absl::OkStatus();
    const std::string what = absl::StrCat("initramfs ", files.initramfs);
    ASSIGN_OR_RETURN(const OpenFile file, OpenRegular("initramfs", files.initramfs));
    ASSIGN_OR_RETURN(const MemoryMap map, MemoryMap::ReadOnly(file.fd.get(), file.bytes, what));
    return About(absl::StrCat(what, ": "), CheckInitramfsInit(map.bytes(), memory_bytes));
  }
  if (root.is_elsewhere) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Ext4Superblock super,
                   ReadExt4Superblock(files.rootfs, Ext4Kernel::kOther));
  return AboutRootfs(CheckExt4Init(files.rootfs, super, root.init));
}

absl::Status CheckRootDisk(const std::string& path, const RootDiskUse& use) {
  if (RootWordsOf(use.words).is_elsewhere) return absl::OkStatus();
  const auto super =
      ReadExt4Superblock(path, use.own_kernel ? Ext4Kernel::kOwn : Ext4Kernel::kOther);
  if (!super.ok()) return AboutRootfs(super.status());
  absl::Status growable = CheckExt4Growable(*super, use.disk_bytes);
  if (growable.ok()) return growable;
  return AboutRootfs(absl::Status(growable.code(), absl::StrCat(path, ": ", growable.message())));
}

absl::Status CheckOwnKernelUnpacks(const std::string& initramfs) {
  ASSIGN_OR_RETURN(const OpenFile file, OpenRegular("initramfs", initramfs));
  ASSIGN_OR_RETURN(const std::string head, ReadHead(file.fd.get()));
  const std::string kind_text = InitramfsKind(head);
  absl::string_view kind = kind_text;
  return CheckPacking(absl::ConsumePrefix(&kind, "cpio+") ? kind : "", initramfs);
}

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
  ASSIGN_OR_RETURN(found.kernel_release, ReleaseOf(boot.kernel(), kernel));
  const bool is_own = IsOwnKernelRelease(found.kernel_release);
  const uint64_t needed = boot.kernel().end + boot.initramfs().bytes;
  found.minimum_memory_bytes =
      std::max(kLeastMemory, (needed + kMemoryUnit - 1) / kMemoryUnit * kMemoryUnit);
  if (!files.initramfs.empty()) {
    ASSIGN_OR_RETURN(const OpenFile initramfs, OpenRegular("initramfs", files.initramfs));
    ASSIGN_OR_RETURN(const std::string head, ReadHead(initramfs.fd.get()));
    found.initramfs_kind = InitramfsKind(head);
    if (is_own) RETURN_IF_ERROR(CheckPacking(boot.initramfs_packing(), files.initramfs));
    found.bytes_on_disk += initramfs.bytes_on_disk;
  }
  if (!files.rootfs.empty()) {
    ASSIGN_OR_RETURN(const OpenFile rootfs, OpenRegular("rootfs", files.rootfs));
    const Ext4Kernel mounter = is_own ? Ext4Kernel::kOwn : Ext4Kernel::kOther;
    const auto usable = ReadExt4Superblock(files.rootfs, mounter);
    if (!usable.ok()) return AboutRootfs(usable.status());
    found.bytes_on_disk += rootfs.bytes_on_disk;
  }
  return found;
}

}  // namespace voidbox
