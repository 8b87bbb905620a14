#include "virtio/block/memory_disk.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

uint64_t Total(std::span<const iovec> buffers) {
  uint64_t total = 0;
  for (const iovec& buffer : buffers) total += buffer.iov_len;
  return total;
}

}  // namespace

MemoryDisk::MemoryDisk(std::string contents, bool read_only)
    : bytes_(contents.size()), read_only_(read_only), contents_(std::move(contents)) {}

absl::Status MemoryDisk::Begin(const char* what, uint64_t offset, uint64_t length) {
  calls_.push_back(absl::StrCat(what, " ", offset, "+", length));
  ++held_;
  changed_.NotifyAll();
  while (hold_) changed_.Wait(mutex_);
  --held_;
  if (offset > bytes_ || length > bytes_ - offset) {
    Check(!abort_beyond_end_, "the device stays inside its disk");
    return absl::OutOfRangeError("beyond the disk");
  }
  return error_;
}

absl::Status MemoryDisk::Read(uint64_t offset, std::span<iovec> buffers) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(Begin("read", offset, Total(buffers)));
  for (const iovec& buffer : buffers) {
    contents_.copy(static_cast<char*>(buffer.iov_base), buffer.iov_len, offset);
    offset += buffer.iov_len;
  }
  return absl::OkStatus();
}

absl::Status MemoryDisk::Write(uint64_t offset, std::span<iovec> buffers) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(Begin("write", offset, Total(buffers)));
  for (const iovec& buffer : buffers) {
    contents_.replace(offset, buffer.iov_len, static_cast<const char*>(buffer.iov_base),
                      buffer.iov_len);
    offset += buffer.iov_len;
  }
  return absl::OkStatus();
}

bool MemoryDisk::ReadCached(uint64_t offset, std::span<const iovec> buffers) {
  MutexLock lock(mutex_);
  if (!cached_ || offset + Total(buffers) > bytes_) return false;
  for (const iovec& buffer : buffers) {
    contents_.copy(static_cast<char*>(buffer.iov_base), buffer.iov_len, offset);
    offset += buffer.iov_len;
  }
  return true;
}

bool MemoryDisk::WriteCached(uint64_t offset, std::span<const iovec> buffers) {
  MutexLock lock(mutex_);
  Check(!read_only_, "nobody writes to a read-only disk");
  if (!cached_ || offset + Total(buffers) > bytes_) return false;
  for (const iovec& buffer : buffers) {
    contents_.replace(offset, buffer.iov_len, static_cast<const char*>(buffer.iov_base),
                      buffer.iov_len);
    offset += buffer.iov_len;
  }
  return true;
}

absl::Status MemoryDisk::Flush() {
  MutexLock lock(mutex_);
  return Begin("flush", 0, 0);
}

absl::Status MemoryDisk::Discard(uint64_t offset, uint64_t length) {
  MutexLock lock(mutex_);
  return Begin("discard", offset, length);
}

absl::Status MemoryDisk::WriteZeroes(uint64_t offset, uint64_t length, bool may_unmap) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(Begin(may_unmap ? "unmap" : "zero", offset, length));
  contents_.replace(offset, length, length, '\0');
  return absl::OkStatus();
}

std::string MemoryDisk::contents() {
  MutexLock lock(mutex_);
  return contents_;
}

std::vector<std::string> MemoryDisk::calls() {
  MutexLock lock(mutex_);
  return calls_;
}

void MemoryDisk::SetCached(bool cached) {
  MutexLock lock(mutex_);
  cached_ = cached;
}

void MemoryDisk::SetError(absl::Status error) {
  MutexLock lock(mutex_);
  error_ = std::move(error);
}

void MemoryDisk::AbortBeyondEnd() {
  MutexLock lock(mutex_);
  abort_beyond_end_ = true;
}

void MemoryDisk::Hold() {
  MutexLock lock(mutex_);
  hold_ = true;
}

void MemoryDisk::WaitForHeld() {
  MutexLock lock(mutex_);
  while (held_ == 0) changed_.Wait(mutex_);
}

void MemoryDisk::Release() {
  MutexLock lock(mutex_);
  hold_ = false;
  changed_.NotifyAll();
}

}  // namespace voidbox
