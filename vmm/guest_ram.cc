#include "vmm/guest_ram.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace voidbox {

absl::StatusOr<std::unique_ptr<GuestRam>> GuestRam::Create(uint64_t bytes) {
  if (bytes < kMinMemoryBytes || bytes > kMaxMemoryBytes || bytes % kMemoryAlignment != 0) {
    return absl::InvalidArgumentError(absl::StrCat("memory of ", bytes,
                                                   " bytes is not a multiple of 2 MiB between ",
                                                   kMinMemoryBytes, " and ", kMaxMemoryBytes));
  }
  std::vector<MemoryMap> maps;
  std::vector<GuestMemory::Region> regions;
  const auto add = [&](uint64_t gpa, uint64_t length) -> absl::Status {
    ASSIGN_OR_RETURN(MemoryMap map, MemoryMap::HugeAnonymous(length, "guest memory"));
    regions.push_back({GuestAddress{gpa}, map.bytes()});
    maps.push_back(std::move(map));
    return absl::OkStatus();
  };
  const uint64_t low = std::min(bytes, kHoleStart);
  RETURN_IF_ERROR(add(0, low));
  if (bytes > low) RETURN_IF_ERROR(add(kHoleEnd, bytes - low));
  ASSIGN_OR_RETURN(GuestMemory memory, GuestMemory::Create(std::move(regions)));
  return std::unique_ptr<GuestRam>(new GuestRam(std::move(maps), std::move(memory)));
}

}  // namespace voidbox
