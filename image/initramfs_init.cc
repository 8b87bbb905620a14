#include "image/initramfs_init.h"

#include <algorithm>
#include <span>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/status_macros.h"
#include "image/decompress.h"
#include "vmm/boot/initramfs_image.h"

namespace voidbox {
namespace {

// kNone for what is not unpacked here.
Compression CompressionOf(absl::string_view packing) {
  if (packing == "gzip") return Compression::kGzip;
  if (packing == "zstd") return Compression::kZstd;
  if (packing == "lz4") return Compression::kLz4;
  return Compression::kNone;
}

bool IsZero(std::byte byte) { return byte == std::byte{0}; }

}  // namespace

absl::Status CheckInitramfsInit(std::span<const std::byte> file, uint64_t max_bytes) {
  while (!std::all_of(file.begin(), file.end(), IsZero)) {
    ASSIGN_OR_RETURN(const InitramfsContents plain, CheckInitramfs(file));
    if (plain.has_init) return absl::OkStatus();
    if (plain.packing.empty()) break;
    const Compression compression = CompressionOf(plain.packing);
    if (compression == Compression::kNone) return absl::OkStatus();
    file = file.subspan(plain.packed_at);
    ASSIGN_OR_RETURN(const Decompressed unpacked, DecompressFirst(file, compression, max_bytes));
    ASSIGN_OR_RETURN(const InitramfsContents inner,
                     CheckInitramfs(std::as_bytes(std::span(unpacked.bytes))));
    if (inner.has_init) return absl::OkStatus();
    max_bytes -= unpacked.bytes.size();
    file = file.subspan(unpacked.used);
    // The walk counts from here, and an archive begins at a multiple of four from the file's start.
    file = file.subspan(
        static_cast<size_t>(std::find_if_not(file.begin(), file.end(), IsZero) - file.begin()));
  }
  return absl::InvalidArgumentError(
      "there is no /init in it, which the kernel starts first and which is to be the agent; "
      "name another with --cmdline rdinit=PATH");
}

}  // namespace voidbox
