#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/unique_fd.h"
#include "virtio/block/cow_disk.h"
#include "virtio/block/overlay_header.h"

namespace voidbox {
namespace {

constexpr uint64_t kBaseBytes = 64 << 10;
constexpr uint64_t kMaxFileBytes = 2 << 20;

UniqueFd MemoryFile(const void* bytes, size_t size) {
  UniqueFd fd(::memfd_create("fuzz", MFD_CLOEXEC));
  Check(fd && ::write(fd.get(), bytes, size) == static_cast<ssize_t>(size), "memfds hold bytes");
  return fd;
}

std::string PathOf(const UniqueFd& fd) { return "/proc/self/fd/" + std::to_string(fd.get()); }

BaseIdentity IdentityOf(const UniqueFd& fd) {
  struct stat status;
  Check(::fstat(fd.get(), &status) == 0, "an open file has attributes");
  return {.bytes = kBaseBytes,
          .modified_ns = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec};
}

// Every byte can be read, and a write stays.
void Use(CowDisk& disk) {
  std::vector<char> bytes(1 << 20);
  for (uint64_t offset = 0; offset < disk.bytes(); offset += bytes.size()) {
    iovec buffer = {bytes.data(), std::min<uint64_t>(bytes.size(), disk.bytes() - offset)};
    Check(disk.Read(offset, {&buffer, 1}).ok(), "what opens can be read");
  }
  const uint64_t last = disk.bytes() - 512;
  iovec buffer = {bytes.data(), 512};
  std::fill_n(bytes.begin(), 512, 'w');
  Check(disk.Write(last, {&buffer, 1}).ok(), "and written");
  Check(disk.WriteZeroes(0, 512, true).ok() && disk.Discard(0, 512).ok(), "and zeroed");
  Check(disk.Flush().ok(), "and flushed");
  std::vector<char> read(512);
  buffer = {read.data(), 512};
  Check(disk.Read(last, {&buffer, 1}).ok() && (last == 0 || read[0] == 'w'), "to be read again");
}

}  // namespace
}  // namespace voidbox

// Bit 0 of the first byte puts the right base into the header, bit 1 gives the file the length that
// its header calls for; the rest are the bytes of an overlay file from its front on.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace voidbox;  // NOLINT(google-build-using-namespace)
  if (size == 0) return 0;
  const uint8_t kind = data[0];
  const std::string contents(kBaseBytes, 'b');
  const UniqueFd base = MemoryFile(contents.data(), contents.size());
  const UniqueFd overlay = MemoryFile(data + 1, size - 1);
  OverlayHeader header = {.disk_bytes = 0, .base = IdentityOf(base)};
  if (size - 1 >= 40) std::memcpy(&header.disk_bytes, data + 1 + 16, sizeof(header.disk_bytes));
  if ((kind & 1) != 0) {
    const auto bytes = FormatOverlayHeader(header);
    Check(::pwrite(overlay.get(), bytes.data(), bytes.size(), 0) == kOverlayHeaderBytes, "written");
  }
  const bool sane = ValidateOverlayHeader(header).ok() &&
                    OverlayLayout(header.disk_bytes).file_bytes <= kMaxFileBytes;
  if ((kind & 2) != 0 && sane) {
    const uint64_t bytes = OverlayLayout(header.disk_bytes).file_bytes;
    Check(::ftruncate(overlay.get(), static_cast<off_t>(bytes)) == 0, "memfds are sparse");
  }
  for (int round = 0; round < 2; ++round) {
    auto disk = CowDisk::Open(PathOf(base), PathOf(overlay), 0);
    if (!disk.ok()) {
      Check(round == 0, "what opened once opens again");
      return 0;
    }
    if ((*disk)->bytes() <= kMaxFileBytes) Use(**disk);
  }
  return 0;
}
