#ifndef VOIDBOX_VIRTIO_BLOCK_BLOCK_DEVICE_FIXTURE_H_
#define VOIDBOX_VIRTIO_BLOCK_BLOCK_DEVICE_FIXTURE_H_

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "virtio/block/block_device.h"
#include "virtio/block/block_spec.h"
#include "virtio/block/memory_disk.h"
#include "virtio/testing/device_harness.h"

namespace voidbox {

inline constexpr uint64_t kSectors = 256;
inline constexpr uint64_t kVersion1 = FeatureMask(VIRTIO_F_VERSION_1);

template <typename T>
std::string Raw(const T& object) {
  std::string bytes(sizeof(object), '\0');
  std::memcpy(bytes.data(), &object, sizeof(object));
  return bytes;
}

inline std::string Header(uint32_t type, uint64_t sector = 0) {
  return Raw(VirtioBlkRequestHeader{.type = type, .reserved = 0, .sector = sector});
}

// Sector n is full of the n-th letter.
inline std::string Pattern() {
  std::string contents;
  for (uint64_t i = 0; i < kSectors; ++i) {
    contents += std::string(kSectorBytes, static_cast<char>('a' + i % 26));
  }
  return contents;
}

inline std::string Sector(uint64_t number) {
  return Pattern().substr(number * kSectorBytes, kSectorBytes);
}

class BlockDeviceTest : public ::testing::Test {
 protected:
  virtual std::string Contents() { return Pattern(); }
  void Build(bool read_only = false, std::string serial = "serial-7") {
    auto disk = std::make_unique<MemoryDisk>(Contents(), read_only);
    disk_ = disk.get();
    harness_.emplace([&](EventLoop&) {
      auto device = BlockDevice::Create(std::move(disk),
                                        {.serial = serial, .workers = {.max_threads = threads_}});
      EXPECT_THAT(device, IsOk());
      return *std::move(device);
    });
  }
  void Start(bool read_only = false) {
    Build(read_only);
    ASSERT_TRUE(driver().Start());
  }
  FakeDriver& driver() { return harness_->driver(); }

  // What the device answers, the status byte last; the whole area whatever the used length says.
  std::string Ask(const std::string& request, uint32_t data_bytes) {
    const GuestAddress from = driver().Allocate(request.size());
    const GuestAddress to = driver().Allocate(data_bytes + 1);
    harness_->ram().SetText(from, request);
    harness_->ram().SetText(to, std::string(data_bytes + 1, '.'));
    driver().queue(0).Offer(
        {{from, static_cast<uint32_t>(request.size())}, {to, data_bytes + 1, true}});
    driver().Notify(0);
    const auto used = driver().WaitForUsed(0);
    EXPECT_THAT(used, IsOk());
    used_bytes_ = used.ok() ? used->len : 0;
    driver().FreeTo(from);
    return harness_->ram().Text(to, data_bytes + 1);
  }
  // The status byte of a request that reads nothing.
  int Status(const std::string& request) { return Ask(request, 0)[0]; }

  MemoryDisk* disk_ = nullptr;  // the device's
  std::optional<DeviceHarness> harness_;
  uint32_t used_bytes_ = 0;
  int threads_ = 2;
};

inline const std::string kOk(1, VIRTIO_BLK_S_OK);

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_BLOCK_BLOCK_DEVICE_FIXTURE_H_
