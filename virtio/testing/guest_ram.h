#ifndef VOIDBOX_VIRTIO_TESTING_GUEST_RAM_H_
#define VOIDBOX_VIRTIO_TESTING_GUEST_RAM_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "virtio/guest_memory.h"

namespace voidbox {

// Zeroed guest memory for tests: by default one region, and one more above a hole.
class GuestRam {
 public:
  static constexpr uint64_t kLowBytes = 1 << 20;
  static constexpr GuestAddress kHighStart = {uint64_t{4} << 30};
  static constexpr uint64_t kHighBytes = 64 << 10;

  GuestRam()
      : low_(kLowBytes / kPage),
        high_(kHighBytes / kPage),
        memory_(*GuestMemory::Create(
            {{.start = {0}, .bytes = std::as_writable_bytes(std::span(low_))},
             {.start = kHighStart, .bytes = std::as_writable_bytes(std::span(high_))}})) {}
  GuestRam(const GuestRam&) = delete;
  GuestRam& operator=(const GuestRam&) = delete;

  const GuestMemory& memory() const { return memory_; }

  // Bytes of the guest as text; the range must be RAM.
  std::string Text(GuestAddress gpa, uint64_t bytes) const {
    std::string text(bytes, '\0');
    Check(memory_.Read(gpa, std::as_writable_bytes(std::span(text))).ok(), "the range is RAM");
    return text;
  }
  void SetText(GuestAddress gpa, absl::string_view text) const {
    Check(memory_.Write(gpa, std::as_bytes(std::span(text.data(), text.size()))).ok(),
          "the range is RAM");
  }

 private:
  static constexpr uint64_t kPage = 4096;
  struct alignas(kPage) Page {
    char bytes[kPage] = {};
  };

  std::vector<Page> low_;
  std::vector<Page> high_;
  GuestMemory memory_;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_TESTING_GUEST_RAM_H_
