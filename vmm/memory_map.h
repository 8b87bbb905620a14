#ifndef VOIDBOX_VMM_MEMORY_MAP_H_
#define VOIDBOX_VMM_MEMORY_MAP_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// Owns one mmap(2) mapping. Move-only.
class MemoryMap {
 public:
  MemoryMap() = default;
  MemoryMap(MemoryMap&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  MemoryMap& operator=(MemoryMap&& other) noexcept;
  ~MemoryMap();

  std::span<std::byte> bytes() const { return bytes_; }

  // Shared, readable and writable. `name` is for the error message.
  static absl::StatusOr<MemoryMap> Shared(int fd, uint64_t offset, size_t length,
                                          absl::string_view name);
  // Private memory of its own, zero, on huge pages where the system has them: aligned to their
  // size, so that KVM can map them whole when the guest-physical address is aligned too.
  static absl::StatusOr<MemoryMap> HugeAnonymous(size_t length, absl::string_view name);
  // Private and read-only, for parsing a file in place.
  static absl::StatusOr<MemoryMap> ReadOnly(int fd, size_t length, absl::string_view name);

 private:
  explicit MemoryMap(std::span<std::byte> bytes) : bytes_(bytes) {}
  std::span<std::byte> bytes_;
};

}  // namespace voidbox

#endif  // VOIDBOX_VMM_MEMORY_MAP_H_
