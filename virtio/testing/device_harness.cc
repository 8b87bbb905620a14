#include "virtio/testing/device_harness.h"

#include <future>
#include <utility>

#include "base/check.h"

namespace voidbox {

DeviceHarness::DeviceHarness(const DeviceFactory& make_device, GuestRam* ram)
    : own_ram_(ram == nullptr ? std::make_unique<GuestRam>() : nullptr),
      ram_(ram == nullptr ? own_ram_.get() : ram),
      loop_(*EventLoop::Create()) {
  auto transport = MmioTransport::Create(make_device(*loop_), *loop_, memory(), line_);
  Check(transport.ok(), "the transport can be made");
  transport_ = *std::move(transport);
  driver_.emplace(*transport_, memory(), line_);
  thread_ = std::thread([this] { Check(loop_->Run().ok(), "the loop runs"); });
  RunOnLoop([] {});
}

DeviceHarness::~DeviceHarness() {
  RunOnLoop([this] { transport_.reset(); });
  loop_->Stop();
  thread_.join();
}

void DeviceHarness::RunOnLoop(const std::function<void()>& task) {
  std::promise<void> done;
  loop_->Post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

void DeviceHarness::Settle() {
  // One turn may fetch the wake-up of the first task before a notification of the same moment; the
  // second task is then of a later turn.
  RunOnLoop([] {});
  RunOnLoop([] {});
}

void DeviceHarness::Quiesce() {
  std::promise<void> done;
  loop_->Post([&] { transport_->Quiesce([&] { done.set_value(); }); });
  done.get_future().wait();
}

void DeviceHarness::Resume() {
  RunOnLoop([this] { transport_->Resume(); });
}

absl::StatusOr<std::string> DeviceHarness::Save() {
  Quiesce();
  absl::StatusOr<std::string> state;
  RunOnLoop([&] {
    state = transport_->Save();
    transport_->Resume();
  });
  return state;
}

absl::StatusOr<std::string> DeviceHarness::SaveAndEnd() {
  Quiesce();
  absl::StatusOr<std::string> state;
  RunOnLoop([&] {
    state = transport_->Save();
    transport_.reset();
  });
  return state;
}

absl::Status DeviceHarness::Restore(absl::string_view state) {
  absl::Status status;
  RunOnLoop([&] { status = transport_->Restore(state); });
  return status;
}

}  // namespace voidbox
