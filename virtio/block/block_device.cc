#include "virtio/block/block_device.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "virtio/block/block_spec.h"
#include "virtio/spec.h"

namespace voidbox {
namespace {

// What the event loop copies itself, for one request and in one turn: beyond that, other devices
// would wait for longer than a worker costs.
constexpr uint64_t kMaxCachedRequestBytes = 256 << 10;
constexpr uint64_t kMaxCachedTurnBytes = BlockLimits::kMaxTurnBytes;

// Discards in units of a file system's usual block (4 KiB).
constexpr uint32_t kDiscardAlignmentSectors = 8;

DeviceIdentity Identity(const BlockBackend& backend) {
  uint64_t features = FeatureMask(VIRTIO_BLK_F_SIZE_MAX) | FeatureMask(VIRTIO_BLK_F_SEG_MAX) |
                      FeatureMask(VIRTIO_BLK_F_BLK_SIZE);
  if (backend.read_only()) {
    features |= FeatureMask(VIRTIO_BLK_F_RO);
  } else {
    features |= FeatureMask(VIRTIO_BLK_F_FLUSH) | FeatureMask(VIRTIO_BLK_F_DISCARD) |
                FeatureMask(VIRTIO_BLK_F_WRITE_ZEROES);
  }
  VirtioBlkConfig config = {};
  config.capacity = backend.bytes() / kSectorBytes;
  config.size_max = BlockLimits::kMaxSegmentBytes;
  config.seg_max = BlockLimits::kMaxSegments;
  config.blk_size = kSectorBytes;
  config.num_queues = 1;
  config.max_discard_sectors = BlockLimits::kMaxDiscardSectors;
  config.max_discard_seg = BlockLimits::kMaxRanges;
  config.discard_sector_alignment = kDiscardAlignmentSectors;
  config.max_write_zeroes_sectors = BlockLimits::kMaxWriteZeroesSectors;
  config.max_write_zeroes_seg = BlockLimits::kMaxRanges;
  config.write_zeroes_may_unmap = 1;
  const auto bytes = std::bit_cast<std::array<char, sizeof(config)>>(config);
  return {.type = VIRTIO_ID_BLOCK,
          .name = "block",
          .features = features,
          .queue_sizes = {BlockLimits::kQueueSize},
          .config = std::string(bytes.data(), bytes.size())};
}

}  // namespace

absl::StatusOr<std::unique_ptr<BlockDevice>> BlockDevice::Create(
    std::unique_ptr<BlockBackend> backend, Options options) {
  if (options.serial.size() > VIRTIO_BLK_ID_BYTES) {
    return absl::InvalidArgumentError(absl::StrCat("disk serial of ", options.serial.size(),
                                                   " bytes, at most ", VIRTIO_BLK_ID_BYTES));
  }
  return std::unique_ptr<BlockDevice>(new BlockDevice(std::move(backend), std::move(options)));
}

BlockDevice::BlockDevice(std::unique_ptr<BlockBackend> backend, Options options)
    : VirtioDevice(Identity(*backend)),
      backend_(std::move(backend)),
      workers_(*backend_, std::move(options.workers),
               [this] { activation_.transport->Post([this] { HandleFinished(); }); }) {
  limits_.sectors = backend_->bytes() / kSectorBytes;
  limits_.read_only = backend_->read_only();
  limits_.id = std::move(options.serial);
  limits_.id.resize(VIRTIO_BLK_ID_BYTES, '\0');
}

absl::Status BlockDevice::Activate(const Activation& activation) {
  activation_ = activation;
  const auto has = [&activation](unsigned bit) {
    return (activation.features & FeatureMask(bit)) != 0;
  };
  limits_.write_through = !has(VIRTIO_BLK_F_FLUSH);
  limits_.discard = has(VIRTIO_BLK_F_DISCARD);
  limits_.write_zeroes = has(VIRTIO_BLK_F_WRITE_ZEROES);
  return absl::OkStatus();
}

absl::Status BlockDevice::HandleNotify(uint16_t) {
  Queue& queue = activation_.queues[0];
  queue.DisableNotification();
  CompleteFinished();
  cached_budget_ = kMaxCachedTurnBytes;
  bool drained = false;
  for (uint16_t budget = queue.size(); budget > 0 && !drained; --budget) {
    ASSIGN_OR_RETURN(const bool taken, TakeRequest());
    if (taken) continue;
    workers_.Submit(batch_);
    queue.Signal();
    drained = !queue.EnableNotification();
  }
  workers_.Submit(batch_);
  queue.Signal();
  if (!drained) activation_.transport->NotifyAgain(0);
  return absl::OkStatus();
}

absl::StatusOr<bool> BlockDevice::TakeRequest() {
  ASSIGN_OR_RETURN(std::optional<DescriptorChain> chain, activation_.queues[0].Pop());
  if (!chain.has_value()) return false;
  std::unique_ptr<BlockRequest> request;
  if (spare_.empty()) {
    request = std::make_unique<BlockRequest>();
  } else {
    request = std::move(spare_.back());
    spare_.pop_back();
  }
  if (!request->Parse(*std::move(chain), limits_)) {
    Finish(std::move(request));
  } else if (request->RunCached(*backend_, std::min(cached_budget_, kMaxCachedRequestBytes))) {
    cached_budget_ -= request->data_bytes();
    Finish(std::move(request));
  } else {
    batch_.push_back(std::move(request));
  }
  return true;
}

void BlockDevice::CompleteFinished() {
  workers_.TakeFinished(done_);
  for (std::unique_ptr<BlockRequest>& request : done_) Finish(std::move(request));
  done_.clear();
}

void BlockDevice::Finish(std::unique_ptr<BlockRequest> request) {
  const absl::Status error = request->Finish(activation_.queues[0]);
  // A full or broken disk fails every request; a line for each would fill another one.
  if (!error.ok() && std::has_single_bit(++failures_)) {
    LogWarning("virtio block: ", error.message(), " (", failures_, " failed)");
  }
  spare_.push_back(std::move(request));
}

void BlockDevice::HandleFinished() {
  if (reset_) {
    workers_.TakeFinished(done_);
    Drop(done_);
    if (!workers_.idle()) return;
    activation_ = {};
    return std::exchange(reset_, nullptr)();
  }
  if (activation_.transport == nullptr) return;  // Reset has taken them
  CompleteFinished();
  activation_.queues[0].Signal();
  if (quiet_ && workers_.idle()) std::exchange(quiet_, nullptr)();
}

void BlockDevice::Drop(BlockWorkers::Requests& requests) {
  for (std::unique_ptr<BlockRequest>& request : requests) {
    request->Drop();
    spare_.push_back(std::move(request));
  }
  requests.clear();
}

void BlockDevice::Reset(const Done& done) {
  workers_.Cancel(batch_);
  Drop(batch_);
  quiet_ = nullptr;
  reset_ = done;
  HandleFinished();
}

void BlockDevice::Quiesce(const Done& done) {
  quiet_ = done;
  HandleFinished();
}

absl::StatusOr<std::string> BlockDevice::Save() { return std::string(); }

absl::Status BlockDevice::Restore(absl::string_view state) {
  if (!state.empty()) return absl::InvalidArgumentError("block: state where there is none");
  return absl::OkStatus();
}

}  // namespace voidbox
