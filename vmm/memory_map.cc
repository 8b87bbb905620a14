#include "vmm/memory_map.h"

#include <sys/mman.h>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr size_t kHugePageBytes = 2 << 20;

absl::StatusOr<std::span<std::byte>> Map(size_t length, int protection, int flags, int fd,
                                         uint64_t offset, absl::string_view name) {
  void* address = ::mmap(nullptr, length, protection, flags, fd, static_cast<off_t>(offset));
  if (address == MAP_FAILED)
    return ErrnoStatus(absl::StrCat("mmap of ", length, " bytes of ", name));
  return std::span(static_cast<std::byte*>(address), length);
}

}  // namespace

MemoryMap& MemoryMap::operator=(MemoryMap&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

MemoryMap::~MemoryMap() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

absl::StatusOr<MemoryMap> MemoryMap::Shared(int fd, uint64_t offset, size_t length,
                                            absl::string_view name) {
  auto bytes = Map(length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, offset, name);
  if (!bytes.ok()) return bytes.status();
  return MemoryMap(*bytes);
}

absl::StatusOr<MemoryMap> MemoryMap::HugeAnonymous(size_t length, absl::string_view name) {
  // More than is needed, of which an aligned part is kept.
  const size_t reserved = length + kHugePageBytes;
  ASSIGN_OR_RETURN(const std::span<std::byte> bytes,
                   Map(reserved, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, name));
  const size_t head = -reinterpret_cast<uintptr_t>(bytes.data()) % kHugePageBytes;
  if (head > 0) ::munmap(bytes.data(), head);
  const std::span<std::byte> kept = bytes.subspan(head, length);
  ::munmap(kept.data() + length, reserved - head - length);
  // Where the system has no huge pages, small ones do.
  ::madvise(kept.data(), length, MADV_HUGEPAGE);
  return MemoryMap(kept);
}

absl::StatusOr<MemoryMap> MemoryMap::ReadOnly(int fd, size_t length, absl::string_view name) {
  if (length == 0) return MemoryMap();
  auto bytes = Map(length, PROT_READ, MAP_PRIVATE, fd, 0, name);
  if (!bytes.ok()) return bytes.status();
  return MemoryMap(*bytes);
}

}  // namespace voidbox
