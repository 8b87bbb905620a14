#ifndef VOIDBOX_VIRTIO_RNG_RNG_DEVICE_H_
#define VOIDBOX_VIRTIO_RNG_RNG_DEVICE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "virtio/device.h"
#include "virtio/rng/entropy_source.h"

namespace voidbox {

// The entropy device, virtio 1.2 §5.4: fills every buffer that the driver offers, up to
// kMaxRequestBytes of each chain.
class RngDevice final : public VirtioDevice {
 public:
  // Drivers ask for some tens of bytes; the device may give less than was asked for (§5.4.6.2), and
  // one turn of the event loop gives at most a queue's worth.
  static constexpr uint32_t kMaxRequestBytes = 64 << 10;
  static constexpr uint16_t kQueueSize = 16;

  // `source` outlives the device.
  explicit RngDevice(EntropySource& source);

  absl::Status Activate(const Activation& activation) override;
  absl::Status HandleNotify(uint16_t queue) override;
  void Reset(const Done& done) override;
  absl::StatusOr<std::string> Save() override { return std::string(); }
  absl::Status Restore(absl::string_view state) override;

 private:
  absl::StatusOr<uint32_t> Fill(DescriptorChain& chain);

  EntropySource& source_;
  Activation activation_;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_RNG_RNG_DEVICE_H_
