#include "virtio/testing/driver_queue.h"

#include <atomic>

#include "base/check.h"

namespace voidbox {
namespace {

constexpr uint64_t AlignUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

}  // namespace

uint64_t DriverQueue::BytesNeeded(uint16_t size) {
  return AlignUp(uint64_t{16} * size + AvailableRingBytes(size), 16) +
         AlignUp(UsedRingBytes(size), 16);
}

DriverQueue::DriverQueue(const GuestMemory& memory, GuestAddress start, uint16_t size,
                         uint64_t features)
    : memory_(memory),
      event_idx_((features & FeatureMask(VIRTIO_F_EVENT_IDX)) != 0),
      chains_(size) {
  const uint64_t available = start.value + uint64_t{16} * size;
  config_ = {.size = size,
             .ready = true,
             .descriptor_table = start,
             .driver_area = {available},
             .device_area = {AlignUp(available + AvailableRingBytes(size), 16)}};
  const std::vector<std::byte> zeroes(BytesNeeded(size));
  Check(memory.Write(start, zeroes).ok(), "the rings are in guest memory");
  for (int i = size - 1; i >= 0; --i) free_.push_back(static_cast<uint16_t>(i));
}

uint16_t DriverQueue::TakeFree() {
  Check(!free_.empty(), "the test leaves descriptors free");
  const uint16_t index = free_.back();
  free_.pop_back();
  return index;
}

uint16_t DriverQueue::Offer(std::span<const GuestBuffer> buffers) {
  Check(!buffers.empty() && buffers.size() <= free_.size(), "the chain fits");
  std::vector<uint16_t> indices;
  for (size_t i = 0; i < buffers.size(); ++i) indices.push_back(TakeFree());
  for (size_t i = 0; i < buffers.size(); ++i) {
    const bool last = i + 1 == buffers.size();
    const unsigned flags =
        (buffers[i].device_writable ? VIRTQ_DESC_F_WRITE : 0) | (last ? 0 : VIRTQ_DESC_F_NEXT);
    WriteDescriptor(indices[i], {.addr = buffers[i].address.value,
                                 .len = buffers[i].bytes,
                                 .flags = static_cast<uint16_t>(flags),
                                 .next = last ? uint16_t{0} : indices[i + 1]});
  }
  const uint16_t head = indices.front();
  chains_[head] = std::move(indices);
  MakeAvailable(head);
  return head;
}

uint16_t DriverQueue::OfferIndirect(GuestAddress table, std::span<const GuestBuffer> buffers) {
  for (size_t i = 0; i < buffers.size(); ++i) {
    const bool last = i + 1 == buffers.size();
    const unsigned flags =
        (buffers[i].device_writable ? VIRTQ_DESC_F_WRITE : 0) | (last ? 0 : VIRTQ_DESC_F_NEXT);
    const VirtqDescriptor descriptor = {.addr = buffers[i].address.value,
                                        .len = buffers[i].bytes,
                                        .flags = static_cast<uint16_t>(flags),
                                        .next = static_cast<uint16_t>(last ? 0 : i + 1)};
    Check(memory_.WriteObject(GuestAddress{table.value + i * sizeof(descriptor)}, descriptor).ok(),
          "the indirect table is in guest memory");
  }
  const uint16_t head = TakeFree();
  WriteDescriptor(head, {.addr = table.value,
                         .len = static_cast<uint32_t>(buffers.size() * sizeof(VirtqDescriptor)),
                         .flags = VIRTQ_DESC_F_INDIRECT,
                         .next = 0});
  chains_[head] = {head};
  MakeAvailable(head);
  return head;
}

void DriverQueue::WriteDescriptor(uint16_t index, const VirtqDescriptor& descriptor) {
  Check(memory_
            .WriteObject(GuestAddress{config_.descriptor_table.value + uint64_t{16} * index},
                         descriptor)
            .ok(),
        "the descriptor is in guest memory");
}

void DriverQueue::MakeAvailable(uint16_t head) {
  StoreShared(AvailableEntry(2 + available_index_ % size()), head);
  SetAvailableIndex(available_index_ + 1);
}

void DriverQueue::SetAvailableIndex(uint16_t index) {
  available_index_ = index;
  StoreShared(AvailableEntry(1), index);
}

bool DriverQueue::NotificationWanted() {
  const uint16_t old_index = std::exchange(notified_index_, available_index_);
  if (event_idx_) {
    const uint16_t event =
        LoadShared({config_.device_area.value + UsedRingBytes(size()) - sizeof(uint16_t)});
    return EventPassed(event, available_index_, old_index);
  }
  return old_index != available_index_ &&
         (LoadShared(config_.device_area) & VIRTQ_USED_F_NO_NOTIFY) == 0;
}

std::optional<VirtqUsedElement> DriverQueue::TakeUsed() {
  if (used_index() == next_used_) return std::nullopt;
  const GuestAddress entry = {config_.device_area.value + 4 +
                              sizeof(VirtqUsedElement) * (next_used_ % size())};
  const absl::StatusOr<VirtqUsedElement> used = memory_.ReadObject<VirtqUsedElement>(entry);
  Check(used.ok(), "the used ring is in guest memory");
  ++next_used_;
  if (used->id < chains_.size()) {
    for (const uint16_t index : chains_[used->id]) free_.push_back(index);
    chains_[used->id].clear();
  }
  return *used;
}

void DriverQueue::EnableInterrupt() {
  if (event_idx_) {
    StoreShared(AvailableEntry(2 + size()), next_used_);
  } else {
    StoreShared(AvailableEntry(0), 0);
  }
}

void DriverQueue::DisableInterrupt() {
  if (event_idx_) {
    StoreShared(AvailableEntry(2 + size()), static_cast<uint16_t>(next_used_ - 1));
  } else {
    StoreShared(AvailableEntry(0), VIRTQ_AVAIL_F_NO_INTERRUPT);
  }
}

uint16_t DriverQueue::used_index() const { return LoadShared({config_.device_area.value + 2}); }

GuestAddress DriverQueue::AvailableEntry(uint16_t position) const {
  return {config_.driver_area.value + sizeof(uint16_t) * position};
}

void DriverQueue::StoreShared(GuestAddress gpa, uint16_t value) {
  const absl::StatusOr<uint16_t*> shared = memory_.Shared<uint16_t>(gpa, 1);
  Check(shared.ok(), "the rings are in guest memory");
  std::atomic_ref<uint16_t>(**shared).store(value);
}

uint16_t DriverQueue::LoadShared(GuestAddress gpa) const {
  const absl::StatusOr<uint16_t*> shared = memory_.Shared<uint16_t>(gpa, 1);
  Check(shared.ok(), "the rings are in guest memory");
  return std::atomic_ref<uint16_t>(**shared).load();
}

}  // namespace voidbox
