#ifndef VOIDBOX_IMAGE_EXT4_FEATURES_H_
#define VOIDBOX_IMAGE_EXT4_FEATURES_H_

#include <cstdint>

#include "absl/status/status.h"
#include "image/ext4_superblock.h"

namespace voidbox {

// INVALID_ARGUMENT with the names of the features, as mke2fs(8) has them, with which a kernel does
// not mount the file system writable. Of another kernel than ours it is only known what no Linux
// mounts.
absl::Status CheckExt4Mountable(const Ext4Superblock& super, Ext4Kernel kernel);

// INVALID_ARGUMENT with the reason unless a mounted file system can grow to a disk of `disk_bytes`
// (Linux 6.1 fs/ext4/resize.c). OK where the disk is no larger.
absl::Status CheckExt4Growable(const Ext4Superblock& super, uint64_t disk_bytes);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_EXT4_FEATURES_H_
