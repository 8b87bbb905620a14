#include "virtio/block/overlay_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/about_status.h"
#include "base/errno_status.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "virtio/block/block_spec.h"
#include "virtio/block/file_io.h"

namespace voidbox {
namespace {

absl::Status SetSize(int fd, uint64_t bytes) {
  if (::ftruncate(fd, static_cast<off_t>(bytes)) == 0) return absl::OkStatus();
  return ErrnoStatus(absl::StrCat("make a sparse file of ", bytes, " bytes"));
}

absl::StatusOr<UniqueFd> OpenDirectoryOf(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  UniqueFd directory(
      ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return ErrnoStatus(parent);
  return directory;
}

// The header first, and the size last: a file with only a header is one that was being made.
absl::Status Make(int fd, const OverlayHeader& header) {
  std::array<char, kOverlayHeaderBytes> bytes = FormatOverlayHeader(header);
  iovec buffer = {bytes.data(), bytes.size()};
  RETURN_IF_ERROR(WriteAt(fd, 0, {&buffer, 1}));
  return SetSize(fd, OverlayLayout(header.disk_bytes).file_bytes);
}

absl::Status CheckBase(const OverlayHeader& header, const BaseIdentity& base, uint64_t disk_bytes) {
  if (header.base != base) {
    return absl::FailedPreconditionError(
        absl::StrCat("it was made over another base: of ", header.base.bytes, " bytes, modified ",
                     header.base.modified_ns, " ns after 1970; this one has ", base.bytes,
                     ", modified ", base.modified_ns, "; use that base, or another overlay"));
  }
  if (disk_bytes != 0 && disk_bytes != header.disk_bytes) {
    return absl::FailedPreconditionError(absl::StrCat("it was made with a size of ",
                                                      header.disk_bytes, " bytes and keeps it; ",
                                                      disk_bytes, " was asked for"));
  }
  return absl::OkStatus();
}

// The header of a file that is locked, and made if it was empty.
absl::StatusOr<OverlayHeader> ReadOrMake(int fd, const BaseIdentity& base, uint64_t disk_bytes) {
  const off_t end = ::lseek(fd, 0, SEEK_END);
  if (end < 0) return ErrnoStatus("size");
  const auto file_bytes = static_cast<uint64_t>(end);
  OverlayHeader header = {.disk_bytes = disk_bytes == 0 ? base.bytes : disk_bytes, .base = base};
  if (file_bytes >= kOverlayHeaderBytes) {
    std::array<char, kOverlayHeaderBytes> bytes;
    iovec buffer = {bytes.data(), bytes.size()};
    RETURN_IF_ERROR(ReadAt(fd, 0, {&buffer, 1}));
    ASSIGN_OR_RETURN(header, ParseOverlayHeader(bytes, file_bytes));
    RETURN_IF_ERROR(CheckBase(header, base, disk_bytes));
  } else if (file_bytes != 0) {
    return absl::InvalidArgumentError("it is not an overlay of voidbox; name another file");
  }
  if (file_bytes <= kOverlayHeaderBytes) {
    RETURN_IF_ERROR(ValidateOverlayHeader(header));
    RETURN_IF_ERROR(Make(fd, header));
  }
  return header;
}

absl::Status AboutOverlay(const std::string& path, const absl::Status& status) {
  return About(absl::StrCat("overlay ", path), status);
}

}  // namespace

absl::StatusOr<std::unique_ptr<OverlayFile>> OverlayFile::OpenOrMake(const std::string& path,
                                                                     const BaseIdentity& base,
                                                                     uint64_t disk_bytes) {
  ASSIGN_OR_RETURN(OpenedFile file, OpenDiskFile(path, O_RDWR | O_CREAT));
  RETURN_IF_ERROR(LockDiskFile(file.fd.get(), path, /*exclusive=*/true));
  // Its size only now: before the lock, another process may have been making it.
  const auto header = ReadOrMake(file.fd.get(), base, disk_bytes);
  if (!header.ok()) return AboutOverlay(path, header.status());
  std::unique_ptr<OverlayFile> overlay(
      new OverlayFile(std::move(file.fd), header->disk_bytes, /*kept=*/true));
  {
    MutexLock lock(overlay->flush_mutex_);
    ASSIGN_OR_RETURN(overlay->directory_, OpenDirectoryOf(path));
  }
  if (absl::Status status = overlay->LoadBitmap(); !status.ok()) return AboutOverlay(path, status);
  return overlay;
}

absl::StatusOr<std::unique_ptr<OverlayFile>> OverlayFile::MakeEphemeral(
    const std::string& directory, uint64_t disk_bytes) {
  const std::string what = absl::StrCat("temporary overlay in ", directory);
  std::string name;
  UniqueFd fd(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) {
    // Not every file system can (9p, say).
    name = absl::StrCat(directory, "/overlay.XXXXXX");
    fd.Reset(::mkostemp(name.data(), O_CLOEXEC));
    if (!fd) return ErrnoStatus(what);
  }
  absl::Status status = SetSize(fd.get(), disk_bytes);
  if (!name.empty() && ::unlink(name.c_str()) != 0) status.Update(ErrnoStatus(name));
  if (!status.ok()) return About(what, status);
  return std::unique_ptr<OverlayFile>(new OverlayFile(std::move(fd), disk_bytes, /*kept=*/false));
}

OverlayFile::OverlayFile(UniqueFd fd, uint64_t disk_bytes, bool kept)
    : fd_(std::move(fd)),
      disk_bytes_(disk_bytes),
      kept_(kept),
      data_offset_(kept ? OverlayLayout(disk_bytes).data_offset : 0),
      blocks_(OverlayLayout(disk_bytes).blocks) {}

OverlayFile::~OverlayFile() {
  if (!kept_) return;
  const absl::Status status = Flush();
  if (!status.ok()) LogWarning("overlay: ", status.message(), "; its last writes may be lost");
}

absl::Status OverlayFile::LoadBitmap() {
  // Whole pages of zeroes make no page here. Holes are read too: 1/32768 of the disk, from memory.
  BlockBitmap::PageCopy page;
  for (page.index = 0; page.index < blocks_.page_count(); ++page.index) {
    iovec buffer = {page.bytes.data(), page.bytes.size()};
    RETURN_IF_ERROR(
        ReadAt(fd_.get(), kOverlayHeaderBytes + page.index * page.bytes.size(), {&buffer, 1}));
    if (!blocks_.Load(page.index, page.bytes)) {
      return absl::DataLossError(
          absl::StrCat("its bitmap names blocks beyond the disk's ", disk_bytes_, " bytes"));
    }
  }
  return absl::OkStatus();
}

absl::Status OverlayFile::WriteBits(const std::vector<BlockBitmap::PageCopy>& pages) {
  for (BlockBitmap::PageCopy page : pages) {
    iovec buffer = {page.bytes.data(), page.bytes.size()};
    RETURN_IF_ERROR(
        WriteAt(fd_.get(), kOverlayHeaderBytes + page.index * page.bytes.size(), {&buffer, 1}));
  }
  return absl::OkStatus();
}

absl::Status OverlayFile::Flush() {
  if (!kept_) return absl::OkStatus();
  MutexLock lock(flush_mutex_);
  RETURN_IF_ERROR(broken_);
  // Bits first: whatever they name was in the file before, and is made durable now.
  const std::vector<BlockBitmap::PageCopy> pages = blocks_.TakeChanged();
  broken_ = SyncData(fd_.get());
  if (broken_.ok() && directory_) {
    // Some file systems have no directories to sync.
    if (::fsync(directory_.get()) != 0 && errno != EINVAL) {
      blocks_.GiveBack(pages);
      return ErrnoStatus("fsync of the overlay's directory");
    }
    directory_.Reset();
  }
  if (!broken_.ok() || pages.empty()) return broken_;
  if (absl::Status status = WriteBits(pages); !status.ok()) {
    blocks_.GiveBack(pages);
    return status;
  }
  broken_ = SyncData(fd_.get());
  return broken_;
}

}  // namespace voidbox
