// Accesses to registers and rings in every order, with save and restore between them, over a device
// that gives every chain back.
#include <memory>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "virtio/testing/device_script.h"

namespace voidbox {
namespace {

class SinkDevice final : public VirtioDevice {
 public:
  SinkDevice()
      : VirtioDevice({.type = 42,
                      .name = "sink",
                      .features = 1,
                      .queue_sizes = {16, 64},
                      .config = "configuration"}) {}
  absl::Status Activate(const Activation& activation) override {
    activation_ = activation;
    return absl::OkStatus();
  }
  absl::Status HandleNotify(uint16_t index) override {
    Queue& queue = activation_.queues[index];
    do {
      while (true) {
        ASSIGN_OR_RETURN(std::optional<DescriptorChain> chain, queue.Pop());
        if (!chain.has_value()) break;
        queue.Complete(*std::move(chain), 0);
      }
      queue.Signal();
    } while (queue.EnableNotification());
    return absl::OkStatus();
  }
  void Reset(const Done& done) override {
    activation_ = {};
    done();
  }
  absl::StatusOr<std::string> Save() override { return std::string("state"); }
  absl::Status Restore(absl::string_view state) override {
    return state == "state" ? absl::OkStatus() : absl::InvalidArgumentError("not mine");
  }

 private:
  Activation activation_;
};

}  // namespace
}  // namespace voidbox

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  voidbox::RunDeviceScript(
      [](voidbox::EventLoop&) { return std::make_unique<voidbox::SinkDevice>(); }, {data, size});
  return 0;
}
