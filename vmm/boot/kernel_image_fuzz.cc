#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "vmm/boot/kernel_image.h"

// Whatever the file, a parsed image's pieces lie inside it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> file = std::as_bytes(std::span(data, size));
  const auto image = voidbox::ParseKernelImage(file);
  if (!image.ok()) return 0;
  voidbox::Check(!image->segments.empty(), "a kernel has a segment");
  voidbox::Check(image->release.size() <= 64, "a release is bounded");
  for (const auto& segment : image->segments) {
    voidbox::Check(segment.file_offset <= size && segment.file_bytes <= size - segment.file_offset,
                   "a segment lies inside its file");
    voidbox::Check(segment.memory_bytes >= segment.file_bytes,
                   "a segment's memory holds its bytes");
    voidbox::Check(segment.gpa + segment.memory_bytes <= image->end,
                   "the end is behind every segment");
  }
  return 0;
}
