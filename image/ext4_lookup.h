#ifndef VOIDBOX_IMAGE_EXT4_LOOKUP_H_
#define VOIDBOX_IMAGE_EXT4_LOOKUP_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "image/ext4_superblock.h"

namespace voidbox {

enum class Ext4Entry {
  kNone,
  kProgram,  // a regular file that somebody may execute
  kOther,
  // It cannot be told: the names are encrypted, the journal has not been replayed, or what is on
  // the disk contradicts itself.
  kUnknown,
};

// Fills `bytes` from an offset of the image, or fails.
using Ext4Read = std::function<absl::Status(uint64_t offset, std::span<char> bytes)>;

// What `path` leads to in a file system whose superblock was found good, links followed beneath its
// root. The rest of it is hostile: what is read, and how often, is bounded.
Ext4Entry LookUpInExt4(const Ext4Superblock& super, const Ext4Read& read, absl::string_view path);

// INVALID_ARGUMENT unless the guest that has the image at `image` as its root can execute `init`;
// OK where that cannot be told.
absl::Status CheckExt4Init(const std::string& image, const Ext4Superblock& super,
                           absl::string_view init);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_EXT4_LOOKUP_H_
