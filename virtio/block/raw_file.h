#ifndef VOIDBOX_VIRTIO_BLOCK_RAW_FILE_H_
#define VOIDBOX_VIRTIO_BLOCK_RAW_FILE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "virtio/block/block_backend.h"

namespace voidbox {

// A disk whose bytes are those of a regular file or a block device. It is locked while open: one
// writer, or many readers.
class RawFile final : public BlockBackend {
 public:
  // INVALID_ARGUMENT for what is neither, is empty, or is not a multiple of 512 bytes (a disk has
  // whole sectors, and cutting or padding would hide that the file is something else);
  // FAILED_PRECONDITION when another process has it locked.
  static absl::StatusOr<std::unique_ptr<RawFile>> Open(const std::string& path, bool read_only);

  uint64_t bytes() const override { return bytes_; }
  bool read_only() const override { return read_only_; }
  absl::Status Read(uint64_t offset, std::span<iovec> buffers) override;
  absl::Status Write(uint64_t offset, std::span<iovec> buffers) override;
  bool ReadCached(uint64_t offset, std::span<const iovec> buffers) override;
  absl::Status Flush() override;
  absl::Status Discard(uint64_t offset, uint64_t length) override;
  absl::Status WriteZeroes(uint64_t offset, uint64_t length, bool may_unmap) override;

 private:
  RawFile(UniqueFd fd, uint64_t bytes, bool read_only)
      : fd_(std::move(fd)), bytes_(bytes), read_only_(read_only) {}
  absl::Status WriteZeroesByHand(uint64_t offset, uint64_t length);

  const UniqueFd fd_;
  const uint64_t bytes_;
  const bool read_only_;
  std::atomic<bool> nowait_works_ = true;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_BLOCK_RAW_FILE_H_
