#ifndef VOIDBOX_VIRTIO_VSOCK_VSOCK_DEVICE_H_
#define VOIDBOX_VIRTIO_VSOCK_VSOCK_DEVICE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/event_loop.h"
#include "virtio/device.h"
#include "virtio/vsock/muxer.h"
#include "virtio/vsock/rx_queue.h"

namespace voidbox {

// virtio-vsock, virtio 1.2 §5.10: stream sockets between the guest and unix sockets of the host.
// Host programs connect to options.socket_path, write "CONNECT <guest port>\n" and, once the guest
// has accepted, read "OK <host port>\n" before its bytes. No connection survives a restore.
class VsockDevice final : public VirtioDevice {
 public:
  // Listens at options.socket_path from now on; clients wait until the guest's driver is ready.
  // INVALID_ARGUMENT for a CID that is reserved or too large. `loop` outlives the device.
  static absl::StatusOr<std::unique_ptr<VsockDevice>> Create(VsockOptions options, EventLoop& loop);

  absl::Status Activate(const Activation& activation) override;
  absl::Status HandleNotify(uint16_t queue) override;
  void Reset(const Done& done) override;
  void Quiesce(const Done& done) override;
  void Resume() override { quiet_ = false; }
  absl::StatusOr<std::string> Save() override;
  absl::Status Restore(absl::string_view state) override;

  size_t connection_count() const { return muxer_->connection_count(); }

 private:
  VsockDevice(DeviceIdentity identity, std::unique_ptr<Muxer> muxer)
      : VirtioDevice(std::move(identity)), muxer_(std::move(muxer)) {}

  // Everything that can be done now; what fails breaks the device until Reset.
  absl::Status Run();
  void RunForHost();
  absl::Status Transfer();
  absl::Status TakePackets();
  absl::Status DeliverPackets();
  absl::Status SendEvent();
  void Signal();
  void SignalTx();

  std::unique_ptr<Muxer> muxer_;
  EventLoop::Timer tx_signal_;
  bool tx_signal_set_ = false;

  // From here on: of one activation.
  DeviceTransport* transport_ = nullptr;
  Queue* tx_ = nullptr;
  Queue* events_ = nullptr;
  Queue* rx_ring_ = nullptr;  // of rx_
  std::optional<RxQueue> rx_;
  absl::Status failure_;
  bool quiet_ = false;          // the host's side waits for Resume
  bool tx_waiting_ = false;     // there may be packets that were not taken yet
  bool event_waiting_ = false;  // the guest must be told of a transport reset
  uint16_t tx_done_ = 0;        // chains completed since the tx queue was signalled
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_VSOCK_VSOCK_DEVICE_H_
