#include "virtio/block/raw_file.h"

#include <fcntl.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "virtio/block/block_spec.h"
#include "virtio/block/file_io.h"

namespace voidbox {

absl::StatusOr<std::unique_ptr<RawFile>> RawFile::Open(const std::string& path, bool read_only) {
  ASSIGN_OR_RETURN(OpenedFile file, OpenDiskFile(path, read_only ? O_RDONLY : O_RDWR));
  if (file.bytes == 0 || file.bytes % kSectorBytes != 0) {
    return absl::InvalidArgumentError(absl::StrCat("disk ", path, ": its size of ", file.bytes,
                                                   " bytes is not a multiple of ", kSectorBytes));
  }
  RETURN_IF_ERROR(LockDiskFile(file.fd.get(), path, /*exclusive=*/!read_only));
  return std::unique_ptr<RawFile>(new RawFile(std::move(file), read_only));
}

absl::Status RawFile::Read(uint64_t offset, std::span<iovec> buffers) {
  return ReadAt(file_.fd.get(), offset, buffers);
}

absl::Status RawFile::Write(uint64_t offset, std::span<iovec> buffers) {
  return WriteAt(file_.fd.get(), offset, buffers);
}

bool RawFile::ReadCached(uint64_t offset, std::span<const iovec> buffers) {
  return cached_.Read(offset, buffers);
}

bool RawFile::WriteCached(uint64_t offset, std::span<const iovec> buffers) {
  return cached_.Write(offset, buffers);
}

absl::Status RawFile::Flush() { return SyncData(file_.fd.get()); }

absl::Status RawFile::Discard(uint64_t offset, uint64_t length) {
  return PunchHole(file_.fd.get(), offset, length);
}

absl::Status RawFile::WriteZeroes(uint64_t offset, uint64_t length, bool may_unmap) {
  return ZeroRange(file_.fd.get(), offset, length, may_unmap);
}

}  // namespace voidbox
