#include <algorithm>
#include <memory>

#include "virtio/rng/rng_device.h"
#include "virtio/testing/device_script.h"

namespace voidbox {
namespace {

// Runs are repeatable.
class ConstantSource final : public EntropySource {
 public:
  absl::Status Fill(std::span<std::byte> out) override {
    std::fill(out.begin(), out.end(), std::byte{0x5a});
    return absl::OkStatus();
  }
};

}  // namespace
}  // namespace voidbox

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  voidbox::ConstantSource source;
  voidbox::RunDeviceScript(
      [&source](voidbox::EventLoop&) { return std::make_unique<voidbox::RngDevice>(source); },
      {data, size});
  return 0;
}
