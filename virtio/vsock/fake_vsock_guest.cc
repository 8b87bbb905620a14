#include "virtio/vsock/fake_vsock_guest.h"

#include <array>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

// Where things lie in the guest's low memory (1 MiB).
constexpr uint64_t kRings = 0x1000;  // three, a page and a half each at most
constexpr uint64_t kRingStride = 0x2000;
constexpr uint64_t kEventBuffers = 0x8000;
constexpr uint64_t kRxBuffers = 0x10000;
constexpr uint64_t kTxBuffers = 0x80000;
constexpr uint64_t kTxStride = 0x2000;
constexpr uint64_t kTxHeaderBytes = 64;

}  // namespace

FakeVsockGuest::FakeVsockGuest(VsockDevice& device, EventLoop& loop, uint64_t features)
    : device_(device), loop_(loop), features_(features) {}

void FakeVsockGuest::Transport::NotifyAgain(uint16_t queue) {
  guest.loop_.Post([this, queue] {
    if (guest.started()) guest.device_.HandleNotify(queue).IgnoreError();
  });
}

absl::Status FakeVsockGuest::Start(bool receive_buffers) {
  const GuestMemory& memory = ram_.memory();
  rx_.emplace(memory, GuestAddress{kRings}, kQueueSize, features_);
  tx_.emplace(memory, GuestAddress{kRings + kRingStride}, kQueueSize, features_);
  event_.emplace(memory, GuestAddress{kRings + 2 * kRingStride}, 8, features_);
  rx_slots_.assign(kQueueSize, std::nullopt);
  tx_slots_.assign(kQueueSize, std::nullopt);
  free_rx_.clear();
  free_tx_.clear();
  for (uint64_t i = 0; i < kQueueSize; ++i) free_rx_.push_back({kRxBuffers + i * 4096});
  for (uint64_t i = 0; i < kTxSlots; ++i) free_tx_.push_back({kTxBuffers + i * kTxStride});
  inbox_.clear();
  transport_.failure = absl::OkStatus();
  posting_ = false;
  if (receive_buffers) PostReceiveBuffers();
  for (DriverQueue* driver : {&*rx_, &*tx_, &*event_}) {
    ASSIGN_OR_RETURN(Queue queue, Queue::Activate(driver->config(), kMaxQueueSize, features_,
                                                  memory, interrupt_));
    queues_.push_back(std::move(queue));
    driver->EnableInterrupt();
  }
  return device_.Activate({.features = features_,
                           .queues = std::span(queues_),
                           .interrupt = &interrupt_,
                           .transport = &transport_});
}

void FakeVsockGuest::Stop() {
  if (queues_.empty()) return;
  device_.Reset([this] { queues_.clear(); });
}

void FakeVsockGuest::PostReceiveBuffers() {
  posting_ = true;
  while (rx_->free() > 0 && !free_rx_.empty()) PostReceiveBuffer(kReceiveBufferBytes);
  if (!queues_.empty() && rx_->NotificationWanted()) {
    device_.HandleNotify(0).IgnoreError();
  }
}

void FakeVsockGuest::PostReceiveBuffer(uint32_t bytes) {
  const GuestAddress address = free_rx_.back();
  free_rx_.pop_back();
  const uint16_t head =
      rx_->Offer({GuestBuffer{.address = address, .bytes = bytes, .device_writable = true}});
  rx_slots_[head] = Slot{address, bytes};
}

void FakeVsockGuest::PostEventBuffers() {
  for (uint64_t i = 0; i < 8; ++i) {
    event_->Offer({GuestBuffer{.address = {kEventBuffers + i * 16},
                               .bytes = sizeof(VsockEvent),
                               .device_writable = true}});
  }
  if (event_->NotificationWanted()) device_.HandleNotify(2).IgnoreError();
}

bool FakeVsockGuest::Put(const VsockHeader& header, absl::string_view body) {
  Poll();
  if (!CanPut()) return false;
  const GuestAddress address = free_tx_.back();
  free_tx_.pop_back();
  const GuestAddress body_address = {address.value + kTxHeaderBytes};
  Check(ram_.memory().WriteObject(address, header).ok(), "the slot is RAM");
  ram_.SetText(body_address, body);
  std::vector<GuestBuffer> buffers = {{.address = address, .bytes = sizeof(header)}};
  if (!body.empty()) {
    buffers.push_back({.address = body_address, .bytes = static_cast<uint32_t>(body.size())});
  }
  tx_slots_[tx_->Offer(buffers)] = Slot{address, 0};
  return true;
}

void FakeVsockGuest::PutPieceOfHeader(const VsockHeader& header, uint32_t bytes) {
  Poll();
  const GuestAddress address = free_tx_.back();
  free_tx_.pop_back();
  Check(ram_.memory().WriteObject(address, header).ok(), "the slot is RAM");
  tx_slots_[tx_->Offer({GuestBuffer{.address = address, .bytes = bytes}})] = Slot{address, 0};
}

absl::Status FakeVsockGuest::Notify() {
  return tx_->NotificationWanted() ? device_.HandleNotify(1) : absl::OkStatus();
}

VsockHeader FakeVsockGuest::Header(VsockOp op, VsockPorts ports) const {
  return {.src_cid = kCid,
          .dst_cid = kVsockHostCid,
          .src_port = ports.guest,
          .dst_port = ports.host,
          .op = op,
          .buf_alloc = buf_alloc};
}

absl::Status FakeVsockGuest::Send(VsockOp op, VsockPorts ports, absl::string_view body,
                                  uint32_t flags) {
  VsockHeader header = Header(op, ports);
  header.len = static_cast<uint32_t>(body.size());
  header.flags = flags;
  if (!Put(header, body)) return absl::ResourceExhaustedError("the tx queue is full");
  return Notify();
}

void FakeVsockGuest::Poll() {
  for (bool progress = true; progress;) {
    progress = false;
    while (const auto used = tx_->TakeUsed()) {
      free_tx_.push_back(std::exchange(tx_slots_[used->id], std::nullopt)->address);
    }
    while (const auto used = event_->TakeUsed()) ++events_;
    while (const auto used = rx_->TakeUsed()) {
      Receive(*used);
      progress = true;
    }
    rx_->EnableInterrupt();
    tx_->EnableInterrupt();
    event_->EnableInterrupt();
    if (posting_) PostReceiveBuffers();
  }
}

void FakeVsockGuest::Receive(const VirtqUsedElement& used) {
  const Slot slot = *std::exchange(rx_slots_[used.id], std::nullopt);
  free_rx_.push_back(slot.address);
  if (used.len < sizeof(VsockHeader)) return;
  VsockPacket packet = {.header = *ram_.memory().ReadObject<VsockHeader>(slot.address),
                        .body = ram_.Text({slot.address.value + sizeof(VsockHeader)},
                                          used.len - sizeof(VsockHeader))};
  Check(packet.body.size() == packet.header.len, "len is what was written");
  inbox_.push_back(std::move(packet));
}

}  // namespace voidbox
