#ifndef VOIDBOX_VIRTIO_GUEST_MEMORY_H_
#define VOIDBOX_VIRTIO_GUEST_MEMORY_H_

#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
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
  absl::StatusOr<std::span<std::byte>> Slice(GuestAddress gpa, uint64_t length) const {
    for (const Region& region : regions_) {
      const uint64_t size = region.bytes.size();
      const uint64_t offset = gpa.value - region.start.value;  // wraps past size when below
      if (offset <= size && length <= size - offset) return region.bytes.subspan(offset, length);
    }
    return OutOfRangeError(gpa, length);
  }

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

  // `count` objects of a ring that both sides use at once: to be touched by std::atomic_ref or
  // memcpy only. OUT_OF_RANGE like Slice, INVALID_ARGUMENT unless aligned for T.
  template <typename T>
  absl::StatusOr<T*> Shared(GuestAddress gpa, uint64_t count) const {
    static_assert(std::is_trivially_copyable_v<T>);
    absl::StatusOr<std::span<std::byte>> bytes = Slice(gpa, count * sizeof(T));
    if (!bytes.ok()) return bytes.status();
    if (std::bit_cast<uintptr_t>(bytes->data()) % alignof(T) != 0) return MisalignedError(gpa);
    return reinterpret_cast<T*>(bytes->data());
  }

  const std::vector<Region>& regions() const { return regions_; }

 private:
  explicit GuestMemory(std::vector<Region> regions) : regions_(std::move(regions)) {}
  static absl::Status OutOfRangeError(GuestAddress gpa, uint64_t length);
  static absl::Status MisalignedError(GuestAddress gpa);

  std::vector<Region> regions_;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_GUEST_MEMORY_H_
