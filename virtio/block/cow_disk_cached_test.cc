// What a copy-on-write disk does without waiting, in RAM (tmpfs), where all is cached.
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/block/cow_disk.h"
#include "virtio/block/overlay_header.h"

namespace voidbox {
namespace {

constexpr uint64_t kSector = 512;
constexpr uint64_t kBlock = kOverlayBlockBytes;
constexpr uint64_t kBaseBytes = 2 * kBlock + 5 * kSector;

class CowDiskCachedTest : public ::testing::Test {
 protected:
  CowDiskCachedTest() : directory_("/dev/shm/cow_disk_test." + std::to_string(::getpid())) {
    std::filesystem::create_directories(directory_);
    EXPECT_THAT(WriteFileAtomically(directory_ + "/base", expected_), IsOk());
  }
  ~CowDiskCachedTest() override { std::filesystem::remove_all(directory_); }

  void Open(uint64_t bytes = 0) {
    auto disk = CowDisk::OpenEphemeral(directory_ + "/base", directory_, bytes);
    ASSERT_THAT(disk, IsOk());
    disk_ = *std::move(disk);
  }
  bool WriteCached(uint64_t offset, std::string data) {
    const iovec buffer = {data.data(), data.size()};
    if (!disk_->WriteCached(offset, {&buffer, 1})) return false;
    if (offset + data.size() <= expected_.size()) expected_.replace(offset, data.size(), data);
    return true;
  }
  absl::Status Write(uint64_t offset, std::string data) {
    iovec buffer = {data.data(), data.size()};
    return disk_->Write(offset, {&buffer, 1});
  }
  std::string Read(uint64_t offset, uint64_t length) {
    std::string bytes(length, '.');
    const iovec buffer = {bytes.data(), bytes.size()};
    EXPECT_TRUE(disk_->ReadCached(offset, {&buffer, 1}));
    return bytes;
  }

  const std::string directory_;
  std::string expected_ = std::string(kBaseBytes, 'b');  // what the disk reads as
  std::unique_ptr<CowDisk> disk_;
};

TEST_F(CowDiskCachedTest, WritesWhatNeedsNothingOfTheBase) {
  Open();
  EXPECT_FALSE(WriteCached(kSector, std::string(kSector, 'X'))) << "the rest is the base's";
  EXPECT_FALSE(WriteCached(kBlock, std::string(kBlock + kSector, 'X')));
  EXPECT_EQ(Read(0, kBaseBytes), expected_);
  EXPECT_TRUE(WriteCached(kBlock, std::string(kBlock, 'X')));
  EXPECT_EQ(Read(0, kBaseBytes), expected_);
  EXPECT_TRUE(WriteCached(kBlock + kSector, std::string(kSector, 'Y')))
      << "the whole block is in the overlay";
  EXPECT_TRUE(WriteCached(2 * kBlock, std::string(kBaseBytes - 2 * kBlock, 'Z')))
      << "the disk ends inside of its last block";
  EXPECT_EQ(Read(0, kBaseBytes), expected_);
}

// One thread writes whole blocks, the other a sector of each: whoever is second wins that sector.
TEST_F(CowDiskCachedTest, WritersOfOneBlockLoseNothing) {
  constexpr uint64_t kBlocks = 512;
  Open(kBlocks * kBlock);
  std::thread sectors([this] {
    for (uint64_t block = 0; block < kBlocks; ++block) {
      ASSERT_THAT(Write(block * kBlock, std::string(kSector, 's')), IsOk());
    }
  });
  const std::string whole(kBlock, 'w');
  for (uint64_t block = 0; block < kBlocks; ++block) {
    if (WriteCached(block * kBlock, whole)) continue;
    EXPECT_THAT(Write(block * kBlock, whole), IsOk());
  }
  sectors.join();
  for (uint64_t block = 0; block < kBlocks; ++block) {
    const std::string read = Read(block * kBlock, kBlock);
    EXPECT_THAT(read[0], ::testing::AnyOf('s', 'w')) << block;
    EXPECT_EQ(read.substr(0, kSector), std::string(kSector, read[0])) << block;
    EXPECT_EQ(read.substr(kSector), whole.substr(kSector)) << block;
  }
}

}  // namespace
}  // namespace voidbox
