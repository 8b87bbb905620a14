#ifndef VOIDBOX_VIRTIO_GUEST_MEMORY_H_
#define VOIDBOX_VIRTIO_GUEST_MEMORY_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace voidbox {

// A guest-physical address (GPA).
struct GuestAddress {
  uint64_t value = 0;
  auto operator<=>(const GuestAddress&) const = default;
};

// The guest's RAM as the VMM sees it: a few regions of mapped memory with holes between them. The
// guest changes the bytes at any time: what is read is copied out once, validated, and the copy
// used. Any thread.
class GuestMemory {
 public:
  struct Region {
    GuestAddress start;
    std::span<std::byte> bytes;  // outlives the GuestMemory
  };

  // INVALID_ARGUMENT unless the regions are sorted, not empty, disjoint, and end below 2^52.
  static absl::StatusOr<GuestMemory> Create(std::vector<Region> regions);

  // The bytes [gpa, gpa + length). OUT_OF_RANGE unless they lie inside one region.
  absl::StatusOr<std::span<std::byte>> Slice(GuestAddress gpa, uint64_t length) const;

  absl::Status Read(GuestAddress gpa, std::span<std::byte> out) const;
  absl::Status Write(GuestAddress gpa, std::span<const std::byte> in) const;

  template <typename T>
  absl::StatusOr<T> ReadObject(GuestAddress gpa) const {
    static_assert(std::is_trivially_copyable_v<T>);
    T object;
    absl::Status status = Read(gpa, std::as_writable_bytes(std::span(&object, 1)));
    if (!status.ok()) return status;
    return object;
  }
  template <typename T>
  absl::Status WriteObject(GuestAddress gpa, const T& object) const {
    static_assert(std::is_trivially_copyable_v<T>);
    return Write(gpa, std::as_bytes(std::span(&object, 1)));
  }

  const std::vector<Region>& regions() const { return regions_; }

 private:
  explicit GuestMemory(std::vector<Region> regions) : regions_(std::move(regions)) {}
  std::vector<Region> regions_;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_GUEST_MEMORY_H_
