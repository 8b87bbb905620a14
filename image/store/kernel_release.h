#ifndef VOIDBOX_IMAGE_STORE_KERNEL_RELEASE_H_
#define VOIDBOX_IMAGE_STORE_KERNEL_RELEASE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// The release that a vmlinux says of itself: the word behind "Linux version " in its banner (Linux
// init/version.c), of which it has one. Empty where there is none. The file is hostile, and read
// once from its start.
absl::StatusOr<std::string> FindKernelRelease(int fd, uint64_t bytes);

// Whether it is that of a kernel of image/kernel: CONFIG_LOCALVERSION of guest.config.
bool IsOwnKernelRelease(absl::string_view release);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_STORE_KERNEL_RELEASE_H_
