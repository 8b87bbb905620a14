#ifndef VOIDBOX_VIRTIO_MMIO_TRANSPORT_H_
#define VOIDBOX_VIRTIO_MMIO_TRANSPORT_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/event_loop.h"
#include "base/mutex.h"
#include "base/unique_fd.h"
#include "virtio/device.h"
#include "virtio/guest_memory.h"
#include "virtio/mmio_registers.h"
#include "virtio/queue.h"

namespace voidbox {

inline constexpr uint64_t kMmioRegionBytes = 0x1000;

// The line by which a transport interrupts the guest (an edge in the VMM). Any thread.
class InterruptLine {
 public:
  virtual ~InterruptLine() = default;
  virtual void Trigger() = 0;
};

// virtio-mmio, version 2 (virtio 1.2 §4.2). Read and Write are called by vCPU threads, several at
// once; the device itself only by the event loop's thread.
//
// DRIVER_OK is posted to the loop and not waited for. A vCPU thread that resets an active device
// waits until the loop and the device have carried it out, so the loop must run until the last vCPU
// thread has left Write, and the loop's thread must never wait for a vCPU thread (not even to pause
// it) without going on to run the loop. On the loop's own thread, the reset begins in the call and
// ends there unless the device has to wait for something.
class MmioTransport final : private Interrupt, private DeviceTransport {
 public:
  // `loop`, `memory` and `line` outlive the transport. The caller destroys it on the loop's thread
  // (or when the loop runs no more) after the vCPUs have stopped.
  static absl::StatusOr<std::unique_ptr<MmioTransport>> Create(std::unique_ptr<VirtioDevice> device,
                                                               EventLoop& loop,
                                                               const GuestMemory& memory,
                                                               InterruptLine& line);
  ~MmioTransport() override;

  // An access of the guest at `offset` of the region. Widths other than the spec's read as zero and
  // are ignored when written: aligned 4 bytes for registers; 1, 2, 4 or 8 bytes for the
  // configuration space, where writes are ignored.
  void Read(uint64_t offset, std::span<std::byte> out);
  void Write(uint64_t offset, std::span<const std::byte> in);

  // One eventfd per queue, for KVM's ioeventfd on QueueNotify with the queue's index as data match.
  // What is signalled before the device is active is kept until it is.
  std::vector<int> notify_fds() const;

  // Replaces the device configuration space by one of the same size and tells the driver.
  void SetConfig(absl::string_view config);

  // The following on the loop's thread (or when it does not run).
  //
  // While no vCPU runs: calls `done`, in this call or a later turn of the loop, when the device has
  // finished what it was about and neither touches the guest's memory nor interrupts it until
  // Resume.
  void Quiesce(std::function<void()> done);
  // Before Quiesce was done, its `done` is not called any more.
  void Resume();
  // FAILED_PRECONDITION unless quiesced. The bytes carry device type, status, features, queues,
  // progress and device state; they belong to the guest's memory as it is until Resume.
  absl::StatusOr<std::string> Save();
  // Into a transport that nothing was written to. `state` is hostile bytes: INVALID_ARGUMENT or
  // what queue and device say, and then the device is as after a reset. Triggers the interrupt that
  // may be pending, and handles notifications that may have been lost.
  absl::Status Restore(absl::string_view state);

  const VirtioDevice& device() const { return *device_; }

 private:
  MmioTransport(std::unique_ptr<VirtioDevice> device, EventLoop& loop, const GuestMemory& memory,
                InterruptLine& line, std::vector<UniqueFd> notify);

  // Interrupt
  void RaiseQueue() override { Raise(VIRTIO_MMIO_INT_VRING); }
  void RaiseConfig() override { Raise(VIRTIO_MMIO_INT_CONFIG); }
  void Raise(uint32_t cause);
  // DeviceTransport
  void Post(std::function<void()> task) override;
  void NotifyAgain(uint16_t queue) override;
  void Fail(absl::Status error) override;

  uint32_t ReadRegister(uint32_t offset);
  void WriteRegister(uint32_t offset, uint32_t value);
  void ReadConfig(uint64_t offset, std::span<std::byte> out);
  void WriteStatus(uint32_t value);
  void ResetAndWait() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The loop's thread only.
  void ActivatePending();
  absl::Status Activate(const std::vector<QueueProgress>& progress);
  void HandleNotify(uint16_t queue);
  // Has the device forget its activation; DeviceStopped follows, in the call or later.
  void Deactivate();
  void DeviceStopped();
  void Break(const absl::Status& error);
  void BeginReset();
  void FinishReset();
  void ReportFailure();
  void DeviceQuiet();
  absl::Status RestoreRegisters(const TransportState& state);

  // Of registers_, and of what vCPU threads and the loop tell each other.
  Mutex mutex_;
  CondVar reset_done_;
  std::unique_ptr<VirtioDevice> device_;
  EventLoop& loop_;
  const GuestMemory& memory_;
  InterruptLine& line_;
  const std::vector<UniqueFd> notify_;  // eventfds, by queue
  std::atomic<uint32_t> interrupt_status_ = 0;
  MmioRegisters registers_ ABSL_GUARDED_BY(mutex_);
  std::string config_ ABSL_GUARDED_BY(mutex_);
  bool activation_pending_ ABSL_GUARDED_BY(mutex_) = false;
  bool resetting_ ABSL_GUARDED_BY(mutex_) = false;

  // The loop's thread only.
  enum class Activity { kNone, kActive, kStopping };
  Activity activity_ = Activity::kNone;  // the device's
  bool reset_begun_ = false;             // ends when the device has stopped
  enum class Quiet { kNo, kBegun, kYes };
  Quiet quiet_ = Quiet::kNo;
  std::function<void()> quiesced_;  // to call when quiet_ becomes kYes
  std::vector<Queue> queues_;
  absl::Status failure_;  // reported by the device, not yet acted on
  uint64_t breakages_ = 0;
  std::vector<EventLoop::Watch> watches_;       // of notify_, while active
  const std::shared_ptr<MmioTransport*> self_;  // posted tasks hold it weakly
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_MMIO_TRANSPORT_H_
