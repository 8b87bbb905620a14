#include "vmm/guest_ram.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr uint64_t kPageBytes = 4096;

}  // namespace

absl::StatusOr<std::unique_ptr<GuestRam>> GuestRam::Create(uint64_t bytes) {
  if (bytes < kMinMemoryBytes || bytes > kMaxMemoryBytes || bytes % kMemoryAlignment != 0) {
    return absl::InvalidArgumentError(absl::StrCat("memory of ", bytes,
                                                   " bytes is not a multiple of 2 MiB between ",
                                                   kMinMemoryBytes, " and ", kMaxMemoryBytes));
  }
  UniqueFd fd(::memfd_create("voidbox-guest", MFD_CLOEXEC));
  if (!fd) return ErrnoStatus("memfd_create");
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) {
    return ErrnoStatus(absl::StrCat("guest memory of ", bytes, " bytes"));
  }
  std::vector<MemoryMap> maps;
  std::vector<GuestMemory::Region> regions;
  const uint64_t low = std::min(bytes, kHoleStart);
  const auto add = [&](uint64_t gpa, uint64_t offset, uint64_t length) -> absl::Status {
    ASSIGN_OR_RETURN(MemoryMap map, MemoryMap::Shared(fd.get(), offset, length, "guest memory"));
    regions.push_back({GuestAddress{gpa}, map.bytes()});
    maps.push_back(std::move(map));
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(add(0, 0, low));
  if (bytes > low) RETURN_IF_ERROR(add(kHoleEnd, low, bytes - low));
  ASSIGN_OR_RETURN(GuestMemory memory, GuestMemory::Create(std::move(regions)));
  return std::unique_ptr<GuestRam>(new GuestRam(std::move(fd), std::move(maps), std::move(memory)));
}

absl::StatusOr<bool> GuestRam::ShowFile(GuestAddress gpa, uint64_t length, int fd,
                                        uint64_t offset) {
  RETURN_IF_ERROR(memory_.Slice(gpa, length).status());
  if (gpa.value % kPageBytes != 0 || offset % kPageBytes != 0) return false;
  const uint64_t whole = length / kPageBytes * kPageBytes;
  if (whole == 0) return true;
  for (size_t i = 0; i < maps_.size(); ++i) {
    const uint64_t at = gpa.value - memory_.regions()[i].start.value;
    if (at >= maps_[i].bytes().size()) continue;
    RETURN_IF_ERROR(maps_[i].OverlayFile(at, whole, fd, offset));
    return true;
  }
  return absl::InternalError("a checked address is in no region");
}

}  // namespace voidbox
