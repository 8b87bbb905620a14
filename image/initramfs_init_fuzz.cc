#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "image/initramfs_init.h"

// Whatever the file, the walk ends within its bound; and what is refused has a reason.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::Status status =
      voidbox::CheckInitramfsInit(std::as_bytes(std::span(data, size)), 1 << 20);
  voidbox::Check(status.ok() || !status.message().empty(), "a refusal says why");
  return 0;
}
