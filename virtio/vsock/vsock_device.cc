#include "virtio/vsock/vsock_device.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "virtio/spec.h"

namespace voidbox {
namespace {

// §5.10.2
constexpr uint16_t kRxQueue = 0;
constexpr uint16_t kTxQueue = 1;
constexpr uint16_t kEventQueue = 2;

constexpr uint16_t kEventQueueSize = 8;  // as many as Linux posts

// Packets taken from the guest before the event loop's other duties have their turn.
constexpr int kMaxPacketsPerTurn = 2 * kMaxQueueSize;

// How often the receive queue is looked at again after it was empty, and packets are taken again
// after refusals held them up, before the same: another vCPU may go on offering for ever.
constexpr int kMaxRefillsPerTurn = 16;
constexpr int kMaxTransfersPerTurn = 16;

// The guest needs no haste to learn that its packets were taken: it is told with the next packet
// that it gets, when a quarter of its queue is used, or after this time.
constexpr absl::Duration kTxSignalDelay = absl::Milliseconds(20);

constexpr absl::string_view kState = "vsock 1";

std::string ConfigSpace(uint64_t guest_cid) {  // §5.10.4
  std::string config(sizeof(guest_cid), '\0');
  std::memcpy(config.data(), &guest_cid, sizeof(guest_cid));
  return config;
}

}  // namespace

absl::StatusOr<std::unique_ptr<VsockDevice>> VsockDevice::Create(VsockOptions options,
                                                                 EventLoop& loop) {
  // §5.10.4: 0, 1 and 2 and 32 bits of ones are reserved, the upper 32 bits are zero.
  if (options.guest_cid <= kVsockHostCid || options.guest_cid >= UINT32_MAX) {
    return absl::InvalidArgumentError(absl::StrCat("vsock: guest CID ", options.guest_cid,
                                                   " is not in ", kVsockHostCid + 1, "..",
                                                   UINT32_MAX - 1));
  }
  DeviceIdentity identity = {.type = VIRTIO_ID_VSOCK,
                             .name = "vsock",
                             .features = FeatureMask(VIRTIO_VSOCK_F_STREAM),
                             .queue_sizes = {kMaxQueueSize, kMaxQueueSize, kEventQueueSize},
                             .config = ConfigSpace(options.guest_cid)};
  ASSIGN_OR_RETURN(std::unique_ptr<Muxer> muxer, Muxer::Create(std::move(options), loop));
  auto device =
      std::unique_ptr<VsockDevice>(new VsockDevice(std::move(identity), std::move(muxer)));
  ASSIGN_OR_RETURN(device->tx_signal_, loop.AddTimer([raw = device.get()] {
    raw->tx_signal_set_ = false;
    raw->SignalTx();
  }));
  return device;
}

absl::Status VsockDevice::Activate(const Activation& activation) {
  transport_ = activation.transport;
  rx_ring_ = &activation.queues[kRxQueue];
  tx_ = &activation.queues[kTxQueue];
  events_ = &activation.queues[kEventQueue];
  rx_.emplace(*rx_ring_);
  failure_ = absl::OkStatus();
  tx_waiting_ = true;  // there may be some from before a restore
  RETURN_IF_ERROR(muxer_->Start([this] { RunForHost(); }));
  // Until there is something to tell, neither empty receive queue nor event queue matters.
  rx_ring_->DisableNotification();
  events_->DisableNotification();
  return Run();
}

void VsockDevice::Reset(const Done& done) {
  muxer_->Stop();
  tx_signal_.Cancel();
  tx_signal_set_ = false;
  rx_.reset();
  rx_ring_ = tx_ = events_ = nullptr;
  transport_ = nullptr;
  event_waiting_ = false;
  tx_done_ = 0;
  quiet_ = false;
  done();
}

void VsockDevice::Quiesce(const Done& done) {
  quiet_ = true;
  // Chains are never held between events; only their signal may be due.
  tx_signal_.Cancel();
  tx_signal_set_ = false;
  SignalTx();
  done();
}

absl::StatusOr<std::string> VsockDevice::Save() { return std::string(kState); }

absl::Status VsockDevice::Restore(absl::string_view state) {
  if (state != kState) {
    return absl::InvalidArgumentError("vsock: the state is not that of a vsock device, version 1");
  }
  event_waiting_ = true;
  return Run();
}

absl::Status VsockDevice::HandleNotify(uint16_t queue) {
  if (queue == kTxQueue) tx_waiting_ = true;
  return Run();
}

void VsockDevice::RunForHost() {
  if (quiet_ || !failure_.ok()) return;  // Resume comes, or the transport knows
  if (absl::Status status = Run(); !status.ok()) transport_->Fail(std::move(status));
}

absl::Status VsockDevice::Run() {
  if (!failure_.ok()) return failure_;
  failure_ = Transfer();
  if (!failure_.ok()) {
    muxer_->Stop();
    return failure_;
  }
  Signal();
  return absl::OkStatus();
}

absl::Status VsockDevice::Transfer() {
  RETURN_IF_ERROR(SendEvent());
  // Refusals stop the taking of packets until the guest has got them.
  for (int turn = 0; turn < kMaxTransfersPerTurn; ++turn) {
    if (tx_waiting_) RETURN_IF_ERROR(TakePackets());
    const bool stopped = !muxer_->TakesPackets();
    RETURN_IF_ERROR(DeliverPackets());
    if (!stopped || !muxer_->TakesPackets()) return absl::OkStatus();
  }
  transport_->NotifyAgain(kTxQueue);
  return absl::OkStatus();
}

absl::Status VsockDevice::TakePackets() {
  tx_->DisableNotification();
  DescriptorChain chain;
  for (int taken = 0; muxer_->TakesPackets();) {
    if (taken == kMaxPacketsPerTurn) {
      transport_->NotifyAgain(kTxQueue);
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const bool popped, tx_->Pop(chain));
    if (!popped) {
      if (tx_->EnableNotification()) continue;
      tx_waiting_ = false;
      return absl::OkStatus();
    }
    const absl::StatusOr<VsockHeader> header = chain.reader().ReadObject<VsockHeader>();
    if (header.ok()) muxer_->HandlePacket(*header, chain.reader());
    tx_->Complete(std::move(chain), 0);
    ++tx_done_;
    ++taken;
  }
  return absl::OkStatus();
}

absl::Status VsockDevice::DeliverPackets() {
  rx_ring_->DisableNotification();
  for (int refills = 0; refills < kMaxRefillsPerTurn; ++refills) {
    ASSIGN_OR_RETURN(const Muxer::Delivery delivery, muxer_->Deliver(*rx_));
    if (delivery == Muxer::Delivery::kDone) return absl::OkStatus();
    if (delivery == Muxer::Delivery::kYield) break;
    if (!rx_ring_->EnableNotification()) return absl::OkStatus();
  }
  transport_->NotifyAgain(kTxQueue);
  return absl::OkStatus();
}

absl::Status VsockDevice::SendEvent() {
  for (int tries = 0; event_waiting_; ++tries) {
    if (tries > kEventQueueSize) {  // buffers too small, and more of them while we look
      transport_->NotifyAgain(kEventQueue);
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(std::optional<DescriptorChain> chain, events_->Pop());
    if (!chain.has_value()) {
      if (events_->EnableNotification()) continue;
      return absl::OkStatus();
    }
    const bool fits = chain->writer().WriteObject(VsockEvent{}).ok();
    events_->Complete(*std::move(chain), fits ? sizeof(VsockEvent) : 0);
    events_->Signal();
    event_waiting_ = !fits;
  }
  events_->DisableNotification();
  return absl::OkStatus();
}

void VsockDevice::Signal() {
  const bool receives = rx_->TakeSentCount() > 0;
  if (receives) rx_ring_->Signal();
  if (tx_done_ == 0) return;
  if (receives || tx_done_ >= (tx_->size() + 3) / 4) {
    SignalTx();
  } else if (!tx_signal_set_) {
    tx_signal_set_ = tx_signal_.Set(kTxSignalDelay).ok();
  }
}

void VsockDevice::SignalTx() {
  if (tx_done_ == 0) return;
  tx_->Signal();
  tx_done_ = 0;
}

}  // namespace voidbox
