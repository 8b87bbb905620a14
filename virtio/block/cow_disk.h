#ifndef VOIDBOX_VIRTIO_BLOCK_COW_DISK_H_
#define VOIDBOX_VIRTIO_BLOCK_COW_DISK_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "virtio/block/block_backend.h"
#include "virtio/block/file_io.h"
#include "virtio/block/overlay_file.h"
#include "virtio/block/range_lock.h"
#include "virtio/block/raw_file.h"

namespace voidbox {

// A disk that reads as a base does until it is written: what is written goes to an overlay, in
// blocks of 4 KiB. The base is never written; it is locked against writers while this is open, and
// may be shared by any number of disks. The disk may be larger than the base, and reads as zeroes
// beyond it. Creation copies nothing.
//
// Two writes to one block, the first that it gets, wait for each other; all else runs at once.
class CowDisk final : public BlockBackend {
 public:
  // Errors are RawFile::Open's and OverlayFile::OpenOrMake's. `disk_bytes` is 0 for the size that
  // the overlay was made with, or the base's.
  static absl::StatusOr<std::unique_ptr<CowDisk>> Open(const std::string& base_path,
                                                       const std::string& overlay_path,
                                                       uint64_t disk_bytes);
  // What is written is thrown away with the object or its process, and so Flush is free. It needs
  // room in `directory`.
  static absl::StatusOr<std::unique_ptr<CowDisk>> OpenEphemeral(const std::string& base_path,
                                                                const std::string& directory,
                                                                uint64_t disk_bytes);

  uint64_t bytes() const override { return bytes_; }
  bool read_only() const override { return false; }
  absl::Status Read(uint64_t offset, std::span<iovec> buffers) override;
  absl::Status Write(uint64_t offset, std::span<iovec> buffers) override;
  bool ReadCached(uint64_t offset, std::span<const iovec> buffers) override;
  bool WriteCached(uint64_t offset, std::span<const iovec> buffers) override;
  absl::Status Flush() override { return overlay_->Flush(); }
  absl::Status Discard(uint64_t offset, uint64_t length) override;
  absl::Status WriteZeroes(uint64_t offset, uint64_t length, bool may_unmap) override;

 private:
  // Bytes that come from one place.
  enum class Source { kOverlay, kBase, kZero };
  struct Run {
    Source source;
    uint64_t end;  // offset
  };

  CowDisk(std::unique_ptr<RawFile> base, std::unique_ptr<OverlayFile> overlay);

  Run RunAt(uint64_t offset, uint64_t limit);
  absl::Status ReadRun(Source source, uint64_t offset, std::span<iovec> buffers);
  bool ReadRunCached(Source source, uint64_t offset, std::span<const iovec> buffers);
  absl::Status WriteOverlay(uint64_t offset, std::span<iovec> buffers);
  absl::Status WriteWithEdges(uint64_t offset, uint64_t end, std::span<iovec> buffers);
  absl::Status ZeroPart(uint64_t offset, uint64_t end);
  absl::Status ZeroBlocks(uint64_t offset, uint64_t end, bool may_unmap);

  const std::unique_ptr<RawFile> base_;
  const std::unique_ptr<OverlayFile> overlay_;
  const uint64_t bytes_;
  RangeLock first_writes_;  // of blocks that the overlay has not
  CachedIo cached_;         // of the overlay
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_BLOCK_COW_DISK_H_
