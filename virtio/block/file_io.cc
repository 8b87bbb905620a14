#include "virtio/block/file_io.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

// Where a file system cannot zero a range itself, it is written in pieces of this.
constexpr size_t kZeroesBytes = 64 << 10;
alignas(4096) char zeroes[kZeroesBytes];  // never written to

// Passes over `count` bytes at the front of `buffers`.
std::span<iovec> Advance(std::span<iovec> buffers, size_t count) {
  while (count > 0) {
    iovec& front = buffers.front();
    const size_t part = std::min(count, front.iov_len);
    front.iov_base = static_cast<char*>(front.iov_base) + part;
    front.iov_len -= part;
    count -= part;
    if (front.iov_len == 0) buffers = buffers.subspan(1);
  }
  return buffers;
}

int Count(size_t buffers) { return static_cast<int>(std::min<size_t>(buffers, IOV_MAX)); }

// preadv or pwritev until all is done.
template <typename Transfer>
absl::Status TransferAll(const char* what, Transfer transfer, int fd, uint64_t offset,
                         std::span<iovec> buffers) {
  while (!buffers.empty()) {
    const ssize_t done =
        transfer(fd, buffers.data(), Count(buffers.size()), static_cast<off_t>(offset));
    if (done < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(absl::StrCat(what, " at ", offset));
    }
    if (done == 0) return absl::DataLossError(absl::StrCat(what, " at ", offset, ": file ends"));
    buffers = Advance(buffers, static_cast<size_t>(done));
    offset += static_cast<uint64_t>(done);
  }
  return absl::OkStatus();
}

int Allocate(int fd, int mode, uint64_t offset, uint64_t length) {
  int result;
  do {
    result = ::fallocate(fd, mode, static_cast<off_t>(offset), static_cast<off_t>(length));
  } while (result != 0 && errno == EINTR);
  return result;
}

bool Unsupported(int error) { return error == EOPNOTSUPP || error == ENOSYS || error == ENODEV; }

bool IsInTmpfs(int fd) {
  struct statfs status;
  return ::fstatfs(fd, &status) == 0 && status.f_type == TMPFS_MAGIC;
}

absl::Status ZeroByHand(int fd, uint64_t offset, uint64_t length) {
  while (length > 0) {
    const size_t part = std::min<uint64_t>(length, kZeroesBytes);
    iovec buffer = {zeroes, part};
    RETURN_IF_ERROR(WriteAt(fd, offset, {&buffer, 1}));
    offset += part;
    length -= part;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<OpenedFile> OpenDiskFile(const std::string& path, int flags) {
  // Without O_NONBLOCK, opening a FIFO would wait for its other end.
  OpenedFile file = {.fd = UniqueFd(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK, 0600))};
  if (!file.fd) return ErrnoStatus(absl::StrCat("disk ", path));
  struct stat status;
  if (::fstat(file.fd.get(), &status) != 0) return ErrnoStatus(absl::StrCat("disk ", path));
  if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat("disk ", path, ": neither a regular file nor a block device"));
  }
  const off_t bytes = ::lseek(file.fd.get(), 0, SEEK_END);
  if (bytes < 0) return ErrnoStatus(absl::StrCat("disk ", path));
  file.bytes = static_cast<uint64_t>(bytes);
  // Of hostile file systems, any number: it is compared with nothing but itself.
  file.modified_ns =
      static_cast<int64_t>(static_cast<uint64_t>(status.st_mtim.tv_sec) * 1'000'000'000 +
                           static_cast<uint64_t>(status.st_mtim.tv_nsec));
  return file;
}

// An OFD lock belongs to the open file, not to the process, and ends with it (fcntl(2)).
absl::Status LockDiskFile(int fd, const std::string& path, bool exclusive) {
  struct flock whole = {};
  whole.l_type = exclusive ? F_WRLCK : F_RDLCK;
  whole.l_whence = SEEK_SET;
  if (::fcntl(fd, F_OFD_SETLK, &whole) == 0) return absl::OkStatus();
  if (errno == EAGAIN || errno == EACCES) {
    return absl::FailedPreconditionError(
        absl::StrCat("disk ", path, ": in use by another process",
                     exclusive ? "; attach it read-only to share it" : " that writes to it"));
  }
  return ErrnoStatus(absl::StrCat("disk ", path, ": lock"));
}

absl::Status ReadAt(int fd, uint64_t offset, std::span<iovec> buffers) {
  return TransferAll("read", ::preadv, fd, offset, buffers);
}

absl::Status WriteAt(int fd, uint64_t offset, std::span<iovec> buffers) {
  return TransferAll("write", ::pwritev, fd, offset, buffers);
}

CachedIo::CachedIo(int fd) : fd_(fd), flags_(IsInTmpfs(fd) ? 0 : RWF_NOWAIT) {}

bool CachedIo::Read(uint64_t offset, std::span<const iovec> buffers) {
  return Try(::preadv2, reads_, offset, buffers);
}

bool CachedIo::Write(uint64_t offset, std::span<const iovec> buffers) {
  return Try(::pwritev2, writes_, offset, buffers);
}

bool CachedIo::Try(Transfer transfer, std::atomic<bool>& works, uint64_t offset,
                   std::span<const iovec> buffers) const {
  if (!works.load(std::memory_order_relaxed) || buffers.size() > IOV_MAX) return false;
  size_t wanted = 0;
  for (const iovec& buffer : buffers) wanted += buffer.iov_len;
  const ssize_t done = transfer(fd_, buffers.data(), static_cast<int>(buffers.size()),
                                static_cast<off_t>(offset), flags_);
  if (done < 0 && Unsupported(errno)) works.store(false, std::memory_order_relaxed);
  return done >= 0 && static_cast<size_t>(done) == wanted;
}

absl::Status PunchHole(int fd, uint64_t offset, uint64_t length) {
  if (Allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length) == 0 ||
      Unsupported(errno)) {
    return absl::OkStatus();
  }
  return ErrnoStatus(absl::StrCat("punch a hole at ", offset));
}

absl::Status ZeroRange(int fd, uint64_t offset, uint64_t length, bool may_unmap) {
  const int mode = (may_unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE) | FALLOC_FL_KEEP_SIZE;
  if (Allocate(fd, mode, offset, length) == 0) return absl::OkStatus();
  if (!Unsupported(errno)) return ErrnoStatus(absl::StrCat("zero a range at ", offset));
  return ZeroByHand(fd, offset, length);
}

absl::Status SyncData(int fd) {
  if (::fdatasync(fd) != 0) return ErrnoStatus("fdatasync");
  return absl::OkStatus();
}

}  // namespace voidbox
