#ifndef VOIDBOX_VIRTIO_BLOCK_FILE_IO_H_
#define VOIDBOX_VIRTIO_BLOCK_FILE_IO_H_

#include <sys/uio.h>

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace voidbox {

// What the disks that are kept in files have in common. Offsets and lengths are bytes of the file.
// Any thread.

// A regular file or block device, and what it was when it was opened.
struct OpenedFile {
  UniqueFd fd;
  uint64_t bytes = 0;
  int64_t modified_ns = 0;  // since the epoch
};

// Opens it without waiting for anything; `flags` as of open(2). INVALID_ARGUMENT for what is
// neither regular file nor block device.
absl::StatusOr<OpenedFile> OpenDiskFile(const std::string& path, int flags);

// Shared or exclusive, until the open file is closed. FAILED_PRECONDITION when another process has
// it locked.
absl::Status LockDiskFile(int fd, const std::string& path, bool exclusive);

// All of the buffers, whose elements may be changed. DATA_LOSS when the file ends before.
absl::Status ReadAt(int fd, uint64_t offset, std::span<iovec> buffers);
absl::Status WriteAt(int fd, uint64_t offset, std::span<iovec> buffers);

enum class CachedRead {
  kDone,
  kWouldWait,    // the buffers' contents are undefined
  kUnsupported,  // this file system never can
};
// Reads if all of it is in memory.
CachedRead ReadCachedAt(int fd, uint64_t offset, std::span<const iovec> buffers);

// Gives the range's space back, so that it reads as zeroes; a file system that cannot leaves it.
absl::Status PunchHole(int fd, uint64_t offset, uint64_t length);
// The range reads as zeroes; its space may be given back when `may_unmap`.
absl::Status ZeroRange(int fd, uint64_t offset, uint64_t length, bool may_unmap);

absl::Status SyncData(int fd);

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_BLOCK_FILE_IO_H_
