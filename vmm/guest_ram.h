#ifndef VOIDBOX_VMM_GUEST_RAM_H_
#define VOIDBOX_VMM_GUEST_RAM_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "virtio/guest_memory.h"
#include "vmm/memory_map.h"

namespace voidbox {

inline constexpr uint64_t kMemoryAlignment = 2 << 20;
inline constexpr uint64_t kMinMemoryBytes = 16 << 20;
inline constexpr uint64_t kMaxMemoryBytes = uint64_t{1} << 40;
// RAM stops at 3 GiB and goes on at 4 GiB: devices and the APICs lie between.
inline constexpr uint64_t kHoleStart = uint64_t{3} << 30;
inline constexpr uint64_t kHoleEnd = uint64_t{4} << 30;

// The guest's RAM: anonymous memory on huge pages, in one or two regions. A page that the guest
// touches costs a nested fault, so that 2 MiB at a time is several times quicker than 4 KiB, of a
// memfd or a mapped kernel file alike (docs/performance.md has the figures).
class GuestRam {
 public:
  // INVALID_ARGUMENT with the limits when `bytes` is not a multiple of 2 MiB between them.
  static absl::StatusOr<std::unique_ptr<GuestRam>> Create(uint64_t bytes);

  const GuestMemory& memory() const { return memory_; }

 private:
  GuestRam(std::vector<MemoryMap> maps, GuestMemory memory)
      : maps_(std::move(maps)), memory_(std::move(memory)) {}
  std::vector<MemoryMap> maps_;  // one for each of memory_'s regions
  GuestMemory memory_;
};

}  // namespace voidbox

#endif  // VOIDBOX_VMM_GUEST_RAM_H_
