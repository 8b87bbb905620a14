#ifndef VOIDBOX_VIRTIO_BLOCK_BLOCK_REQUEST_H_
#define VOIDBOX_VIRTIO_BLOCK_BLOCK_REQUEST_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "virtio/block/block_backend.h"
#include "virtio/block/block_spec.h"
#include "virtio/descriptor_chain.h"
#include "virtio/queue.h"

namespace voidbox {

// What requests are checked against.
struct BlockLimits {
  // Per request; advertised, so that a driver knows them.
  static constexpr uint16_t kQueueSize = 256;
  static constexpr uint32_t kMaxSegments = kQueueSize - 2;  // beside header and status
  static constexpr uint32_t kMaxSegmentBytes = 64 << 10;    // what Linux uses unless told otherwise
  static constexpr uint64_t kMaxDataBytes = uint64_t{kMaxSegments} * kMaxSegmentBytes;
  static constexpr uint32_t kMaxRanges = 16;                   // of DISCARD and WRITE_ZEROES
  static constexpr uint32_t kMaxDiscardSectors = 1 << 22;      // 2 GiB, by one system call
  static constexpr uint32_t kMaxWriteZeroesSectors = 1 << 16;  // 32 MiB, perhaps by hand

  // Of one turn of the event loop or a worker, after which others get theirs and a reset is seen.
  static constexpr uint64_t kMaxTurnBytes = 1 << 20;

  uint64_t sectors = 0;
  bool read_only = false;
  // The driver does not flush, so that each write has to be durable by itself (§5.2.6.2).
  bool write_through = false;
  bool discard = false;       // negotiated
  bool write_zeroes = false;  // negotiated
  std::string id;             // what GET_ID gives, VIRTIO_BLK_ID_BYTES long
};

// One request of the driver (virtio 1.2 §5.2.6). Used again for another after Finish or Drop.
class BlockRequest {
 public:
  // Takes the request apart. False when nothing is left to do but Finish: it was wrong, or small.
  bool Parse(DescriptorChain chain, const BlockLimits& limits);
  // The request is a read or write of no more than `max_bytes`, and the host's memory had its bytes
  // or took them. Otherwise Run it.
  bool RunCached(BlockBackend& backend, uint64_t max_bytes);
  // Does the I/O, kMaxTurnBytes at a time; may block. Stops in between when `cancelled` becomes
  // true: the request is then only good for Drop. Any thread.
  void Run(BlockBackend& backend, const std::atomic<bool>& cancelled);
  // In place of Run.
  void Fail(absl::Status error);
  // Writes the status and gives the chain back. OK, or why the backend failed.
  absl::Status Finish(Queue& queue);
  // Forgets the chain of a queue that is no more.
  void Drop() { chain_.reset(); }

  uint64_t data_bytes() const { return data_bytes_; }

 private:
  struct Range {
    uint64_t offset = 0;  // bytes
    uint64_t length = 0;  // bytes
    bool unmap = false;
  };

  uint8_t Check(const VirtioBlkRequestHeader& header, const BlockLimits& limits);
  uint8_t CheckData(uint64_t sector, uint64_t bytes, const BlockLimits& limits);
  uint8_t CheckRanges(uint32_t max_sectors, const BlockLimits& limits);
  uint8_t GiveId(const BlockLimits& limits);
  absl::Status DoRun(BlockBackend& backend, const std::atomic<bool>& cancelled);
  absl::Status Transfer(BlockBackend& backend, const std::atomic<bool>& cancelled);
  absl::Status WriteZeroes(const Range& range, BlockBackend& backend,
                           const std::atomic<bool>& cancelled);

  std::optional<DescriptorChain> chain_;
  uint32_t type_ = 0;
  uint8_t status_ = 0;
  bool sync_ = false;    // flush after the write
  uint64_t offset_ = 0;  // bytes
  uint64_t data_bytes_ = 0;
  ChainCursor::Buffers data_;
  std::array<Range, BlockLimits::kMaxRanges> ranges_;
  uint32_t range_count_ = 0;
  absl::Status error_;  // the backend's
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_BLOCK_BLOCK_REQUEST_H_
