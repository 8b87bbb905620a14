#include "virtio/testing/conformance.h"

#include <unistd.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/io.h"
#include "base/status_macros.h"
#include "gtest/gtest.h"
#include "virtio/block/block_device.h"
#include "virtio/block/block_spec.h"
#include "virtio/block/cow_disk.h"
#include "virtio/block/memory_disk.h"
#include "virtio/rng/rng_device.h"
#include "virtio/vsock/packet.h"
#include "virtio/vsock/vsock_device.h"

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

ConformanceCase Block(const char* name,
                      std::function<absl::StatusOr<std::unique_ptr<BlockBackend>>()> make_disk) {
  return {
      .name = name,
      .make_device = [make_disk = std::move(make_disk)](EventLoop&)
          -> std::unique_ptr<VirtioDevice> { return *BlockDevice::Create(*make_disk(), {}); },
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

ConformanceCase MemoryBlock() {
  return Block("Block", [] { return std::make_unique<MemoryDisk>(std::string(64 << 10, 'd')); });
}

ConformanceCase CowBlock() {
  return Block("CowBlock", []() -> absl::StatusOr<std::unique_ptr<BlockBackend>> {
    const std::string base = ::testing::TempDir() + "/conformance_base";
    RETURN_IF_ERROR(WriteFileAtomically(base, std::string(64 << 10, 'd')));
    return CowDisk::OpenEphemeral(base, ::testing::TempDir(), 1 << 20);
  });
}

// A packet for a connection that does not exist is answered with RST.
VsockHeader StrayPacket() {
  return {.src_cid = VsockOptions().guest_cid,
          .dst_cid = kVsockHostCid,
          .src_port = 1,
          .dst_port = 2,
          .op = VIRTIO_VSOCK_OP_SHUTDOWN};
}

ConformanceCase Vsock() {
  constexpr uint16_t kRxQueue = 0;
  constexpr uint16_t kTxQueue = 1;
  constexpr uint32_t kHeaderBytes = sizeof(VsockHeader);
  return {
      .name = "Vsock",
      .make_device =
          [](EventLoop& loop) {
            Check(::chdir(::testing::TempDir().c_str()) == 0, "the test has a directory");
            return VsockDevice::Create({}, loop).value();
          },
      .request_queue = kTxQueue,
      .exercise = [](DeviceHarness& harness) -> absl::Status {
        FakeDriver& driver = harness.driver();
        const GuestAddress answer = driver.Allocate(kHeaderBytes);
        driver.queue(kRxQueue).Offer({{answer, kHeaderBytes, true}});
        driver.Notify(kRxQueue);
        const VsockHeader stray = StrayPacket();
        RETURN_IF_ERROR(
            driver.Send(kTxQueue, {reinterpret_cast<const char*>(&stray), sizeof(stray)}, 0)
                .status());
        ASSIGN_OR_RETURN(const VirtqUsedElement used, driver.WaitForUsed(kRxQueue));
        ASSIGN_OR_RETURN(const VsockHeader reset, harness.memory().ReadObject<VsockHeader>(answer));
        if (used.len != kHeaderBytes || reset.op != VIRTIO_VSOCK_OP_RST) {
          return absl::InternalError("the answer is no RST");
        }
        return absl::OkStatus();
      },
      .flood =
          [](DeviceHarness& harness) {
            const GuestAddress at = harness.driver().Allocate(2 * kHeaderBytes);
            const GuestAddress answer = {at.value + kHeaderBytes};
            Check(harness.memory().WriteObject(at, StrayPacket()).ok(), "the driver's area is RAM");
            DriverQueue& rx = harness.driver().queue(kRxQueue);
            while (rx.free() > 0) rx.Offer({{answer, kHeaderBytes, true}});
            DriverQueue& tx = harness.driver().queue(kTxQueue);
            while (tx.free() > 0) tx.Offer({{at, kHeaderBytes, false}});
            harness.driver().Notify(kTxQueue);
          },
  };
}

INSTANTIATE_TEST_SUITE_P(Devices, DeviceConformanceTest,
                         ::testing::Values(Rng(), MemoryBlock(), CowBlock(), Vsock()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace voidbox
