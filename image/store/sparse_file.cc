#include "image/store/sparse_file.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/read_at.h"
#include "base/status_macros.h"
#include "image/sha256.h"

namespace voidbox {
namespace {

// How often progress is told of.
constexpr uint64_t kPieceBytes = 4 << 20;

struct Extent {
  uint64_t offset = 0;
  uint64_t bytes = 0;
  bool hole = false;
};

absl::Status Shorter(uint64_t offset, uint64_t bytes) {
  return absl::DataLossError(
      absl::StrCat("it ends at ", offset, " of ", bytes, " bytes: it was truncated"));
}

// The extent at `offset`, one piece long at most. File systems that do not know of holes say that
// all is data.
absl::StatusOr<Extent> NextExtent(int fd, uint64_t offset, uint64_t end) {
  const uint64_t limit = std::min(end, offset + kPieceBytes);
  const off_t data = ::lseek(fd, static_cast<off_t>(offset), SEEK_DATA);
  if (data < 0 && errno != ENXIO) return ErrnoStatus("lseek(SEEK_DATA)");
  // ENXIO: nothing but a hole from here on, or the end of the file.
  const uint64_t data_start = data < 0 ? limit : static_cast<uint64_t>(data);
  if (data_start > offset) return Extent{offset, std::min(data_start, limit) - offset, true};
  const off_t hole = ::lseek(fd, static_cast<off_t>(offset), SEEK_HOLE);
  if (hole < 0) return ErrnoStatus("lseek(SEEK_HOLE)");
  return Extent{offset, std::min(static_cast<uint64_t>(hole), limit) - offset, false};
}

void AddZeros(Sha256& sha256, uint64_t count) {
  static constexpr std::array<char, 64 << 10> kZeros = {};
  while (count > 0) {
    const size_t piece = std::min<uint64_t>(count, kZeros.size());
    sha256.Update(absl::string_view(kZeros.data(), piece));
    count -= piece;
  }
}

absl::Status ReadAt(int fd, uint64_t offset, std::string& buffer) {
  ASSIGN_OR_RETURN(const size_t got, ReadUpToAt(fd, offset, buffer.data(), buffer.size()));
  return got == buffer.size() ? absl::OkStatus() : Shorter(offset + got, offset + buffer.size());
}

absl::Status WriteAt(int fd, uint64_t offset, absl::string_view data) {
  while (!data.empty()) {
    const ssize_t written = ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoStatus(absl::StrCat("write at offset ", offset));
    data.remove_prefix(static_cast<size_t>(written));
    offset += static_cast<uint64_t>(written);
  }
  return absl::OkStatus();
}

// False when the two file systems have no way to do it.
absl::StatusOr<bool> CopyInKernel(int source, int target, const Extent& extent) {
  off_t from = static_cast<off_t>(extent.offset), to = from;
  const auto end = static_cast<off_t>(extent.offset + extent.bytes);
  while (from < end) {
    const ssize_t copied =
        ::copy_file_range(source, &from, target, &to, static_cast<size_t>(end - from), 0);
    if (copied < 0 && errno == EINTR) continue;
    if (copied < 0 &&
        (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
      return false;
    }
    if (copied < 0) return ErrnoStatus(absl::StrCat("write at offset ", from));
    // 0: the source ends here, or is of a file system (proc, say) that copies nothing: reading
    // tells.
    if (copied == 0) return false;
  }
  return true;
}

// Goes through `source`, copying it to `target` unless that is -1.
absl::StatusOr<Digest> Visit(int source, int target, uint64_t bytes, Progress& progress) {
  Sha256 sha256;
  std::string buffer;
  bool in_kernel = target >= 0;
  for (uint64_t offset = 0; offset < bytes;) {
    ASSIGN_OR_RETURN(const Extent extent, NextExtent(source, offset, bytes));
    if (extent.bytes == 0) return Shorter(offset, bytes);
    if (extent.hole) {
      AddZeros(sha256, extent.bytes);
    } else {
      if (in_kernel) {
        ASSIGN_OR_RETURN(in_kernel, CopyInKernel(source, target, extent));
      }
      buffer.resize(extent.bytes);
      // The digest is that of the copy, whoever writes to the source meanwhile.
      RETURN_IF_ERROR(ReadAt(in_kernel ? target : source, offset, buffer));
      if (target >= 0 && !in_kernel) RETURN_IF_ERROR(WriteAt(target, offset, buffer));
      sha256.Update(buffer);
    }
    offset += extent.bytes;
    RETURN_IF_ERROR(progress.Advance(extent.bytes));
  }
  return Digest(sha256.Finish());
}

absl::Status CheckSize(int fd, uint64_t bytes) {
  const off_t end = ::lseek(fd, 0, SEEK_END);
  if (end < 0) return ErrnoStatus("lseek(SEEK_END)");
  if (static_cast<uint64_t>(end) < bytes) return Shorter(static_cast<uint64_t>(end), bytes);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Digest> CopySparsely(int source, int target, uint64_t bytes, Progress& progress) {
  RETURN_IF_ERROR(CheckSize(source, bytes));
  // A hole at the end is nothing but a size.
  if (::ftruncate(target, static_cast<off_t>(bytes)) != 0) {
    return ErrnoStatus(absl::StrCat("a size of ", bytes, " bytes"));
  }
  ASSIGN_OR_RETURN(Digest digest, Visit(source, target, bytes, progress));
  RETURN_IF_ERROR(CheckSize(source, bytes));  // its end may have been taken for a hole
  return digest;
}

absl::StatusOr<Digest> DigestOfFile(int fd, uint64_t bytes, Progress& progress) {
  RETURN_IF_ERROR(CheckSize(fd, bytes));
  ASSIGN_OR_RETURN(Digest digest, Visit(fd, -1, bytes, progress));
  RETURN_IF_ERROR(CheckSize(fd, bytes));
  return digest;
}

}  // namespace voidbox
