#ifndef VOIDBOX_VMM_GUEST_RAM_H_
#define VOIDBOX_VMM_GUEST_RAM_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "virtio/guest_memory.h"
#include "vmm/memory_map.h"

namespace voidbox {

inline constexpr uint64_t kMemoryAlignment = 2 << 20;
inline constexpr uint64_t kMinMemoryBytes = 16 << 20;
inline constexpr uint64_t kMaxMemoryBytes = uint64_t{1} << 40;
// RAM stops at 3 GiB and goes on at 4 GiB: devices and the APICs lie between.
inline constexpr uint64_t kHoleStart = uint64_t{3} << 30;
inline constexpr uint64_t kHoleEnd = uint64_t{4} << 30;

// The guest's RAM: one memfd, mapped once for each of its one or two regions.
class GuestRam {
 public:
  // INVALID_ARGUMENT with the limits when `bytes` is not a multiple of 2 MiB between them.
  static absl::StatusOr<std::unique_ptr<GuestRam>> Create(uint64_t bytes);

  const GuestMemory& memory() const { return memory_; }

  // Shows `length` bytes of the file at `offset` to the guest at `gpa` without copying them: a
  // private view, of which pages that the guest writes are copied then. Returns false, and does
  // nothing, when the addresses do not lie on pages alike; OUT_OF_RANGE outside RAM. Only whole
  // pages are shown; the caller copies the tail.
  absl::StatusOr<bool> ShowFile(GuestAddress gpa, uint64_t length, int fd, uint64_t offset);

 private:
  GuestRam(UniqueFd fd, std::vector<MemoryMap> maps, GuestMemory memory)
      : fd_(std::move(fd)), maps_(std::move(maps)), memory_(std::move(memory)) {}
  UniqueFd fd_;
  std::vector<MemoryMap> maps_;  // one for each of memory_'s regions
  GuestMemory memory_;
};

}  // namespace voidbox

#endif  // VOIDBOX_VMM_GUEST_RAM_H_
