#ifndef VOIDBOX_VIRTIO_VSOCK_FAKE_VSOCK_GUEST_H_
#define VOIDBOX_VIRTIO_VSOCK_FAKE_VSOCK_GUEST_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/event_loop.h"
#include "virtio/testing/driver_queue.h"
#include "virtio/testing/guest_ram.h"
#include "virtio/vsock/packet.h"
#include "virtio/vsock/vsock_device.h"

namespace voidbox {

// A packet as the guest sees it.
struct VsockPacket {
  VsockHeader header;
  std::string body;
};

// A guest with a vsock driver, for tests: it posts receive buffers, sends whatever packets it is
// told to, proper or not, and keeps what it receives. Queues of kQueueSize entries lie in its
// memory. One thread, the event loop's.
class FakeVsockGuest {
 public:
  static constexpr uint64_t kCid = 3;
  static constexpr uint16_t kQueueSize = 64;
  static constexpr uint32_t kReceiveBufferBytes = 4096;
  static constexpr uint32_t kLargestBody = (8 << 10) - 64;

  // `device` and `loop` outlive the guest. Nothing happens before Start.
  FakeVsockGuest(VsockDevice& device, EventLoop& loop, uint64_t features = kDefaultFeatures);
  ~FakeVsockGuest() { Stop(); }

  // Activates the device, with receive buffers posted unless `receive_buffers` is false.
  absl::Status Start(bool receive_buffers = true);
  // Resets the device.
  void Stop();
  bool started() const { return !queues_.empty(); }

  // Fills the receive queue with buffers and goes on doing so as packets come, or stops that.
  void PostReceiveBuffers();
  void StopPosting() { posting_ = false; }
  // Posts one receive buffer of an unusual size.
  void PostReceiveBuffer(uint32_t bytes);
  void PostEventBuffers();

  // Puts a packet into the tx queue as it is, waiting for nothing: a chain of the header and, when
  // there is one, the body. header.len is the caller's. Returns false when the queue is full.
  bool Put(const VsockHeader& header, absl::string_view body = "");
  bool CanPut() const { return tx_->free() >= 2 && !free_tx_.empty(); }
  // The first `bytes` of a header only.
  void PutPieceOfHeader(const VsockHeader& header, uint32_t bytes);
  // Tells the device of what was put, if it wants to know.
  absl::Status Notify();
  // Put and Notify of a well-formed packet.
  absl::Status Send(VsockOp op, VsockPorts ports, absl::string_view body = "", uint32_t flags = 0);
  // Header of a packet from the guest to the host.
  VsockHeader Header(VsockOp op, VsockPorts ports) const;

  // What every packet claims.
  uint32_t buf_alloc = 256 << 10;

  // Takes used buffers of all queues. New packets are appended to inbox().
  void Poll();
  std::deque<VsockPacket>& inbox() { return inbox_; }
  // What the device told its transport, if it failed outside HandleNotify.
  const absl::Status& failure() const { return transport_.failure; }
  size_t events() const { return events_; }  // transport resets received
  int interrupts() const { return interrupt_.count; }

  GuestRam& ram() { return ram_; }
  DriverQueue& rx() { return *rx_; }
  DriverQueue& tx() { return *tx_; }

  static constexpr uint64_t kDefaultFeatures = FeatureMask(VIRTIO_F_VERSION_1) |
                                               FeatureMask(VIRTIO_F_INDIRECT_DESC) |
                                               FeatureMask(VIRTIO_F_EVENT_IDX);

 private:
  struct CountingInterrupt final : Interrupt {
    void RaiseQueue() override { ++count; }
    void RaiseConfig() override {}
    int count = 0;
  };
  struct Transport final : DeviceTransport {
    explicit Transport(FakeVsockGuest& owner) : guest(owner) {}
    void Post(std::function<void()> task) override { guest.loop_.Post(std::move(task)); }
    void NotifyAgain(uint16_t queue) override;
    void Fail(absl::Status error) override { failure = std::move(error); }
    FakeVsockGuest& guest;
    absl::Status failure;
  };
  struct Slot {
    GuestAddress address;
    uint32_t bytes;
  };

  void Receive(const VirtqUsedElement& used);

  static constexpr int kTxSlots = 32;

  VsockDevice& device_;
  EventLoop& loop_;
  const uint64_t features_;
  GuestRam ram_;
  CountingInterrupt interrupt_;
  Transport transport_{*this};
  std::optional<DriverQueue> rx_, tx_, event_;
  std::vector<Queue> queues_;
  std::vector<std::optional<Slot>> rx_slots_, tx_slots_;  // by head
  std::vector<GuestAddress> free_rx_, free_tx_;
  std::deque<VsockPacket> inbox_;
  size_t events_ = 0;
  bool posting_ = false;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_VSOCK_FAKE_VSOCK_GUEST_H_
