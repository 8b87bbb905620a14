#ifndef VOIDBOX_VIRTIO_MMIO_TRANSPORT_FIXTURE_H_
#define VOIDBOX_VIRTIO_MMIO_TRANSPORT_FIXTURE_H_

#include <atomic>
#include <cctype>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "virtio/device.h"
#include "virtio/mmio_transport.h"
#include "virtio/testing/device_harness.h"

namespace voidbox {

inline constexpr uint64_t kOwnFeature = FeatureMask(3) | FeatureMask(40);
inline constexpr uint64_t kOffered = kOwnFeature | FeatureMask(VIRTIO_F_VERSION_1) |
                                     FeatureMask(VIRTIO_F_INDIRECT_DESC) |
                                     FeatureMask(VIRTIO_F_EVENT_IDX);

// Sends every request back in upper case; "break" breaks it, "fail" does so without a caller.
class EchoDevice final : public VirtioDevice {
 public:
  struct Log {
    std::atomic<int> activations = 0;
    std::atomic<int> resets = 0;
    std::atomic<uint64_t> features = 0;
    std::atomic<int> notifies = 0;
    std::atomic<bool> refuse_activation = false;
    std::atomic<bool> raise_in_restore = false;
    std::atomic<int> quiesces = 0;
    std::atomic<int> resumes = 0;
    std::atomic<bool> hold_reset = false;
    std::atomic<bool> hold_quiesce = false;
    VirtioDevice::Done held;  // the loop's thread
    Activation activation;
  };

  explicit EchoDevice(Log& log)
      : VirtioDevice({.type = 42,
                      .name = "echo",
                      .features = kOwnFeature,
                      .queue_sizes = {16, 8},
                      .config = std::string("\x01\x02\x03\x04\x05\x06\x07\x08\x09", 9)}),
        log_(log) {}

  absl::Status Activate(const Activation& activation) override {
    activation_ = activation;
    log_.activation = activation;
    log_.features = activation.features;
    ++log_.activations;
    if (log_.refuse_activation) return absl::InternalError("refused");
    return absl::OkStatus();
  }

  absl::Status HandleNotify(uint16_t index) override {
    ++log_.notifies;
    Queue& queue = activation_.queues[index];
    do {
      while (true) {
        auto chain = queue.Pop();
        if (!chain.ok()) return chain.status();
        if (!chain->has_value()) break;
        std::string text((*chain)->reader().remaining(), '\0');
        const absl::Status read = (*chain)->reader().Read(std::as_writable_bytes(std::span(text)));
        if (!read.ok()) return read;
        if (text == "break") return absl::DataLossError("asked to break");
        if (text == "fail") activation_.transport->Fail(absl::DataLossError("asked to fail"));
        for (char& c : text) c = static_cast<char>(std::toupper(c));
        const absl::Status written =
            (*chain)->writer().Write(std::as_bytes(std::span(text.data(), text.size())));
        queue.Complete(**std::move(chain), written.ok() ? text.size() : 0);
        ++echoed_;
      }
      queue.Signal();
    } while (queue.EnableNotification());
    return absl::OkStatus();
  }

  void Reset(const Done& done) override {
    ++log_.resets;
    activation_ = {};
    echoed_ = 0;
    if (!log_.hold_reset) return done();
    log_.held = done;
  }

  void Quiesce(const Done& done) override {
    ++log_.quiesces;
    if (!log_.hold_quiesce) return done();
    log_.held = done;
  }
  void Resume() override { ++log_.resumes; }

  absl::StatusOr<std::string> Save() override { return std::string(1, static_cast<char>(echoed_)); }
  absl::Status Restore(absl::string_view state) override {
    if (state.size() != 1) return absl::InvalidArgumentError("bad echo state");
    echoed_ = state[0];
    if (log_.raise_in_restore) activation_.interrupt->RaiseConfig();
    return absl::OkStatus();
  }

 private:
  Log& log_;
  Activation activation_;
  int echoed_ = 0;
};

class MmioTransportTest : public ::testing::Test {
 protected:
  DeviceFactory Factory() {
    return [this](EventLoop&) { return std::make_unique<EchoDevice>(log_); };
  }

  uint32_t StatusAfterWriting(std::vector<uint32_t> values) {
    driver_.Reset();
    for (const uint32_t value : values) driver_.Write(VIRTIO_MMIO_STATUS, value);
    return driver_.status();
  }

  EchoDevice::Log log_;
  DeviceHarness harness_{Factory()};
  FakeDriver& driver_ = harness_.driver();
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_MMIO_TRANSPORT_FIXTURE_H_
