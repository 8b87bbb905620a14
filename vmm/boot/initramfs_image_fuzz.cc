#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "vmm/boot/initramfs_image.h"

// Whatever the file, the walk ends; and what is refused has a reason.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::Status status =
      voidbox::CheckInitramfs(std::as_bytes(std::span(data, size))).status();
  voidbox::Check(status.ok() || !status.message().empty(), "a refusal says why");
  return 0;
}
