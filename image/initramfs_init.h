#ifndef VOIDBOX_IMAGE_INITRAMFS_INIT_H_
#define VOIDBOX_IMAGE_INITRAMFS_INIT_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"

namespace voidbox {

// Whether the kernel will find /init in the initramfs `file`: its archives are walked as Linux does
// it (init/initramfs.c), those packed with gzip, zstd or lz4 unpacked. INVALID_ARGUMENT where it
// will not, DATA_LOSS for one that is damaged or cut short, RESOURCE_EXHAUSTED for one that unpacks
// to more than `max_bytes`. OK where that cannot be told, which is so of archives packed with
// anything else, and behind them.
absl::Status CheckInitramfsInit(std::span<const std::byte> file, uint64_t max_bytes);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_INITRAMFS_INIT_H_
