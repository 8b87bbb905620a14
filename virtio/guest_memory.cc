#include "virtio/guest_memory.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

// No CPU that we run on has more physical address bits (Intel SDM vol. 3A §4.1.4).
constexpr uint64_t kAddressLimit = uint64_t{1} << 52;

}  // namespace

absl::StatusOr<GuestMemory> GuestMemory::Create(std::vector<Region> regions) {
  uint64_t end = 0;
  for (const Region& region : regions) {
    const uint64_t size = region.bytes.size();
    if (size == 0 || region.start.value < end || region.start.value >= kAddressLimit ||
        size > kAddressLimit - region.start.value) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "guest memory: region of 0x%x bytes at 0x%x is empty, out of order or ends above 2^52",
          size, region.start.value));
    }
    end = region.start.value + size;
  }
  if (regions.empty()) return absl::InvalidArgumentError("guest memory: no regions");
  return GuestMemory(std::move(regions));
}

absl::Status GuestMemory::Read(GuestAddress gpa, std::span<std::byte> out) const {
  ASSIGN_OR_RETURN(const std::span<std::byte> bytes, Slice(gpa, out.size()));
  if (!out.empty()) std::memcpy(out.data(), bytes.data(), out.size());
  return absl::OkStatus();
}

absl::Status GuestMemory::Write(GuestAddress gpa, std::span<const std::byte> in) const {
  ASSIGN_OR_RETURN(const std::span<std::byte> bytes, Slice(gpa, in.size()));
  if (!in.empty()) std::memcpy(bytes.data(), in.data(), in.size());
  return absl::OkStatus();
}

absl::Status GuestMemory::OutOfRangeError(GuestAddress gpa, uint64_t length) {
  return absl::OutOfRangeError(
      absl::StrFormat("guest range of 0x%x bytes at 0x%x is outside RAM", length, gpa.value));
}

absl::Status GuestMemory::MisalignedError(GuestAddress gpa) {
  return absl::InvalidArgumentError(
      absl::StrFormat("guest address 0x%x is not aligned for what lies there", gpa.value));
}

}  // namespace voidbox
