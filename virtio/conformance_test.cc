#include "virtio/testing/conformance.h"

#include <cstring>
#include <memory>
#include <string>

#include "base/status_macros.h"
#include "gtest/gtest.h"
#include "virtio/block/block_device.h"
#include "virtio/block/block_spec.h"
#include "virtio/block/memory_disk.h"
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

std::string BlockHeader(uint32_t type, uint64_t sector) {
  const VirtioBlkRequestHeader header = {.type = type, .reserved = 0, .sector = sector};
  std::string bytes(sizeof(header), '\0');
  std::memcpy(bytes.data(), &header, sizeof(header));
  return bytes;
}

ConformanceCase Block() {
  return {
      .name = "Block",
      .make_device = [](EventLoop&) -> std::unique_ptr<VirtioDevice> {
        return *BlockDevice::Create(std::make_unique<MemoryDisk>(std::string(64 << 10, 'd')), {});
      },
      .exercise = [](DeviceHarness& harness) -> absl::Status {
        const std::string data(kSectorBytes, 'w');
        ASSIGN_OR_RETURN(const std::string wrote,
                         harness.driver().Send(0, BlockHeader(VIRTIO_BLK_T_OUT, 3) + data, 1));
        ASSIGN_OR_RETURN(
            const std::string read,
            harness.driver().Send(0, BlockHeader(VIRTIO_BLK_T_IN, 3), kSectorBytes + 1));
        const std::string ok(1, VIRTIO_BLK_S_OK);
        if (wrote != ok || read != data + ok) return absl::InternalError("other bytes came back");
        return absl::OkStatus();
      },
      .flood =
          [](DeviceHarness& harness) {
            const GuestAddress at = harness.driver().Allocate(8192);
            harness.ram().SetText(at, BlockHeader(VIRTIO_BLK_T_IN, 0));
            DriverQueue& queue = harness.driver().queue(0);
            while (queue.free() > 1) {
              queue.Offer({{at, 16}, {{at.value + 512}, 4097, true}});
            }
            harness.driver().Notify(0);
          },
  };
}

INSTANTIATE_TEST_SUITE_P(Devices, DeviceConformanceTest, ::testing::Values(Rng(), Block()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace voidbox
