#ifndef VOIDBOX_VIRTIO_BLOCK_OVERLAY_FILE_H_
#define VOIDBOX_VIRTIO_BLOCK_OVERLAY_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/unique_fd.h"
#include "virtio/block/block_bitmap.h"
#include "virtio/block/overlay_header.h"

namespace voidbox {

// The sparse file with the blocks of a disk that were written over its base, and which those are.
// A block's bit is set once all of the block is in the file. A kept file gets a bit only by Flush
// and after the block itself is durable, so that whatever ends the process or the machine, it is as
// some flush or a later moment left it: the order of the bits among each other does not matter, as
// none is ever cleared. Any thread.
class OverlayFile {
 public:
  // Opens `path`, locked while open, or makes it when it is missing or empty. `disk_bytes` is 0 for
  // what it was made with, or for the base's size when it is made now. FAILED_PRECONDITION when it
  // was made over another base or with another size, or another process has it; other errors as
  // ParseOverlayHeader's.
  static absl::StatusOr<std::unique_ptr<OverlayFile>> OpenOrMake(const std::string& path,
                                                                 const BaseIdentity& base,
                                                                 uint64_t disk_bytes);
  // A file of no name in `directory`, which is gone with this object. `disk_bytes` is not 0.
  static absl::StatusOr<std::unique_ptr<OverlayFile>> MakeEphemeral(const std::string& directory,
                                                                    uint64_t disk_bytes);
  // Flushes.
  ~OverlayFile();
  OverlayFile(const OverlayFile&) = delete;
  OverlayFile& operator=(const OverlayFile&) = delete;

  uint64_t disk_bytes() const { return disk_bytes_; }
  int fd() const { return fd_.get(); }
  // Where in the file the disk's byte 0 is.
  uint64_t data_offset() const { return data_offset_; }
  BlockBitmap& blocks() { return blocks_; }

  // Makes durable what was written and set before. After a failure of the disk below, of whose
  // writes nothing is known any more, it fails for ever.
  absl::Status Flush();

 private:
  OverlayFile(UniqueFd fd, uint64_t disk_bytes, bool kept);
  absl::Status LoadBitmap();
  absl::Status WriteBits(const std::vector<BlockBitmap::PageCopy>& pages);

  const UniqueFd fd_;
  const uint64_t disk_bytes_;
  const bool kept_;
  const uint64_t data_offset_;
  BlockBitmap blocks_;
  Mutex flush_mutex_;  // held during the I/O of a flush
  absl::Status broken_ ABSL_GUARDED_BY(flush_mutex_);
  // The file's, until the first flush has made its name durable: waiting for that when the file is
  // made would cost a sandbox's start tens of milliseconds, and there is nothing to lose yet.
  UniqueFd directory_ ABSL_GUARDED_BY(flush_mutex_);
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_BLOCK_OVERLAY_FILE_H_
