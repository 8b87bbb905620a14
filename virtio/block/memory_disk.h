#ifndef VOIDBOX_VIRTIO_BLOCK_MEMORY_DISK_H_
#define VOIDBOX_VIRTIO_BLOCK_MEMORY_DISK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "virtio/block/block_backend.h"

namespace voidbox {

// A disk in memory for tests, which can be made to fail or to keep its requests waiting. Any
// thread.
class MemoryDisk final : public BlockBackend {
 public:
  explicit MemoryDisk(std::string contents, bool read_only = false);

  uint64_t bytes() const override { return bytes_; }
  bool read_only() const override { return read_only_; }
  absl::Status Read(uint64_t offset, std::span<iovec> buffers) override;
  absl::Status Write(uint64_t offset, std::span<iovec> buffers) override;
  bool ReadCached(uint64_t offset, std::span<const iovec> buffers) override;
  bool WriteCached(uint64_t offset, std::span<const iovec> buffers) override;
  absl::Status Flush() override;
  absl::Status Discard(uint64_t offset, uint64_t length) override;
  absl::Status WriteZeroes(uint64_t offset, uint64_t length, bool may_unmap) override;

  std::string contents();
  // What was asked for beside ReadCached and WriteCached, as "read 0+512", in the order it was
  // begun.
  std::vector<std::string> calls();
  // Whether ReadCached and WriteCached succeed; they do not in the beginning.
  void SetCached(bool cached);
  // What every call returns.
  void SetError(absl::Status error);
  // Accesses beyond the end, which the device must not make, abort instead of failing.
  void AbortBeyondEnd();
  // From Hold to Release, calls wait; WaitForHeld returns when one does.
  void Hold();
  void WaitForHeld();
  void Release();

 private:
  absl::Status Begin(const char* what, uint64_t offset, uint64_t length)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  CondVar changed_;
  const uint64_t bytes_;
  const bool read_only_;
  std::string contents_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> calls_ ABSL_GUARDED_BY(mutex_);
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
  bool cached_ ABSL_GUARDED_BY(mutex_) = false;
  bool hold_ ABSL_GUARDED_BY(mutex_) = false;
  bool abort_beyond_end_ ABSL_GUARDED_BY(mutex_) = false;
  int held_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_BLOCK_MEMORY_DISK_H_
