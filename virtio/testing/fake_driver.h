#ifndef VOIDBOX_VIRTIO_TESTING_FAKE_DRIVER_H_
#define VOIDBOX_VIRTIO_TESTING_FAKE_DRIVER_H_

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "virtio/guest_memory.h"
#include "virtio/mmio_transport.h"
#include "virtio/testing/driver_queue.h"

namespace voidbox {

// The guest's interrupt controller, as far as one line goes. Any thread.
class FakeInterruptLine final : public InterruptLine {
 public:
  void Trigger() override;
  // Waits for an edge since the last call; false when none comes within a minute.
  bool Wait();
  // Edges so far.
  int count() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable triggered_;
  int count_ = 0;
  int waited_ = 0;
};

// Plays a guest's driver over a transport, by its registers, queues and interrupt, whose device is
// run by an event loop on another thread. It can do what a driver must not. One thread.
class FakeDriver {
 public:
  // Rings and buffers are taken from [area, area + area_bytes) of `memory`. All outlive the driver.
  FakeDriver(MmioTransport& transport, const GuestMemory& memory, FakeInterruptLine& line,
             GuestAddress area = {0x10000}, uint64_t area_bytes = 0xe0000);

  // Registers, by 4 bytes.
  uint32_t Read(uint32_t offset);
  void Write(uint32_t offset, uint32_t value);
  // Configuration space.
  template <typename T>
  T ReadConfig(uint32_t offset) {
    T value;
    transport_.Read(VIRTIO_MMIO_CONFIG + offset, std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }
  uint32_t status() { return Read(VIRTIO_MMIO_STATUS); }
  void AddStatus(uint32_t bits) { Write(VIRTIO_MMIO_STATUS, status() | bits); }

  // The steps of virtio 1.2 §3.1.1. Start is all of them with every feature that is offered and
  // queues of the largest size; it returns whether the device is alive then.
  bool Start() { return Start(OfferedFeatures()); }
  bool Start(uint64_t features);
  void Reset();
  uint64_t OfferedFeatures();
  // Whether the device takes exactly these.
  bool Negotiate(uint64_t features);
  uint16_t MaxQueueSize(uint16_t index);
  DriverQueue& SetUpQueue(uint16_t index, uint16_t size);
  void WriteQueueRegisters(uint16_t index, const QueueConfig& config);
  uint16_t queue_count();

  DriverQueue& queue(uint16_t index) { return *queues_.at(index); }
  void Notify(uint16_t index) { Write(VIRTIO_MMIO_QUEUE_NOTIFY, index); }

  // Goes on with the queues and memory that `other` has set up, over the same guest memory.
  void TakeOver(FakeDriver& other);

  // Guest memory that is free until the next Reset, or until FreeTo(the address) gives it back.
  GuestAddress Allocate(uint64_t bytes);
  void FreeTo(GuestAddress address) { next_ = address; }

  // The next used element. FAILED_PRECONDITION when the device needs reset instead,
  // DEADLINE_EXCEEDED when nothing comes.
  absl::StatusOr<VirtqUsedElement> WaitForUsed(uint16_t index);
  // Waits until the device needs reset; false when it does not come to that.
  bool WaitForNeedsReset();

  // Sends `request` and room for `reply_bytes`, waits, and returns what was written of the latter.
  absl::StatusOr<std::string> Send(uint16_t index, absl::string_view request, uint32_t reply_bytes);

 private:
  MmioTransport& transport_;
  const GuestMemory& memory_;
  FakeInterruptLine& line_;
  GuestAddress area_;
  uint64_t area_end_;
  GuestAddress next_;
  uint64_t features_ = 0;
  std::vector<std::unique_ptr<DriverQueue>> queues_;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_TESTING_FAKE_DRIVER_H_
