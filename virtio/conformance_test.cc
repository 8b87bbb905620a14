#include "virtio/testing/conformance.h"

#include <memory>

#include "base/status_macros.h"
#include "gtest/gtest.h"
#include "virtio/rng/rng_device.h"

namespace voidbox {
namespace {

ConformanceCase Rng() {
  const auto source = std::make_shared<HostEntropySource>();
  return {
      .name = "Rng",
      .make_device = [source](EventLoop&) { return std::make_unique<RngDevice>(*source); },
      .exercise = [](DeviceHarness& harness) -> absl::Status {
        ASSIGN_OR_RETURN(const std::string bytes, harness.driver().Send(0, "", 32));
        if (bytes.size() != 32) return absl::InternalError("not all bytes came");
        return absl::OkStatus();
      },
      .flood =
          [](DeviceHarness& harness) {
            const GuestAddress at = harness.driver().Allocate(4096);
            DriverQueue& queue = harness.driver().queue(0);
            while (queue.free() > 0) queue.Offer({{at, 4096, true}});
            harness.driver().Notify(0);
          },
  };
}

INSTANTIATE_TEST_SUITE_P(Devices, DeviceConformanceTest, ::testing::Values(Rng()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace voidbox
