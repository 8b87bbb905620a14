#include "virtio/block/block_device.h"

#include <memory>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/block/block_device_fixture.h"
#include "virtio/block/block_spec.h"
#include "virtio/testing/device_harness.h"

namespace voidbox {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

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

}  // namespace
}  // namespace voidbox
