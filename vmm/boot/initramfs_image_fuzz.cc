#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "vmm/boot/initramfs_image.h"

// Whatever the file, the walk ends; and what is refused has a reason.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto found = voidbox::CheckInitramfs(std::as_bytes(std::span(data, size)));
  voidbox::Check(found.ok() || !found.status().message().empty(), "a refusal says why");
  if (!found.ok()) return 0;
  voidbox::Check(found->packed_at <= size, "what is packed lies in the file");
  voidbox::Check(found->packing.empty() == (found->packed_at == size), "and is there, or is not");
  return 0;
}
