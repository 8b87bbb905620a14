#include "virtio/queue.h"

#include <atomic>
#include <bit>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/utility/utility.h"
#include "base/check.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

// Positions in the rings, in units of le16 (virtio 1.2 §2.7.6, §2.7.8).
constexpr size_t kFlags = 0;
constexpr size_t kIndex = 1;
constexpr size_t kAvailableRing = 2;
constexpr uint64_t kUsedRingOffset = 4;  // bytes

// §2.7.5.3.1 forbids more than 2^32 bytes in a chain; one less fits the used length.
constexpr uint64_t kMaxChainBytes = UINT32_MAX;

template <typename T>
T Load(T* shared, std::memory_order order) {
  return std::atomic_ref<T>(*shared).load(order);
}

template <typename T>
void Store(T* shared, T value, std::memory_order order) {
  std::atomic_ref<T>(*shared).store(value, order);
}

absl::Status Misaligned(absl::string_view part, GuestAddress gpa, uint64_t alignment) {
  return absl::InvalidArgumentError(
      absl::StrFormat("queue: %s at 0x%x is not aligned to %d", part, gpa.value, alignment));
}

absl::Status BrokenChain(uint16_t head, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("descriptor chain ", head, ": ", what));
}

// Adds buffers to a chain, after checking them.
class ChainBuilder {
 public:
  ChainBuilder(const GuestMemory& memory, DescriptorChain& chain)
      : memory_(memory), chain_(chain) {}

  absl::Status Add(const VirtqDescriptor& descriptor) {
    const bool to_guest = (descriptor.flags & VIRTQ_DESC_F_WRITE) != 0;
    if (!to_guest && writable_seen_) {
      return BrokenChain(chain_.head(), "device-readable buffer after a device-writable one");
    }
    writable_seen_ = to_guest;
    total_ += descriptor.len;
    if (total_ > kMaxChainBytes) return BrokenChain(chain_.head(), "more than 2^32 - 1 bytes");
    if (descriptor.len == 0) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::span<std::byte> bytes,
                     memory_.Slice(GuestAddress{descriptor.addr}, descriptor.len));
    if (to_guest) {
      chain_.writer().Append(bytes);
    } else {
      chain_.reader().Append(bytes);
    }
    return absl::OkStatus();
  }

 private:
  const GuestMemory& memory_;
  DescriptorChain& chain_;
  uint64_t total_ = 0;  // bytes
  bool writable_seen_ = false;
};

}  // namespace

absl::StatusOr<Queue> Queue::Activate(const QueueConfig& config, uint16_t max_size,
                                      uint64_t features, const GuestMemory& memory,
                                      Interrupt& interrupt, QueueProgress progress) {
  if (!std::has_single_bit(config.size) || config.size > max_size) {
    return absl::InvalidArgumentError(
        absl::StrCat("queue: size ", config.size, " is not a power of two in 1..", max_size));
  }
  if (progress.next_available != progress.next_used) {
    return absl::InvalidArgumentError(absl::StrCat("queue: ", progress.next_available,
                                                   " chains taken but ", progress.next_used,
                                                   " given back"));
  }
  if (config.descriptor_table.value % kDescriptorTableAlignment != 0) {
    return Misaligned("descriptor table", config.descriptor_table, kDescriptorTableAlignment);
  }
  if (config.driver_area.value % kAvailableRingAlignment != 0) {
    return Misaligned("available ring", config.driver_area, kAvailableRingAlignment);
  }
  if (config.device_area.value % kUsedRingAlignment != 0) {
    return Misaligned("used ring", config.device_area, kUsedRingAlignment);
  }

  Queue queue(memory, interrupt, config.size, features, progress);
  ASSIGN_OR_RETURN(queue.descriptors_,
                   memory.Shared<VirtqDescriptor>(config.descriptor_table, config.size));
  ASSIGN_OR_RETURN(queue.available_,
                   memory.Shared<uint16_t>(config.driver_area,
                                           AvailableRingBytes(config.size) / sizeof(uint16_t)));
  ASSIGN_OR_RETURN(
      queue.used_header_,
      memory.Shared<uint16_t>(config.device_area, UsedRingBytes(config.size) / sizeof(uint16_t)));
  ASSIGN_OR_RETURN(queue.used_ring_,
                   memory.Shared<VirtqUsedElement>(
                       GuestAddress{config.device_area.value + kUsedRingOffset}, config.size));
  return queue;
}

Queue::Queue(const GuestMemory& memory, Interrupt& interrupt, uint16_t size, uint64_t features,
             QueueProgress progress)
    : memory_(&memory),
      interrupt_(&interrupt),
      size_(size),
      indirect_((features & FeatureMask(VIRTIO_F_INDIRECT_DESC)) != 0),
      event_idx_((features & FeatureMask(VIRTIO_F_EVENT_IDX)) != 0),
      available_index_(progress.next_available),
      next_available_(progress.next_available),
      next_used_(progress.next_used),
      signalled_used_(progress.next_used) {}

absl::Status Queue::LoadAvailableIndex() {
  const uint16_t index = Load(&available_[kIndex], std::memory_order_acquire);
  const uint16_t offered = index - next_available_;
  if (offered > size_ - in_flight_) {
    return absl::InvalidArgumentError(absl::StrCat("queue of ", size_, ": available index jumped ",
                                                   offered, " ahead with ", in_flight_,
                                                   " chains in flight"));
  }
  available_index_ = index;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<DescriptorChain>> Queue::Pop() {
  absl::StatusOr<std::optional<DescriptorChain>> chain(absl::in_place, std::in_place);
  ASSIGN_OR_RETURN(const bool popped, Pop(**chain));
  if (!popped) chain->reset();
  return chain;
}

absl::StatusOr<bool> Queue::Pop(DescriptorChain& chain) {
  if (next_available_ == available_index_) {
    RETURN_IF_ERROR(LoadAvailableIndex());
    if (next_available_ == available_index_) return false;
  }
  const uint16_t head = Load(&available_[kAvailableRing + (next_available_ & (size_ - 1))],
                             std::memory_order_relaxed);
  RETURN_IF_ERROR(Walk(head, chain));
  ++next_available_;
  ++in_flight_;
  return true;
}

absl::Status Queue::Walk(uint16_t head, DescriptorChain& chain) const {
  chain.Reset(head);
  ChainBuilder builder(*memory_, chain);
  const VirtqDescriptor* table = descriptors_;
  uint32_t table_entries = size_;
  bool indirect = false;
  uint32_t index = head;
  // Every turn but the one into an indirect table, of which there is at most one, uses up a step:
  // a chain is no longer than its queue (§2.7.5.3.1), so whatever loops ends here.
  for (uint32_t steps = 0; steps < size_;) {
    if (index >= table_entries) {
      return BrokenChain(head, absl::StrCat("descriptor ", index, " of ", table_entries));
    }
    VirtqDescriptor descriptor;
    std::memcpy(&descriptor, table + index, sizeof(descriptor));
    if ((descriptor.flags & VIRTQ_DESC_F_INDIRECT) != 0) {
      if (std::exchange(indirect, true)) return BrokenChain(head, "indirect table inside another");
      RETURN_IF_ERROR(CheckIndirect(head, descriptor));
      table_entries = descriptor.len / sizeof(VirtqDescriptor);
      ASSIGN_OR_RETURN(
          table, memory_->Shared<VirtqDescriptor>(GuestAddress{descriptor.addr}, table_entries));
      index = 0;
      continue;
    }
    RETURN_IF_ERROR(builder.Add(descriptor));
    if ((descriptor.flags & VIRTQ_DESC_F_NEXT) == 0) return absl::OkStatus();
    index = descriptor.next;
    ++steps;
  }
  return BrokenChain(head, absl::StrCat("more than ", size_, " descriptors"));
}

absl::Status Queue::CheckIndirect(uint16_t head, const VirtqDescriptor& descriptor) const {
  if (!indirect_) return BrokenChain(head, "indirect descriptors were not negotiated");
  if ((descriptor.flags & VIRTQ_DESC_F_NEXT) != 0) {
    return BrokenChain(head, "indirect descriptor with a next one");
  }
  if (descriptor.len == 0 || descriptor.len % sizeof(VirtqDescriptor) != 0) {
    return BrokenChain(head, absl::StrCat("indirect table of ", descriptor.len, " bytes"));
  }
  return absl::OkStatus();
}

void Queue::Complete(DescriptorChain&& chain, uint32_t written) {
  Check(in_flight_ > 0, "a chain is completed once, by the queue it came from");
  Check(written <= chain.writer().consumed() + chain.writer().remaining(),
        "no more is written than the chain has room for");
  const VirtqUsedElement element = {.id = chain.head(), .len = written};
  std::memcpy(used_ring_ + (next_used_ & (size_ - 1)), &element, sizeof(element));
  ++next_used_;
  --in_flight_;
}

void Queue::Return(DescriptorChain&&) {
  Check(in_flight_ > 0, "a chain is returned once, to the queue it came from");
  --next_available_;
  --in_flight_;
}

void Queue::Signal() {
  const uint16_t old_used = std::exchange(signalled_used_, next_used_);
  if (old_used == next_used_) return;
  // Sequentially consistent, so that either we see the driver's latest wish or it sees the index
  // (§2.7.7.2).
  Store(&used_header_[kIndex], next_used_, std::memory_order_seq_cst);
  if (event_idx_) {
    const uint16_t used_event =
        Load(&available_[kAvailableRing + size_], std::memory_order_seq_cst);
    if (!EventPassed(used_event, next_used_, old_used)) return;
  } else if ((Load(&available_[kFlags], std::memory_order_seq_cst) & VIRTQ_AVAIL_F_NO_INTERRUPT) !=
             0) {
    return;
  }
  interrupt_->RaiseQueue();
}

bool Queue::EnableNotification() {
  if (event_idx_) {
    Store(AvailableEvent(), next_available_, std::memory_order_seq_cst);
  } else {
    Store(&used_header_[kFlags], uint16_t{0}, std::memory_order_seq_cst);
  }
  // Sequentially consistent as well: either we see the new chain or the driver sees the wish.
  return Load(&available_[kIndex], std::memory_order_seq_cst) != next_available_;
}

void Queue::DisableNotification() {
  // With event indices, the one of the last EnableNotification lies behind the driver already.
  if (!event_idx_) {
    Store(&used_header_[kFlags], VIRTQ_USED_F_NO_NOTIFY, std::memory_order_relaxed);
  }
}

uint16_t* Queue::AvailableEvent() {
  return used_header_ + (kUsedRingOffset + size_ * sizeof(VirtqUsedElement)) / sizeof(uint16_t);
}

}  // namespace voidbox
