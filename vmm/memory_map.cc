#include "vmm/memory_map.h"

#include <sys/mman.h>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"

namespace voidbox {
namespace {

constexpr size_t kPageBytes = 4096;

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

absl::StatusOr<MemoryMap> MemoryMap::ReadOnly(int fd, size_t length, absl::string_view name) {
  if (length == 0) return MemoryMap();
  auto bytes = Map(length, PROT_READ, MAP_PRIVATE, fd, 0, name);
  if (!bytes.ok()) return bytes.status();
  return MemoryMap(*bytes);
}

absl::Status MemoryMap::OverlayFile(size_t at, size_t length, int fd, uint64_t offset) {
  if (at % kPageBytes != 0 || length % kPageBytes != 0 || offset % kPageBytes != 0 ||
      at > bytes_.size() || length > bytes_.size() - at) {
    return absl::InvalidArgumentError(absl::StrCat("cannot overlay ", length, " bytes at ", at,
                                                   " of a mapping of ", bytes_.size()));
  }
  void* address = ::mmap(bytes_.data() + at, length, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd, static_cast<off_t>(offset));
  if (address == MAP_FAILED) return ErrnoStatus("mmap over guest memory");
  return absl::OkStatus();
}

}  // namespace voidbox
