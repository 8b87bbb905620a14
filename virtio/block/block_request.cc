#include "virtio/block/block_request.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/status_macros.h"
#include "virtio/block/buffer_slicer.h"

namespace voidbox {
namespace {

// Nothing left but to answer with VIRTIO_BLK_S_OK is told from "to be run" by the type.
constexpr uint32_t kNothing = UINT32_MAX;

bool InRange(uint64_t sector, uint64_t count, const BlockLimits& limits) {
  return sector <= limits.sectors && count <= limits.sectors - sector;
}

// What is done of [offset, end) in one turn: up to the next multiple of a turn's bytes, so that no
// block of a disk is done in two turns.
uint64_t TurnBytes(uint64_t offset, uint64_t end) {
  return std::min(end - offset, BlockLimits::kMaxTurnBytes - offset % BlockLimits::kMaxTurnBytes);
}

}  // namespace

bool BlockRequest::Parse(DescriptorChain chain, const BlockLimits& limits) {
  chain_.emplace(std::move(chain));
  type_ = kNothing;
  sync_ = false;
  data_bytes_ = 0;
  data_.clear();
  range_count_ = 0;
  error_ = absl::OkStatus();
  const auto header = chain_->reader().ReadObject<VirtioBlkRequestHeader>();
  if (!header.ok() || chain_->writer().remaining() == 0) {
    status_ = VIRTIO_BLK_S_IOERR;
    return false;
  }
  status_ = Check(*header, limits);
  return status_ == VIRTIO_BLK_S_OK && type_ != kNothing;
}

uint8_t BlockRequest::Check(const VirtioBlkRequestHeader& header, const BlockLimits& limits) {
  uint8_t status = VIRTIO_BLK_S_OK;
  switch (header.type) {
    case VIRTIO_BLK_T_IN:
      // The last byte is the status.
      status = CheckData(header.sector, chain_->writer().remaining() - 1, limits);
      if (status == VIRTIO_BLK_S_OK) data_ = chain_->writer().Peek(data_bytes_);
      break;
    case VIRTIO_BLK_T_OUT:
      if (limits.read_only) return VIRTIO_BLK_S_IOERR;
      status = CheckData(header.sector, chain_->reader().remaining(), limits);
      if (status == VIRTIO_BLK_S_OK) data_ = chain_->reader().Peek(data_bytes_);
      sync_ = limits.write_through;
      break;
    case VIRTIO_BLK_T_FLUSH:
      if (limits.read_only) return VIRTIO_BLK_S_OK;
      break;
    case VIRTIO_BLK_T_GET_ID:
      return GiveId(limits);
    case VIRTIO_BLK_T_DISCARD:
      if (!limits.discard) return VIRTIO_BLK_S_UNSUPP;
      status = CheckRanges(BlockLimits::kMaxDiscardSectors, limits);
      for (uint32_t i = 0; i < range_count_; ++i) {
        if (ranges_[i].unmap) return VIRTIO_BLK_S_UNSUPP;  // §5.2.6.2
      }
      break;
    case VIRTIO_BLK_T_WRITE_ZEROES:
      if (!limits.write_zeroes) return VIRTIO_BLK_S_UNSUPP;
      status = CheckRanges(BlockLimits::kMaxWriteZeroesSectors, limits);
      sync_ = limits.write_through;
      break;
    default:
      return VIRTIO_BLK_S_UNSUPP;
  }
  if (status == VIRTIO_BLK_S_OK) type_ = header.type;
  return status;
}

uint8_t BlockRequest::CheckData(uint64_t sector, uint64_t bytes, const BlockLimits& limits) {
  if (bytes % kSectorBytes != 0 || bytes > BlockLimits::kMaxDataBytes ||
      !InRange(sector, bytes / kSectorBytes, limits)) {
    return VIRTIO_BLK_S_IOERR;
  }
  offset_ = sector * kSectorBytes;
  data_bytes_ = bytes;
  return VIRTIO_BLK_S_OK;
}

uint8_t BlockRequest::CheckRanges(uint32_t max_sectors, const BlockLimits& limits) {
  const size_t bytes = chain_->reader().remaining();
  if (limits.read_only || bytes == 0 || bytes % sizeof(VirtioBlkDiscardWriteZeroes) != 0 ||
      bytes / sizeof(VirtioBlkDiscardWriteZeroes) > BlockLimits::kMaxRanges) {
    return VIRTIO_BLK_S_IOERR;
  }
  while (chain_->reader().remaining() > 0) {
    const auto range = chain_->reader().ReadObject<VirtioBlkDiscardWriteZeroes>();
    if (!range.ok()) return VIRTIO_BLK_S_IOERR;
    if ((range->flags & ~VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP) != 0) return VIRTIO_BLK_S_UNSUPP;
    if (range->num_sectors > max_sectors || !InRange(range->sector, range->num_sectors, limits)) {
      return VIRTIO_BLK_S_IOERR;
    }
    if (range->num_sectors == 0) continue;  // fallocate refuses empty ranges
    ranges_[range_count_++] = {.offset = range->sector * kSectorBytes,
                               .length = uint64_t{range->num_sectors} * kSectorBytes,
                               .unmap = (range->flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP) != 0};
  }
  return VIRTIO_BLK_S_OK;
}

uint8_t BlockRequest::GiveId(const BlockLimits& limits) {
  if (chain_->writer().remaining() - 1 < limits.id.size()) return VIRTIO_BLK_S_IOERR;
  const absl::Status written =
      chain_->writer().Write(std::as_bytes(std::span(limits.id.data(), limits.id.size())));
  return written.ok() ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
}

bool BlockRequest::RunCached(BlockBackend& backend, uint64_t max_bytes) {
  if (data_bytes_ > max_bytes) return false;
  if (type_ == VIRTIO_BLK_T_IN) return data_bytes_ == 0 || backend.ReadCached(offset_, data_);
  // What has to be durable waits for the disk.
  if (type_ != VIRTIO_BLK_T_OUT || sync_) return false;
  return data_bytes_ == 0 || backend.WriteCached(offset_, data_);
}

void BlockRequest::Run(BlockBackend& backend, const std::atomic<bool>& cancelled) {
  absl::Status status = DoRun(backend, cancelled);
  if (status.ok() && sync_ && !cancelled) status = backend.Flush();
  if (!status.ok()) Fail(std::move(status));
}

void BlockRequest::Fail(absl::Status error) {
  error_ = std::move(error);
  status_ = VIRTIO_BLK_S_IOERR;
}

absl::Status BlockRequest::Transfer(BlockBackend& backend, const std::atomic<bool>& cancelled) {
  BufferSlicer slicer(data_);
  const uint64_t end = offset_ + data_bytes_;
  for (uint64_t at = offset_; at < end && !cancelled;) {
    const uint64_t bytes = TurnBytes(at, end);
    const std::span<iovec> buffers = slicer.Take(bytes);
    RETURN_IF_ERROR(type_ == VIRTIO_BLK_T_IN ? backend.Read(at, buffers)
                                             : backend.Write(at, buffers));
    at += bytes;
  }
  return absl::OkStatus();
}

absl::Status BlockRequest::WriteZeroes(const Range& range, BlockBackend& backend,
                                       const std::atomic<bool>& cancelled) {
  const uint64_t end = range.offset + range.length;
  for (uint64_t at = range.offset; at < end && !cancelled;) {
    const uint64_t bytes = TurnBytes(at, end);
    RETURN_IF_ERROR(backend.WriteZeroes(at, bytes, range.unmap));
    at += bytes;
  }
  return absl::OkStatus();
}

absl::Status BlockRequest::DoRun(BlockBackend& backend, const std::atomic<bool>& cancelled) {
  switch (type_) {
    case VIRTIO_BLK_T_IN:
    case VIRTIO_BLK_T_OUT:
      return Transfer(backend, cancelled);
    case VIRTIO_BLK_T_FLUSH:
      return backend.Flush();
    case VIRTIO_BLK_T_DISCARD:
      for (uint32_t i = 0; i < range_count_ && !cancelled; ++i) {
        RETURN_IF_ERROR(backend.Discard(ranges_[i].offset, ranges_[i].length));
      }
      return absl::OkStatus();
    case VIRTIO_BLK_T_WRITE_ZEROES:
      for (uint32_t i = 0; i < range_count_; ++i) {
        RETURN_IF_ERROR(WriteZeroes(ranges_[i], backend, cancelled));
      }
      return absl::OkStatus();
    default:
      return absl::InternalError("nothing to run");
  }
}

absl::Status BlockRequest::Finish(Queue& queue) {
  ChainWriter& writer = chain_->writer();
  const size_t room = writer.consumed() + writer.remaining();
  uint32_t written = 0;
  if (room > 0) {
    writer.Skip(writer.remaining() - 1).IgnoreError();
    writer.WriteObject(status_).IgnoreError();
    // Only what was certainly written from the front on may be counted (§2.7.8.2): what comes
    // before the status was, if it all went well and there was anything to write there.
    const bool filled = status_ == VIRTIO_BLK_S_OK && data_bytes_ + 1 == room;
    written = static_cast<uint32_t>(filled ? room : room == 1 ? 1 : 0);
  }
  queue.Complete(*std::move(chain_), written);
  chain_.reset();
  return std::exchange(error_, absl::OkStatus());
}

}  // namespace voidbox
