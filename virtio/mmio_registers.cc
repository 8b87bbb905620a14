#include "virtio/mmio_registers.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "virtio/spec.h"

namespace voidbox {
namespace {

// §4.2.2 leaves the vendor to the device's maker; the guest shows it and does nothing else with it.
constexpr uint32_t kVendorId = 0x58424456;  // "VDBX"

constexpr uint64_t kCommonFeatures = FeatureMask(VIRTIO_F_VERSION_1) |
                                     FeatureMask(VIRTIO_F_INDIRECT_DESC) |
                                     FeatureMask(VIRTIO_F_EVENT_IDX);

constexpr uint32_t kDriverStatusBits = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER |
                                       VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK |
                                       VIRTIO_STATUS_FAILED;

void SetLow(GuestAddress& address, uint32_t value) {
  address.value = (address.value & ~uint64_t{UINT32_MAX}) | value;
}

void SetHigh(GuestAddress& address, uint32_t value) {
  address.value = (address.value & UINT32_MAX) | uint64_t{value} << 32;
}

}  // namespace

MmioRegisters::MmioRegisters(const DeviceIdentity& identity)
    : identity_(identity),
      offered_(identity.features | kCommonFeatures),
      queues_(identity.queue_sizes.size()) {}

uint32_t MmioRegisters::Read(uint32_t offset) const {
  switch (offset) {
    case VIRTIO_MMIO_MAGIC_VALUE:
      return VIRTIO_MMIO_MAGIC;
    case VIRTIO_MMIO_VERSION:
      return 2;
    case VIRTIO_MMIO_DEVICE_ID:
      return identity_.type;
    case VIRTIO_MMIO_VENDOR_ID:
      return kVendorId;
    case VIRTIO_MMIO_DEVICE_FEATURES:
      if (device_features_select_ > 1) return 0;
      return static_cast<uint32_t>(offered_ >> (32 * device_features_select_));
    case VIRTIO_MMIO_QUEUE_NUM_MAX:
      return queue_select_ < queues_.size() ? identity_.queue_sizes[queue_select_] : 0;
    case VIRTIO_MMIO_QUEUE_READY:
      return queue_select_ < queues_.size() && queues_[queue_select_].ready ? 1 : 0;
    case VIRTIO_MMIO_STATUS:
      return status_;
    case VIRTIO_MMIO_SHM_LEN_LOW:
    case VIRTIO_MMIO_SHM_LEN_HIGH:
    case VIRTIO_MMIO_SHM_BASE_LOW:
    case VIRTIO_MMIO_SHM_BASE_HIGH:
      return UINT32_MAX;  // no such region
    case VIRTIO_MMIO_CONFIG_GENERATION:
      return config_generation_;
    default:
      return 0;
  }
}

void MmioRegisters::Write(uint32_t offset, uint32_t value) {
  switch (offset) {
    case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
      device_features_select_ = value;
      return;
    case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
      driver_features_select_ = value;
      return;
    case VIRTIO_MMIO_DRIVER_FEATURES:
      return WriteDriverFeatures(value);
    case VIRTIO_MMIO_QUEUE_SEL:
      queue_select_ = value;
      return;
    default:
      return WriteQueue(offset, value);
  }
}

void MmioRegisters::WriteDriverFeatures(uint32_t value) {
  if ((status_ & VIRTIO_STATUS_DRIVER) == 0 || (status_ & VIRTIO_STATUS_FEATURES_OK) != 0) return;
  switch (driver_features_select_) {
    case 0:
      driver_features_ = (driver_features_ & ~uint64_t{UINT32_MAX}) | value;
      return;
    case 1:
      driver_features_ = (driver_features_ & UINT32_MAX) | uint64_t{value} << 32;
      return;
    default:
      impossible_feature_ |= value != 0;
  }
}

bool MmioRegisters::QueuesWritable() const {
  return (status_ & VIRTIO_STATUS_FEATURES_OK) != 0 &&
         (status_ & (VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_FAILED)) == 0;
}

void MmioRegisters::WriteQueue(uint32_t offset, uint32_t value) {
  if (queue_select_ >= queues_.size() || !QueuesWritable()) return;
  QueueConfig& queue = queues_[queue_select_];
  if (offset == VIRTIO_MMIO_QUEUE_READY) {
    queue.ready = value == 1;
    return;
  }
  if (queue.ready) return;
  switch (offset) {
    case VIRTIO_MMIO_QUEUE_NUM:
      // 0 is as impossible as what does not fit.
      queue.size = value <= UINT16_MAX ? static_cast<uint16_t>(value) : 0;
      return;
    case VIRTIO_MMIO_QUEUE_DESC_LOW:
      return SetLow(queue.descriptor_table, value);
    case VIRTIO_MMIO_QUEUE_DESC_HIGH:
      return SetHigh(queue.descriptor_table, value);
    case VIRTIO_MMIO_QUEUE_DRIVER_LOW:
      return SetLow(queue.driver_area, value);
    case VIRTIO_MMIO_QUEUE_DRIVER_HIGH:
      return SetHigh(queue.driver_area, value);
    case VIRTIO_MMIO_QUEUE_DEVICE_LOW:
      return SetLow(queue.device_area, value);
    case VIRTIO_MMIO_QUEUE_DEVICE_HIGH:
      return SetHigh(queue.device_area, value);
    default:
      return;
  }
}

bool MmioRegisters::FeaturesAcceptable() const {
  return !impossible_feature_ && (driver_features_ & ~offered_) == 0 &&
         (driver_features_ & FeatureMask(VIRTIO_F_VERSION_1)) != 0;
}

uint32_t MmioRegisters::StatusAfter(uint32_t status, uint32_t value) const {
  // The driver may not take bits back (§2.1.1), and a failed one has only reset left.
  if ((status & kDriverStatusBits & ~value) != 0) return status;
  if ((status & VIRTIO_STATUS_FAILED) != 0) return status;
  const uint32_t added = value & kDriverStatusBits & ~status;
  status |= added & (VIRTIO_STATUS_FAILED | VIRTIO_STATUS_ACKNOWLEDGE);
  if ((status & VIRTIO_STATUS_ACKNOWLEDGE) != 0) status |= added & VIRTIO_STATUS_DRIVER;
  if ((status & VIRTIO_STATUS_DRIVER) != 0 && FeaturesAcceptable()) {
    status |= added & VIRTIO_STATUS_FEATURES_OK;
  }
  if ((status & VIRTIO_STATUS_FEATURES_OK) != 0 && (added & VIRTIO_STATUS_FAILED) == 0) {
    status |= added & VIRTIO_STATUS_DRIVER_OK;
  }
  return status;
}

bool MmioRegisters::WriteStatus(uint32_t value) {
  const bool was_ok = driver_ok();
  status_ = StatusAfter(status_, value);
  return driver_ok() && !was_ok;
}

void MmioRegisters::Reset() {
  status_ = 0;
  driver_features_ = 0;
  impossible_feature_ = false;
  device_features_select_ = 0;
  driver_features_select_ = 0;
  queue_select_ = 0;
  std::fill(queues_.begin(), queues_.end(), QueueConfig());
}

bool MmioRegisters::StatusPossible() const {
  const uint32_t driver_bits = status_ & ~VIRTIO_STATUS_DEVICE_NEEDS_RESET;
  const uint32_t before_failure = driver_bits & ~VIRTIO_STATUS_FAILED;
  return (driver_bits & ~kDriverStatusBits) == 0 &&
         StatusAfter(0, before_failure) == before_failure && (driver_ok() || !needs_reset()) &&
         ((driver_bits & VIRTIO_STATUS_DRIVER) != 0 ||
          (driver_features_ == 0 && !impossible_feature_));
}

void MmioRegisters::Save(TransportState& state) const {
  state.set_device_type(identity_.type);
  state.set_status(status_);
  state.set_driver_features(driver_features_);
  state.set_impossible_feature(impossible_feature_);
  state.set_device_features_select(device_features_select_);
  state.set_driver_features_select(driver_features_select_);
  state.set_queue_select(queue_select_);
  state.set_config_generation(config_generation_);
  for (const QueueConfig& queue : queues_) {
    QueueState& saved = *state.add_queues();
    saved.set_size(queue.size);
    saved.set_ready(queue.ready);
    saved.set_descriptor_table(queue.descriptor_table.value);
    saved.set_driver_area(queue.driver_area.value);
    saved.set_device_area(queue.device_area.value);
  }
}

absl::Status MmioRegisters::Restore(const TransportState& state) {
  if (state.device_type() != identity_.type) {
    return absl::InvalidArgumentError(absl::StrCat("state of a virtio device of type ",
                                                   state.device_type(), ", not ", identity_.type));
  }
  if (state.queues_size() != static_cast<int>(queues_.size())) {
    return absl::InvalidArgumentError(
        absl::StrCat("state of ", state.queues_size(), " queues, not ", queues_.size()));
  }
  MmioRegisters restored(identity_);
  restored.driver_features_ = state.driver_features();
  restored.impossible_feature_ = state.impossible_feature();
  restored.status_ = state.status();
  if (!restored.StatusPossible()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("status 0x%x with features 0x%x", state.status(), state.driver_features()));
  }
  for (int i = 0; i < state.queues_size(); ++i) {
    const QueueState& saved = state.queues(i);
    if (saved.size() > UINT16_MAX || saved.next_index() > UINT16_MAX) {
      return absl::InvalidArgumentError(
          absl::StrCat("queue ", i, ": size ", saved.size(), ", index ", saved.next_index()));
    }
    restored.queues_[i] = {.size = static_cast<uint16_t>(saved.size()),
                           .ready = saved.ready(),
                           .descriptor_table = {saved.descriptor_table()},
                           .driver_area = {saved.driver_area()},
                           .device_area = {saved.device_area()}};
  }
  status_ = restored.status_;
  driver_features_ = restored.driver_features_;
  impossible_feature_ = restored.impossible_feature_;
  queues_ = std::move(restored.queues_);
  device_features_select_ = state.device_features_select();
  driver_features_select_ = state.driver_features_select();
  queue_select_ = state.queue_select();
  config_generation_ = state.config_generation();
  return absl::OkStatus();
}

}  // namespace voidbox
