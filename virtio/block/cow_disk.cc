#include "virtio/block/cow_disk.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "virtio/block/buffer_slicer.h"
#include "virtio/block/file_io.h"

namespace voidbox {
namespace {

constexpr uint64_t kBlock = kOverlayBlockBytes;

uint64_t BlockOf(uint64_t offset) { return offset / kBlock; }
uint64_t BlocksUpTo(uint64_t end) { return (end + kBlock - 1) / kBlock; }

using Buffers = BufferSlicer::Buffers;

uint64_t TotalBytes(std::span<const iovec> buffers) {
  uint64_t total = 0;
  for (const iovec& buffer : buffers) total += buffer.iov_len;
  return total;
}

void FillWithZeroes(std::span<const iovec> buffers) {
  for (const iovec& buffer : buffers) std::memset(buffer.iov_base, 0, buffer.iov_len);
}

}  // namespace

absl::StatusOr<std::unique_ptr<CowDisk>> CowDisk::Open(const std::string& base_path,
                                                       const std::string& overlay_path,
                                                       uint64_t disk_bytes) {
  ASSIGN_OR_RETURN(auto base, RawFile::Open(base_path, /*read_only=*/true));
  const BaseIdentity identity = {.bytes = base->bytes(), .modified_ns = base->modified_ns()};
  ASSIGN_OR_RETURN(auto overlay, OverlayFile::OpenOrMake(overlay_path, identity, disk_bytes));
  return std::unique_ptr<CowDisk>(new CowDisk(std::move(base), std::move(overlay)));
}

absl::StatusOr<std::unique_ptr<CowDisk>> CowDisk::OpenEphemeral(const std::string& base_path,
                                                                const std::string& directory,
                                                                uint64_t disk_bytes) {
  ASSIGN_OR_RETURN(auto base, RawFile::Open(base_path, /*read_only=*/true));
  const OverlayHeader header = {.disk_bytes = disk_bytes == 0 ? base->bytes() : disk_bytes,
                                .base = {.bytes = base->bytes()}};
  if (absl::Status status = ValidateOverlayHeader(header); !status.ok()) {
    return absl::Status(status.code(), absl::StrCat("disk ", base_path, ": ", status.message()));
  }
  ASSIGN_OR_RETURN(auto overlay, OverlayFile::MakeEphemeral(directory, header.disk_bytes));
  return std::unique_ptr<CowDisk>(new CowDisk(std::move(base), std::move(overlay)));
}

CowDisk::CowDisk(std::unique_ptr<RawFile> base, std::unique_ptr<OverlayFile> overlay)
    : base_(std::move(base)),
      overlay_(std::move(overlay)),
      bytes_(overlay_->disk_bytes()),
      cached_(overlay_->fd()) {}

CowDisk::Run CowDisk::RunAt(uint64_t offset, uint64_t limit) {
  const BlockBitmap& blocks = overlay_->blocks();
  const bool written = blocks.Test(BlockOf(offset));
  const uint64_t end =
      std::min(limit, blocks.RunEnd(written, BlockOf(offset), BlocksUpTo(limit)) * kBlock);
  // Written just now.
  if (end <= offset) return {Source::kOverlay, std::min(limit, (BlockOf(offset) + 1) * kBlock)};
  if (written) return {Source::kOverlay, end};
  if (offset < base_->bytes()) return {Source::kBase, std::min(end, base_->bytes())};
  return {Source::kZero, end};
}

absl::Status CowDisk::ReadRun(Source source, uint64_t offset, std::span<iovec> buffers) {
  switch (source) {
    case Source::kOverlay:
      return ReadAt(overlay_->fd(), overlay_->data_offset() + offset, buffers);
    case Source::kBase:
      return base_->Read(offset, buffers);
    case Source::kZero:
      FillWithZeroes(buffers);
  }
  return absl::OkStatus();
}

absl::Status CowDisk::Read(uint64_t offset, std::span<iovec> buffers) {
  const uint64_t end = offset + TotalBytes(buffers);
  BufferSlicer slicer(buffers);
  while (offset < end) {
    const Run run = RunAt(offset, end);
    RETURN_IF_ERROR(ReadRun(run.source, offset, slicer.Take(run.end - offset)));
    offset = run.end;
  }
  return absl::OkStatus();
}

bool CowDisk::ReadRunCached(Source source, uint64_t offset, std::span<const iovec> buffers) {
  switch (source) {
    case Source::kOverlay:
      return cached_.Read(overlay_->data_offset() + offset, buffers);
    case Source::kBase:
      return base_->ReadCached(offset, buffers);
    case Source::kZero:
      FillWithZeroes(buffers);
  }
  return true;
}

bool CowDisk::ReadCached(uint64_t offset, std::span<const iovec> buffers) {
  const uint64_t end = offset + TotalBytes(buffers);
  BufferSlicer slicer(buffers);
  while (offset < end) {
    const Run run = RunAt(offset, end);
    if (!ReadRunCached(run.source, offset, slicer.Take(run.end - offset))) return false;
    offset = run.end;
  }
  return true;
}

absl::Status CowDisk::WriteOverlay(uint64_t offset, std::span<iovec> buffers) {
  return WriteAt(overlay_->fd(), overlay_->data_offset() + offset, buffers);
}

absl::Status CowDisk::Write(uint64_t offset, std::span<iovec> buffers) {
  const uint64_t end = offset + TotalBytes(buffers);
  if (offset == end) return absl::OkStatus();
  const uint64_t first = BlockOf(offset);
  const uint64_t limit = BlocksUpTo(end);
  BlockBitmap& blocks = overlay_->blocks();
  if (blocks.RunEnd(true, first, limit) == limit) return WriteOverlay(offset, buffers);
  const RangeLock::Held held(first_writes_, first, limit);
  RETURN_IF_ERROR(WriteWithEdges(offset, end, buffers));
  blocks.Set(first, limit);
  return absl::OkStatus();
}

bool CowDisk::WriteCached(uint64_t offset, std::span<const iovec> buffers) {
  const uint64_t end = offset + TotalBytes(buffers);
  if (offset == end) return true;
  const uint64_t first = BlockOf(offset);
  const uint64_t limit = BlocksUpTo(end);
  const uint64_t at = overlay_->data_offset() + offset;
  BlockBitmap& blocks = overlay_->blocks();
  if (blocks.RunEnd(true, first, limit) == limit) return cached_.Write(at, buffers);
  // The rest of a block, from the base, may have to be waited for.
  if (offset % kBlock != 0 || (end % kBlock != 0 && end != bytes_)) return false;
  const RangeLock::TryHeld held(first_writes_, first, limit);
  if (!held || !cached_.Write(at, buffers)) return false;
  blocks.Set(first, limit);
  return true;
}

absl::Status CowDisk::WriteWithEdges(uint64_t offset, uint64_t end, std::span<iovec> buffers) {
  const uint64_t start = BlockOf(offset) * kBlock;
  const uint64_t whole_end = std::min(BlocksUpTo(end) * kBlock, bytes_);
  const bool needs_head = start < offset && !overlay_->blocks().Test(BlockOf(offset));
  const bool needs_tail = end < whole_end && !overlay_->blocks().Test(BlockOf(end));
  if (!needs_head && !needs_tail) return WriteOverlay(offset, buffers);
  // With what the rest of the first and last block is, in one go.
  std::array<char, kBlock> head, tail;
  Buffers all;
  if (needs_head) {
    all.push_back({head.data(), offset - start});
    iovec rest = all.back();
    RETURN_IF_ERROR(Read(start, {&rest, 1}));
  }
  all.insert(all.end(), buffers.begin(), buffers.end());
  if (needs_tail) {
    all.push_back({tail.data(), whole_end - end});
    iovec rest = all.back();
    RETURN_IF_ERROR(Read(end, {&rest, 1}));
  }
  return WriteOverlay(needs_head ? start : offset, {all.data(), all.size()});
}

absl::Status CowDisk::Discard(uint64_t offset, uint64_t length) {
  const uint64_t end = offset + length;
  while (offset < end) {
    const Run run = RunAt(offset, end);
    // The bit stays: what the base has there must not come back.
    if (run.source == Source::kOverlay) {
      RETURN_IF_ERROR(
          PunchHole(overlay_->fd(), overlay_->data_offset() + offset, run.end - offset));
    }
    offset = run.end;
  }
  return absl::OkStatus();
}

absl::Status CowDisk::WriteZeroes(uint64_t offset, uint64_t length, bool may_unmap) {
  const uint64_t end = offset + length;
  const uint64_t first_whole = BlocksUpTo(offset) * kBlock;
  const uint64_t last_whole = end == bytes_ ? end : BlockOf(end) * kBlock;
  if (first_whole >= last_whole) return ZeroPart(offset, end);
  RETURN_IF_ERROR(ZeroPart(offset, first_whole));
  RETURN_IF_ERROR(ZeroBlocks(first_whole, last_whole, may_unmap));
  return ZeroPart(last_whole, end);
}

// At most two blocks.
absl::Status CowDisk::ZeroPart(uint64_t offset, uint64_t end) {
  if (offset == end) return absl::OkStatus();
  const Run run = RunAt(offset, end);
  if (run.source == Source::kZero && run.end == end) return absl::OkStatus();
  std::array<char, 2 * kBlock> zeroes = {};
  iovec buffer = {zeroes.data(), end - offset};
  return Write(offset, {&buffer, 1});
}

absl::Status CowDisk::ZeroBlocks(uint64_t offset, uint64_t end, bool may_unmap) {
  const RangeLock::Held held(first_writes_, BlockOf(offset), BlocksUpTo(end));
  while (offset < end) {
    const Run run = RunAt(offset, end);
    if (run.source != Source::kZero) {
      // The last block of the base may lie half beyond it.
      const uint64_t blocks_end = std::min(BlocksUpTo(run.end) * kBlock, end);
      // The overlay may have anything there, of a write whose bit was never kept.
      RETURN_IF_ERROR(ZeroRange(overlay_->fd(), overlay_->data_offset() + offset,
                                blocks_end - offset, may_unmap));
      overlay_->blocks().Set(BlockOf(offset), BlocksUpTo(blocks_end));
      offset = blocks_end;
    } else {
      offset = run.end;
    }
  }
  return absl::OkStatus();
}

}  // namespace voidbox
