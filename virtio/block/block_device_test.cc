#include "virtio/block/block_device.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/no_more_threads.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/block/block_spec.h"
#include "virtio/block/memory_disk.h"
#include "virtio/testing/device_harness.h"

namespace voidbox {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kSectors = 256;
constexpr uint64_t kVersion1 = FeatureMask(VIRTIO_F_VERSION_1);

template <typename T>
std::string Raw(const T& object) {
  std::string bytes(sizeof(object), '\0');
  std::memcpy(bytes.data(), &object, sizeof(object));
  return bytes;
}

std::string Header(uint32_t type, uint64_t sector = 0) {
  return Raw(VirtioBlkRequestHeader{.type = type, .reserved = 0, .sector = sector});
}

// Sector n is full of the n-th letter.
std::string Pattern() {
  std::string contents;
  for (uint64_t i = 0; i < kSectors; ++i) {
    contents += std::string(kSectorBytes, static_cast<char>('a' + i % 26));
  }
  return contents;
}

std::string Sector(uint64_t number) {
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

const std::string kOk(1, VIRTIO_BLK_S_OK);

TEST_F(BlockDeviceTest, DescribesItself) {
  Build();
  EXPECT_EQ(driver().Read(VIRTIO_MMIO_DEVICE_ID), VIRTIO_ID_BLOCK);
  const auto config = driver().ReadConfig<uint64_t>(offsetof(VirtioBlkConfig, capacity));
  EXPECT_EQ(config, kSectors);
  EXPECT_EQ(driver().ReadConfig<uint32_t>(offsetof(VirtioBlkConfig, seg_max)), 254);
  EXPECT_EQ(driver().ReadConfig<uint32_t>(offsetof(VirtioBlkConfig, blk_size)), 512);
  EXPECT_EQ(offsetof(VirtioBlkConfig, max_discard_sectors), 36);
  EXPECT_EQ(offsetof(VirtioBlkConfig, write_zeroes_may_unmap), 56);
  EXPECT_EQ(driver().OfferedFeatures() & FeatureMask(VIRTIO_BLK_F_RO), 0);
  Build(/*read_only=*/true);
  EXPECT_NE(driver().OfferedFeatures() & FeatureMask(VIRTIO_BLK_F_RO), 0);
  EXPECT_EQ(driver().OfferedFeatures() & FeatureMask(VIRTIO_BLK_F_DISCARD), 0);
}

TEST_F(BlockDeviceTest, ReadsSectors) {
  Start();
  EXPECT_EQ(Ask(Header(VIRTIO_BLK_T_IN, 3), 1024), Sector(3) + Sector(4) + kOk);
  EXPECT_EQ(used_bytes_, 1025);
  EXPECT_EQ(Ask(Header(VIRTIO_BLK_T_IN, kSectors - 1), 512), Sector(kSectors - 1) + kOk);
  EXPECT_THAT(disk_->calls(), ElementsAre("read 1536+1024", "read 130560+512"));
}

TEST_F(BlockDeviceTest, ReadsCachedSectorsWithoutAWorker) {
  Start();
  disk_->SetCached(true);
  EXPECT_EQ(Ask(Header(VIRTIO_BLK_T_IN, 3), 512), Sector(3) + kOk);
  EXPECT_THAT(disk_->calls(), IsEmpty());
}

TEST_F(BlockDeviceTest, WritesToTheCacheWithoutAWorker) {
  Start();
  disk_->SetCached(true);
  const std::string data(1024, 'X');
  EXPECT_EQ(Status(Header(VIRTIO_BLK_T_OUT, 2) + data), VIRTIO_BLK_S_OK);
  EXPECT_THAT(disk_->calls(), IsEmpty());
  EXPECT_EQ(disk_->contents().substr(2 * kSectorBytes, data.size()), data);
  EXPECT_EQ(Status(Header(VIRTIO_BLK_T_FLUSH)), VIRTIO_BLK_S_OK);
  EXPECT_THAT(disk_->calls(), ElementsAre("flush 0+0"));
}

TEST_F(BlockDeviceTest, WorksWithoutThreads) {
  threads_ = 0;
  Start();
  EXPECT_EQ(Status(Header(VIRTIO_BLK_T_OUT, 2) + std::string(1024, 'X')), VIRTIO_BLK_S_OK);
  EXPECT_EQ(Ask(Header(VIRTIO_BLK_T_IN, 2), 1024), std::string(1024, 'X') + kOk);
}

TEST_F(BlockDeviceTest, ReadsScattered) {
  Start();
  const GuestAddress at = driver().Allocate(4096);
  harness_->ram().SetText(at, Header(VIRTIO_BLK_T_IN, 1));
  driver().queue(0).Offer({{at, 16},
                           {{at.value + 1000}, 100, true},
                           {{at.value + 2000}, 412, true},
                           {{at.value + 3000}, 1, true}});
  driver().Notify(0);
  ASSERT_THAT(driver().WaitForUsed(0), IsOk());
  EXPECT_EQ(harness_->ram().Text({at.value + 1000}, 100), std::string(100, 'b'));
  EXPECT_EQ(harness_->ram().Text({at.value + 2000}, 413), std::string(412, 'b') + '\0');
  EXPECT_EQ(harness_->ram().Text({at.value + 3000}, 1), kOk);
}

TEST_F(BlockDeviceTest, WritesSectors) {
  Start();
  EXPECT_EQ(Status(Header(VIRTIO_BLK_T_OUT, 2) + std::string(1024, 'X')), VIRTIO_BLK_S_OK);
  EXPECT_EQ(used_bytes_, 1);
  std::string expected = Pattern();
  expected.replace(1024, 1024, 1024, 'X');
  EXPECT_EQ(disk_->contents(), expected);
  EXPECT_THAT(disk_->calls(), ElementsAre("write 1024+1024"));
}

TEST_F(BlockDeviceTest, WritesDurablyForDriversThatDoNotFlush) {
  Build();
  ASSERT_TRUE(driver().Start(kVersion1));
  EXPECT_EQ(Status(Header(VIRTIO_BLK_T_OUT, 0) + std::string(512, 'X')), VIRTIO_BLK_S_OK);
  EXPECT_THAT(disk_->calls(), ElementsAre("write 0+512", "flush 0+0"));
}

TEST_F(BlockDeviceTest, Flushes) {
  Start();
  EXPECT_EQ(Status(Header(VIRTIO_BLK_T_FLUSH)), VIRTIO_BLK_S_OK);
  EXPECT_THAT(disk_->calls(), ElementsAre("flush 0+0"));
}

TEST_F(BlockDeviceTest, GivesItsId) {
  Start();
  EXPECT_EQ(Ask(Header(VIRTIO_BLK_T_GET_ID), 20), "serial-7" + std::string(12, '\0') + kOk);
  EXPECT_EQ(Ask(Header(VIRTIO_BLK_T_GET_ID), 19).back(), VIRTIO_BLK_S_IOERR);
}

TEST_F(BlockDeviceTest, RefusesALongSerial) {
  EXPECT_THAT(BlockDevice::Create(std::make_unique<MemoryDisk>(Pattern()),
                                  {.serial = "more than twenty bytes"}),
              StatusIs(absl::StatusCode::kInvalidArgument, _));
}

TEST_F(BlockDeviceTest, RefusesSectorsBeyondTheDisk) {
  Start();
  for (const uint64_t sector : {kSectors - 1, kSectors, kSectors + 1, uint64_t{1} << 55,
                                UINT64_MAX / 512, UINT64_MAX - 1, UINT64_MAX}) {
    EXPECT_EQ(Ask(Header(VIRTIO_BLK_T_IN, sector), 1024),
              std::string(1024, '.') + static_cast<char>(VIRTIO_BLK_S_IOERR))
        << sector;
    EXPECT_EQ(Status(Header(VIRTIO_BLK_T_OUT, sector) + std::string(1024, 'X')),
              VIRTIO_BLK_S_IOERR);
  }
  EXPECT_THAT(disk_->calls(), IsEmpty());
  EXPECT_EQ(disk_->contents(), Pattern());
}

TEST_F(BlockDeviceTest, RefusesPartsOfSectors) {
  Start();
  EXPECT_EQ(Ask(Header(VIRTIO_BLK_T_IN), 511).back(), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(Ask(Header(VIRTIO_BLK_T_IN), 513).back(), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(Status(Header(VIRTIO_BLK_T_OUT) + std::string(100, 'X')), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(Ask(Header(VIRTIO_BLK_T_IN), 0).back(), VIRTIO_BLK_S_OK) << "nothing is a whole number";
  EXPECT_THAT(disk_->calls(), IsEmpty());
}

TEST_F(BlockDeviceTest, RefusesMoreThanItAdvertises) {
  // Many times the same memory, so that little RAM makes a long request.
  Build();
  ASSERT_TRUE(driver().Start());
  const GuestAddress header = driver().Allocate(16);
  const GuestAddress status = driver().Allocate(1);
  const GuestAddress data = driver().Allocate(128 << 10);
  harness_->ram().SetText(header, Header(VIRTIO_BLK_T_OUT));
  std::vector<GuestBuffer> buffers = {{header, 16}};
  for (int i = 0; i < 200; ++i) buffers.push_back({data, 128 << 10});
  buffers.push_back({status, 1, true});
  driver().queue(0).Offer(buffers);
  driver().Notify(0);
  ASSERT_THAT(driver().WaitForUsed(0), IsOk());
  EXPECT_EQ(harness_->ram().Text(status, 1)[0], VIRTIO_BLK_S_IOERR);
  EXPECT_THAT(disk_->calls(), IsEmpty());
}

TEST_F(BlockDeviceTest, RejectsWritesToAReadOnlyDisk) {
  Start(/*read_only=*/true);
  EXPECT_EQ(Status(Header(VIRTIO_BLK_T_OUT) + std::string(512, 'X')), VIRTIO_BLK_S_IOERR);
  const std::string range = Raw(VirtioBlkDiscardWriteZeroes{.sector = 0, .num_sectors = 1});
  EXPECT_EQ(Status(Header(VIRTIO_BLK_T_DISCARD) + range), VIRTIO_BLK_S_UNSUPP);
  EXPECT_EQ(Status(Header(VIRTIO_BLK_T_WRITE_ZEROES) + range), VIRTIO_BLK_S_UNSUPP);
  EXPECT_EQ(Status(Header(VIRTIO_BLK_T_FLUSH)), VIRTIO_BLK_S_OK);
  EXPECT_EQ(Ask(Header(VIRTIO_BLK_T_IN), 512), Sector(0) + kOk);
  EXPECT_EQ(disk_->contents(), Pattern());
}

TEST_F(BlockDeviceTest, DiscardsAndZeroesRanges) {
  Start();
  const std::string ranges =
      Raw(VirtioBlkDiscardWriteZeroes{.sector = 8, .num_sectors = 8}) +
      Raw(VirtioBlkDiscardWriteZeroes{.sector = 100, .num_sectors = 0}) +
      Raw(VirtioBlkDiscardWriteZeroes{.sector = kSectors - 1, .num_sectors = 1});
  EXPECT_EQ(Status(Header(VIRTIO_BLK_T_DISCARD) + ranges), VIRTIO_BLK_S_OK);
  EXPECT_EQ(disk_->contents(), Pattern());
  EXPECT_EQ(Status(Header(VIRTIO_BLK_T_WRITE_ZEROES) + ranges), VIRTIO_BLK_S_OK);
  EXPECT_EQ(
      Status(Header(VIRTIO_BLK_T_WRITE_ZEROES) +
             Raw(VirtioBlkDiscardWriteZeroes{
                 .sector = 0, .num_sectors = 1, .flags = VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP})),
      VIRTIO_BLK_S_OK);
  std::string expected = Pattern();
  expected.replace(0, 512, 512, '\0');
  expected.replace(8 * 512, 8 * 512, 8 * 512, '\0');
  expected.replace((kSectors - 1) * 512, 512, 512, '\0');
  EXPECT_EQ(disk_->contents(), expected);
  EXPECT_THAT(disk_->calls(), ElementsAre("discard 4096+4096", "discard 130560+512",
                                          "zero 4096+4096", "zero 130560+512", "unmap 0+512"));
}

TEST_F(BlockDeviceTest, RefusesBadRanges) {
  Start();
  const auto discard = [this](const VirtioBlkDiscardWriteZeroes& range) {
    return Status(Header(VIRTIO_BLK_T_DISCARD) + Raw(range));
  };
  EXPECT_EQ(discard({.sector = kSectors, .num_sectors = 1}), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(discard({.sector = 1, .num_sectors = kSectors}), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(discard({.sector = UINT64_MAX, .num_sectors = 2}), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(discard({.sector = 0, .num_sectors = UINT32_MAX}), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(discard({.sector = 0, .num_sectors = 1, .flags = 1}), VIRTIO_BLK_S_UNSUPP);
  EXPECT_EQ(discard({.sector = 0, .num_sectors = 1, .flags = 2}), VIRTIO_BLK_S_UNSUPP);
  const std::string one = Raw(VirtioBlkDiscardWriteZeroes{.sector = 0, .num_sectors = 1});
  EXPECT_EQ(Status(Header(VIRTIO_BLK_T_DISCARD)), VIRTIO_BLK_S_IOERR) << "no range";
  EXPECT_EQ(Status(Header(VIRTIO_BLK_T_DISCARD) + one + "x"), VIRTIO_BLK_S_IOERR);
  std::string many;
  for (uint32_t i = 0; i <= BlockLimits::kMaxRanges; ++i) many += one;
  EXPECT_EQ(Status(Header(VIRTIO_BLK_T_DISCARD) + many), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(Status(Header(VIRTIO_BLK_T_WRITE_ZEROES) + one + one.substr(1)), VIRTIO_BLK_S_IOERR);
  EXPECT_THAT(disk_->calls(), IsEmpty());
}

TEST_F(BlockDeviceTest, RangesNeedNegotiation) {
  Build();
  ASSERT_TRUE(driver().Start(kVersion1));
  const std::string range = Raw(VirtioBlkDiscardWriteZeroes{.sector = 0, .num_sectors = 1});
  EXPECT_EQ(Status(Header(VIRTIO_BLK_T_DISCARD) + range), VIRTIO_BLK_S_UNSUPP);
  EXPECT_EQ(Status(Header(VIRTIO_BLK_T_WRITE_ZEROES) + range), VIRTIO_BLK_S_UNSUPP);
}

TEST_F(BlockDeviceTest, RefusesUnknownTypesAndShortRequests) {
  Start();
  for (const uint32_t type : {2u, 3u, 5u, 14u, 0x80000000u, UINT32_MAX}) {
    EXPECT_EQ(Status(Header(type)), VIRTIO_BLK_S_UNSUPP) << type;
  }
  EXPECT_EQ(Status("short"), VIRTIO_BLK_S_IOERR);
  // Without room for a status, the chain is only given back.
  auto reply = driver().Send(0, Header(VIRTIO_BLK_T_FLUSH), 0);
  ASSERT_THAT(reply, IsOk());
  reply = driver().Send(0, "", 600);
  ASSERT_THAT(reply, IsOk());
  EXPECT_THAT(disk_->calls(), IsEmpty());
}

TEST_F(BlockDeviceTest, ReportsBackendErrors) {
  Start();
  disk_->SetError(absl::DataLossError("broken platter"));
  EXPECT_EQ(Ask(Header(VIRTIO_BLK_T_IN), 512).back(), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(used_bytes_, 0);
  EXPECT_EQ(Status(Header(VIRTIO_BLK_T_OUT) + std::string(512, 'X')), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(Status(Header(VIRTIO_BLK_T_FLUSH)), VIRTIO_BLK_S_IOERR);
  disk_->SetError(absl::OkStatus());
  EXPECT_EQ(Ask(Header(VIRTIO_BLK_T_IN), 512), Sector(0) + kOk);
}

class BusyBlockDeviceTest : public BlockDeviceTest {
 protected:
  // Offers a read of one sector and does not wait for it.
  void Offer(uint64_t sector) {
    const GuestAddress at = driver().Allocate(1024);
    harness_->ram().SetText(at, Header(VIRTIO_BLK_T_IN, sector));
    driver().queue(0).Offer({{at, 16}, {{at.value + 512}, 513, true}});
    data_.push_back({at.value + 512});
  }
  std::vector<GuestAddress> data_;
};

TEST_F(BusyBlockDeviceTest, CompletesManyAtOnce) {
  Start();
  for (int round = 0; round < 20; ++round) {
    data_.clear();
    const GuestAddress mark = driver().Allocate(0);
    for (uint64_t i = 0; i < 100; ++i) Offer(i);
    driver().Notify(0);
    for (int i = 0; i < 100; ++i) ASSERT_THAT(driver().WaitForUsed(0), IsOk());
    for (uint64_t i = 0; i < 100; ++i) {
      ASSERT_EQ(harness_->ram().Text(data_[i], 513), Sector(i) + kOk);
    }
    driver().FreeTo(mark);
  }
}

TEST_F(BusyBlockDeviceTest, OtherRequestsPassASlowOne) {
  Start();
  disk_->Hold();
  Offer(1);
  driver().Notify(0);
  disk_->WaitForHeld();
  disk_->SetCached(true);
  Offer(2);
  driver().Notify(0);
  ASSERT_THAT(driver().WaitForUsed(0), IsOk());
  EXPECT_EQ(harness_->ram().Text(data_[1], 513), Sector(2) + kOk);
  disk_->Release();
  ASSERT_THAT(driver().WaitForUsed(0), IsOk());
  EXPECT_EQ(harness_->ram().Text(data_[0], 513), Sector(1) + kOk);
}

TEST_F(BusyBlockDeviceTest, ResetWaitsForWhatWasBegunAndDropsTheRest) {
  Start();
  disk_->Hold();
  for (uint64_t i = 0; i < 10; ++i) Offer(i);
  driver().Notify(0);
  disk_->WaitForHeld();
  std::thread release([this] { disk_->Release(); });
  driver().Write(VIRTIO_MMIO_STATUS, 0);
  const size_t begun = disk_->calls().size();
  release.join();
  ASSERT_TRUE(driver().Start());
  EXPECT_EQ(disk_->calls().size(), begun);
  EXPECT_EQ(Ask(Header(VIRTIO_BLK_T_IN, 5), 512), Sector(5) + kOk);
}

TEST_F(BusyBlockDeviceTest, AHeldDiskKeepsOnlyTheResetWaiting) {
  Start();
  disk_->Hold();
  for (uint64_t i = 0; i < 10; ++i) Offer(i);
  driver().Notify(0);
  disk_->WaitForHeld();
  std::promise<void> reset;
  std::thread vcpu([&] {
    driver().Write(VIRTIO_MMIO_STATUS, 0);
    reset.set_value();
  });
  std::future<void> done = reset.get_future();
  // The loop turns, whether it has begun the reset or not.
  for (int i = 0; i < 10; ++i) harness_->Settle();
  EXPECT_EQ(done.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  disk_->Release();
  vcpu.join();
  ASSERT_TRUE(driver().Start());
  EXPECT_EQ(Ask(Header(VIRTIO_BLK_T_IN, 5), 512), Sector(5) + kOk);
}

TEST_F(BusyBlockDeviceTest, AHeldDiskKeepsOnlyTheQuiesceWaiting) {
  Start();
  disk_->Hold();
  for (uint64_t i = 0; i < 10; ++i) Offer(i);
  driver().Notify(0);
  disk_->WaitForHeld();
  std::atomic<bool> called_off = false;
  harness_->RunOnLoop([&] { harness_->transport().Quiesce([&] { called_off = true; }); });
  harness_->Settle();
  harness_->Resume();
  std::promise<void> quiet;
  harness_->RunOnLoop([&] { harness_->transport().Quiesce([&] { quiet.set_value(); }); });
  std::future<void> done = quiet.get_future();
  for (int i = 0; i < 10; ++i) harness_->Settle();
  EXPECT_EQ(done.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  disk_->Release();
  done.wait();
  EXPECT_FALSE(called_off);
  EXPECT_EQ(driver().queue(0).used_index(), 10);
  // Offered while it is quiet, served afterwards.
  Offer(11);
  driver().Notify(0);
  harness_->Settle();
  EXPECT_EQ(driver().queue(0).used_index(), 10);
  harness_->Resume();
  for (int i = 0; i < 11; ++i) ASSERT_THAT(driver().WaitForUsed(0), IsOk());
  EXPECT_EQ(harness_->ram().Text(data_[10], 513), Sector(11) + kOk);
}

TEST_F(BusyBlockDeviceTest, AResetEndsAQuiesceThatWaits) {
  Start();
  disk_->Hold();
  Offer(1);
  driver().Notify(0);
  disk_->WaitForHeld();
  std::promise<void> quiet;
  harness_->RunOnLoop([&] {
    harness_->transport().Quiesce([&] { quiet.set_value(); });
    driver().Write(VIRTIO_MMIO_STATUS, 0);
  });
  disk_->Release();
  quiet.get_future().wait();
  EXPECT_EQ(driver().status(), 0);
}

TEST_F(BusyBlockDeviceTest, MayBeDestroyedWhileAResetWaits) {
  Start();
  disk_->Hold();
  Offer(1);
  driver().Notify(0);
  disk_->WaitForHeld();
  harness_->RunOnLoop([&] { driver().Write(VIRTIO_MMIO_STATUS, 0); });
  std::thread release([this] { disk_->Release(); });
  harness_.reset();
  release.join();
}

class LargeBlockDeviceTest : public BlockDeviceTest {
 protected:
  static constexpr uint64_t kMiB = 1 << 20;
  std::string Contents() override { return std::string(4 * kMiB, 'd'); }
};

TEST_F(LargeBlockDeviceTest, ZeroesAtMostOneMebibyteInATurn) {
  Start();
  const std::string range =
      Raw(VirtioBlkDiscardWriteZeroes{.sector = 1, .num_sectors = 3 * kMiB / kSectorBytes});
  EXPECT_EQ(Status(Header(VIRTIO_BLK_T_WRITE_ZEROES) + range), VIRTIO_BLK_S_OK);
  EXPECT_THAT(disk_->calls(), ElementsAre("zero 512+1048064", "zero 1048576+1048576",
                                          "zero 2097152+1048576", "zero 3145728+512"));
  EXPECT_EQ(disk_->contents(), "d" + std::string(511, 'd') + std::string(3 * kMiB, '\0') +
                                   std::string(kMiB - 512, 'd'));
}

TEST_F(LargeBlockDeviceTest, WritesAtMostOneMebibyteInATurn) {
  Start();
  const GuestAddress header = driver().Allocate(16);
  const GuestAddress status = driver().Allocate(1);
  const GuestAddress data = driver().Allocate(300 << 10);
  harness_->ram().SetText(header, Header(VIRTIO_BLK_T_OUT, 1));
  harness_->ram().SetText(data, std::string(300 << 10, 'w'));
  std::vector<GuestBuffer> buffers = {{header, 16}};
  for (int i = 0; i < 5; ++i) buffers.push_back({data, 300 << 10});
  buffers.push_back({status, 1, true});
  driver().queue(0).Offer(buffers);
  driver().Notify(0);
  ASSERT_THAT(driver().WaitForUsed(0), IsOk());
  EXPECT_EQ(harness_->ram().Text(status, 1), kOk);
  EXPECT_THAT(disk_->calls(), ElementsAre("write 512+1048064", "write 1048576+487936"));
  EXPECT_EQ(disk_->contents().substr(512, 1536000), std::string(1536000, 'w'));
}

TEST_F(LargeBlockDeviceTest, AResetSeesTheEndOfATurn) {
  Start();
  const GuestAddress request = driver().Allocate(64);
  harness_->ram().SetText(request, Header(VIRTIO_BLK_T_WRITE_ZEROES) +
                                       Raw(VirtioBlkDiscardWriteZeroes{
                                           .sector = 0, .num_sectors = 4 * kMiB / kSectorBytes}));
  disk_->Hold();
  driver().queue(0).Offer({{request, 32}, {driver().Allocate(1), 1, true}});
  driver().Notify(0);
  disk_->WaitForHeld();
  harness_->RunOnLoop([&] { driver().Write(VIRTIO_MMIO_STATUS, 0); });  // begins the reset
  disk_->Release();
  driver().Write(VIRTIO_MMIO_STATUS, 0);  // waits for its end
  EXPECT_THAT(disk_->calls(), ElementsAre("zero 0+1048576"));
}

TEST_F(BlockDeviceTest, WithoutAThreadRequestsFailAndTheMachineGoesOn) {
  Start();
  {
    const NoMoreThreads limit;
    EXPECT_EQ(Ask(Header(VIRTIO_BLK_T_IN, 3), 512).back(), VIRTIO_BLK_S_IOERR);
  }
  EXPECT_EQ(Ask(Header(VIRTIO_BLK_T_IN, 3), 512), Sector(3) + kOk);
}

TEST_F(BusyBlockDeviceTest, SaveFinishesWhatIsInFlight) {
  Start();
  disk_->Hold();
  for (uint64_t i = 0; i < 10; ++i) Offer(i);
  driver().Notify(0);
  disk_->WaitForHeld();
  std::thread release([this] { disk_->Release(); });
  ASSERT_THAT(harness_->Save(), IsOk());
  release.join();
  EXPECT_EQ(driver().queue(0).used_index(), 10);
  EXPECT_EQ(harness_->ram().Text(data_[9], 513), Sector(9) + kOk);
}

}  // namespace
}  // namespace voidbox
