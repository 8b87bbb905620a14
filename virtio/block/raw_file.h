#ifndef VOIDBOX_VIRTIO_BLOCK_RAW_FILE_H_
#define VOIDBOX_VIRTIO_BLOCK_RAW_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "virtio/block/block_backend.h"
#include "virtio/block/file_io.h"

namespace voidbox {

// A disk whose bytes are those of a regular file or a block device. It is locked while open: one
// writer, or many readers.
class RawFile final : public BlockBackend {
 public:
  // INVALID_ARGUMENT for what is neither, is empty, or is not a multiple of 512 bytes (a disk has
  // whole sectors, and cutting or padding would hide that the file is something else);
  // FAILED_PRECONDITION when another process has it locked.
  static absl::StatusOr<std::unique_ptr<RawFile>> Open(const std::string& path, bool read_only);

  uint64_t bytes() const override { return file_.bytes; }
  bool read_only() const override { return read_only_; }
  absl::Status Read(uint64_t offset, std::span<iovec> buffers) override;
  absl::Status Write(uint64_t offset, std::span<iovec> buffers) override;
  bool ReadCached(uint64_t offset, std::span<const iovec> buffers) override;
  bool WriteCached(uint64_t offset, std::span<const iovec> buffers) override;
  absl::Status Flush() override;
  absl::Status Discard(uint64_t offset, uint64_t length) override;
  absl::Status WriteZeroes(uint64_t offset, uint64_t length, bool may_unmap) override;

  // When the file was last modified before it was opened, since the epoch.
  int64_t modified_ns() const { return file_.modified_ns; }

 private:
  RawFile(OpenedFile file, bool read_only)
      : file_(std::move(file)), read_only_(read_only), cached_(file_.fd.get()) {}

  const OpenedFile file_;
  const bool read_only_;
  CachedIo cached_;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_BLOCK_RAW_FILE_H_
