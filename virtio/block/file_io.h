#ifndef VOIDBOX_VIRTIO_BLOCK_FILE_IO_H_
#define VOIDBOX_VIRTIO_BLOCK_FILE_IO_H_

#include <sys/uio.h>

#include <atomic>
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

// The part of a file that can be reached without waiting for its disk: what the page cache has
// (preadv2(2), RWF_NOWAIT), or all of a file in tmpfs, which knows no RWF_NOWAIT and waits for
// nothing but swap.
class CachedIo {
 public:
  // `fd` is open as long as this is used.
  explicit CachedIo(int fd);

  // False, with the buffers' contents undefined, when some of it is not in memory.
  bool Read(uint64_t offset, std::span<const iovec> buffers);
  // False when it would wait or fails; some of it may have been written.
  bool Write(uint64_t offset, std::span<const iovec> buffers);

 private:
  using Transfer = ssize_t (*)(int, const iovec*, int, off_t, int);
  bool Try(Transfer transfer, std::atomic<bool>& works, uint64_t offset,
           std::span<const iovec> buffers) const;

  const int fd_;
  const int flags_;  // of preadv2(2)
  // Until the file system has said that it never can.
  std::atomic<bool> reads_ = true;
  std::atomic<bool> writes_ = true;
};

// Gives the range's space back, so that it reads as zeroes; a file system that cannot leaves it.
absl::Status PunchHole(int fd, uint64_t offset, uint64_t length);
// The range reads as zeroes; its space may be given back when `may_unmap`.
absl::Status ZeroRange(int fd, uint64_t offset, uint64_t length, bool may_unmap);

absl::Status SyncData(int fd);

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_BLOCK_FILE_IO_H_
