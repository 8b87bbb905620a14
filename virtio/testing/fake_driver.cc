#include "virtio/testing/fake_driver.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"

namespace voidbox {

void FakeInterruptLine::Trigger() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++count_;
  triggered_.notify_all();
}

bool FakeInterruptLine::Wait() {
  std::unique_lock<std::mutex> lock(mutex_);
  const bool came =
      triggered_.wait_for(lock, std::chrono::minutes(1), [this] { return count_ > waited_; });
  waited_ = count_;
  return came;
}

int FakeInterruptLine::count() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return count_;
}

FakeDriver::FakeDriver(MmioTransport& transport, const GuestMemory& memory, FakeInterruptLine& line,
                       GuestAddress area, uint64_t area_bytes)
    : transport_(transport),
      memory_(memory),
      line_(line),
      area_(area),
      area_end_(area.value + area_bytes),
      next_(area) {}

uint32_t FakeDriver::Read(uint32_t offset) {
  uint32_t value;
  transport_.Read(offset, std::as_writable_bytes(std::span(&value, 1)));
  return value;
}

void FakeDriver::Write(uint32_t offset, uint32_t value) {
  transport_.Write(offset, std::as_bytes(std::span(&value, 1)));
}

uint64_t FakeDriver::OfferedFeatures() {
  Write(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
  const uint64_t high = Read(VIRTIO_MMIO_DEVICE_FEATURES);
  Write(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
  return high << 32 | Read(VIRTIO_MMIO_DEVICE_FEATURES);
}

bool FakeDriver::Negotiate(uint64_t features) {
  AddStatus(VIRTIO_STATUS_ACKNOWLEDGE);
  AddStatus(VIRTIO_STATUS_DRIVER);
  Write(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
  Write(VIRTIO_MMIO_DRIVER_FEATURES, static_cast<uint32_t>(features >> 32));
  Write(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
  Write(VIRTIO_MMIO_DRIVER_FEATURES, static_cast<uint32_t>(features));
  AddStatus(VIRTIO_STATUS_FEATURES_OK);
  features_ = features;
  return (status() & VIRTIO_STATUS_FEATURES_OK) != 0;
}

uint16_t FakeDriver::MaxQueueSize(uint16_t index) {
  Write(VIRTIO_MMIO_QUEUE_SEL, index);
  return static_cast<uint16_t>(Read(VIRTIO_MMIO_QUEUE_NUM_MAX));
}

uint16_t FakeDriver::queue_count() {
  uint16_t count = 0;
  while (MaxQueueSize(count) != 0) ++count;
  return count;
}

DriverQueue& FakeDriver::SetUpQueue(uint16_t index, uint16_t size) {
  if (queues_.size() <= index) queues_.resize(index + 1);
  queues_[index] = std::make_unique<DriverQueue>(memory_, Allocate(DriverQueue::BytesNeeded(size)),
                                                 size, features_);
  WriteQueueRegisters(index, queues_[index]->config());
  return *queues_[index];
}

void FakeDriver::WriteQueueRegisters(uint16_t index, const QueueConfig& config) {
  const auto write_address = [this](uint32_t low_register, GuestAddress address) {
    Write(low_register, static_cast<uint32_t>(address.value));
    Write(low_register + 4, static_cast<uint32_t>(address.value >> 32));
  };
  Write(VIRTIO_MMIO_QUEUE_SEL, index);
  Write(VIRTIO_MMIO_QUEUE_NUM, config.size);
  write_address(VIRTIO_MMIO_QUEUE_DESC_LOW, config.descriptor_table);
  write_address(VIRTIO_MMIO_QUEUE_DRIVER_LOW, config.driver_area);
  write_address(VIRTIO_MMIO_QUEUE_DEVICE_LOW, config.device_area);
  Write(VIRTIO_MMIO_QUEUE_READY, config.ready ? 1 : 0);
}

bool FakeDriver::Start(uint64_t features) {
  Reset();
  if (!Negotiate(features)) return false;
  for (uint16_t i = 0; i < queue_count(); ++i) SetUpQueue(i, MaxQueueSize(i));
  AddStatus(VIRTIO_STATUS_DRIVER_OK);
  return (status() & (VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_DEVICE_NEEDS_RESET)) ==
         VIRTIO_STATUS_DRIVER_OK;
}

void FakeDriver::Reset() {
  Write(VIRTIO_MMIO_STATUS, 0);
  queues_.clear();
  next_ = area_;
}

void FakeDriver::TakeOver(FakeDriver& other) {
  area_ = other.area_;
  area_end_ = other.area_end_;
  next_ = other.next_;
  features_ = other.features_;
  queues_ = std::move(other.queues_);
  other.queues_.clear();
}

GuestAddress FakeDriver::Allocate(uint64_t bytes) {
  constexpr uint64_t kAlignment = 64;
  const GuestAddress address = next_;
  next_.value += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  Check(next_.value <= area_end_, "the driver's memory suffices for the test");
  return address;
}

absl::StatusOr<VirtqUsedElement> FakeDriver::WaitForUsed(uint16_t index) {
  while (true) {
    // The order that loses no wake-up: ask, acknowledge, look, wait.
    queue(index).EnableInterrupt();
    Write(VIRTIO_MMIO_INTERRUPT_ACK, Read(VIRTIO_MMIO_INTERRUPT_STATUS));
    if (const auto used = queue(index).TakeUsed()) return *used;
    if ((status() & VIRTIO_STATUS_DEVICE_NEEDS_RESET) != 0) {
      return absl::FailedPreconditionError("the device needs reset");
    }
    if (!line_.Wait()) return absl::DeadlineExceededError("no interrupt came");
  }
}

bool FakeDriver::WaitForNeedsReset() {
  while (true) {
    Write(VIRTIO_MMIO_INTERRUPT_ACK, Read(VIRTIO_MMIO_INTERRUPT_STATUS));
    if ((status() & VIRTIO_STATUS_DEVICE_NEEDS_RESET) != 0) return true;
    if (!line_.Wait()) return false;
  }
}

absl::StatusOr<std::string> FakeDriver::Send(uint16_t index, absl::string_view request,
                                             uint32_t reply_bytes) {
  const GuestAddress from = Allocate(request.size());
  const GuestAddress to = Allocate(reply_bytes);
  RETURN_IF_ERROR(memory_.Write(from, std::as_bytes(std::span(request.data(), request.size()))));
  std::vector<GuestBuffer> buffers;
  if (!request.empty()) buffers.push_back({from, static_cast<uint32_t>(request.size())});
  if (reply_bytes > 0) buffers.push_back({to, reply_bytes, true});
  const uint16_t head = queue(index).Offer(buffers);
  if (queue(index).NotificationWanted()) Notify(index);
  ASSIGN_OR_RETURN(const VirtqUsedElement used, WaitForUsed(index));
  if (used.id != head || used.len > reply_bytes) {
    return absl::InternalError(absl::StrCat("used element ", used.id, " with ", used.len,
                                            " bytes for chain ", head, " of ", reply_bytes));
  }
  std::string reply(used.len, '\0');
  RETURN_IF_ERROR(memory_.Read(to, std::as_writable_bytes(std::span(reply))));
  FreeTo(from);
  return reply;
}

}  // namespace voidbox
