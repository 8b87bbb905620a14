#include "virtio/block/raw_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <climits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "virtio/block/block_spec.h"

namespace voidbox {
namespace {

// Where a file system cannot zero a range itself, it is written in pieces of this.
constexpr size_t kZeroesBytes = 64 << 10;
alignas(4096) char zeroes[kZeroesBytes];  // never written to

// An OFD lock belongs to the open file, not to the process, and ends with it (fcntl(2)).
absl::Status Lock(int fd, const std::string& path, bool read_only) {
  struct flock whole = {};
  whole.l_type = read_only ? F_RDLCK : F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (::fcntl(fd, F_OFD_SETLK, &whole) == 0) return absl::OkStatus();
  if (errno == EAGAIN || errno == EACCES) {
    return absl::FailedPreconditionError(
        absl::StrCat("disk ", path, ": in use by another process",
                     read_only ? " that writes to it" : "; attach it read-only to share it"));
  }
  return ErrnoStatus(absl::StrCat("disk ", path, ": lock"));
}

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

}  // namespace

absl::StatusOr<std::unique_ptr<RawFile>> RawFile::Open(const std::string& path, bool read_only) {
  // Without O_NONBLOCK, opening a FIFO would wait for its other end.
  UniqueFd fd(::open(path.c_str(), (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return ErrnoStatus(absl::StrCat("disk ", path));
  struct stat status;
  if (::fstat(fd.get(), &status) != 0) return ErrnoStatus(absl::StrCat("disk ", path));
  if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat("disk ", path, ": neither a regular file nor a block device"));
  }
  const off_t bytes = ::lseek(fd.get(), 0, SEEK_END);
  if (bytes < 0) return ErrnoStatus(absl::StrCat("disk ", path));
  if (bytes == 0 || bytes % kSectorBytes != 0) {
    return absl::InvalidArgumentError(absl::StrCat("disk ", path, ": its size of ", bytes,
                                                   " bytes is not a multiple of ", kSectorBytes));
  }
  RETURN_IF_ERROR(Lock(fd.get(), path, read_only));
  return std::unique_ptr<RawFile>(
      new RawFile(std::move(fd), static_cast<uint64_t>(bytes), read_only));
}

absl::Status RawFile::Read(uint64_t offset, std::span<iovec> buffers) {
  return TransferAll("read", ::preadv, fd_.get(), offset, buffers);
}

absl::Status RawFile::Write(uint64_t offset, std::span<iovec> buffers) {
  return TransferAll("write", ::pwritev, fd_.get(), offset, buffers);
}

bool RawFile::ReadCached(uint64_t offset, std::span<const iovec> buffers) {
  if (buffers.size() > IOV_MAX || !nowait_works_.load(std::memory_order_relaxed)) return false;
  size_t wanted = 0;
  for (const iovec& buffer : buffers) wanted += buffer.iov_len;
  const ssize_t done = ::preadv2(fd_.get(), buffers.data(), static_cast<int>(buffers.size()),
                                 static_cast<off_t>(offset), RWF_NOWAIT);
  if (done < 0 && Unsupported(errno)) nowait_works_.store(false, std::memory_order_relaxed);
  return done >= 0 && static_cast<size_t>(done) == wanted;
}

absl::Status RawFile::Flush() {
  if (::fdatasync(fd_.get()) != 0) return ErrnoStatus("fdatasync");
  return absl::OkStatus();
}

absl::Status RawFile::Discard(uint64_t offset, uint64_t length) {
  if (Allocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length) == 0 ||
      Unsupported(errno)) {
    return absl::OkStatus();  // it is a hint
  }
  return ErrnoStatus(absl::StrCat("punch a hole at ", offset));
}

absl::Status RawFile::WriteZeroes(uint64_t offset, uint64_t length, bool may_unmap) {
  const int mode = (may_unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE) | FALLOC_FL_KEEP_SIZE;
  if (Allocate(fd_.get(), mode, offset, length) == 0) return absl::OkStatus();
  if (!Unsupported(errno)) return ErrnoStatus(absl::StrCat("zero a range at ", offset));
  return WriteZeroesByHand(offset, length);
}

absl::Status RawFile::WriteZeroesByHand(uint64_t offset, uint64_t length) {
  while (length > 0) {
    const size_t part = std::min<uint64_t>(length, kZeroesBytes);
    iovec buffer = {zeroes, part};
    RETURN_IF_ERROR(Write(offset, {&buffer, 1}));
    offset += part;
    length -= part;
  }
  return absl::OkStatus();
}

}  // namespace voidbox
