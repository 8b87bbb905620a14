#include "virtio/block/cow_disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/block/overlay_header.h"

namespace voidbox {
namespace {

using ::testing::_;
using ::testing::HasSubstr;

constexpr uint64_t kSector = 512;
constexpr uint64_t kBlock = kOverlayBlockBytes;

absl::Status Write(CowDisk& disk, uint64_t offset, std::string bytes) {
  iovec buffer = {bytes.data(), bytes.size()};
  return disk.Write(offset, {&buffer, 1});
}

std::string Read(CowDisk& disk, uint64_t offset, uint64_t length) {
  std::string bytes(length, '.');
  iovec buffer = {bytes.data(), bytes.size()};
  EXPECT_THAT(disk.Read(offset, {&buffer, 1}), IsOk());
  return bytes;
}

uint64_t AllocatedBytes(const std::string& path) {
  struct stat status = {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return static_cast<uint64_t>(status.st_blocks) * 512;
}

class CowDiskTest : public ::testing::Test {
 protected:
  CowDiskTest() : directory_(::testing::TempDir() + "/cow") {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    // Odd: neither a multiple of blocks.
    for (uint64_t i = 0; i < 21; ++i) base_ += std::string(kSector, static_cast<char>('a' + i));
    EXPECT_THAT(WriteFileAtomically(base_path(), base_), IsOk());
  }
  ~CowDiskTest() override {
    EXPECT_EQ(ReadFile(base_path()).value_or("unreadable"), base_) << "the base was written";
    std::filesystem::remove_all(directory_);
  }

  std::string base_path() const { return directory_ + "/base"; }
  std::string overlay_path() const { return directory_ + "/overlay"; }

  absl::StatusOr<std::unique_ptr<CowDisk>> TryOpen(uint64_t bytes = 0) {
    return CowDisk::Open(base_path(), overlay_path(), bytes);
  }
  std::unique_ptr<CowDisk> Open(uint64_t bytes = 0) {
    auto disk = TryOpen(bytes);
    EXPECT_THAT(disk, IsOk());
    return *std::move(disk);
  }
  std::unique_ptr<CowDisk> OpenEphemeral(uint64_t bytes = 0) {
    auto disk = CowDisk::OpenEphemeral(base_path(), directory_, bytes);
    EXPECT_THAT(disk, IsOk());
    return *std::move(disk);
  }

  // Changes the overlay as a hostile hand would.
  void Patch(uint64_t offset, const std::string& bytes) {
    std::string contents = ReadFile(overlay_path()).value_or("");
    contents.replace(offset, bytes.size(), bytes);
    ASSERT_THAT(WriteFileAtomically(overlay_path(), contents), IsOk());
  }

  const std::string directory_;
  std::string base_;
};

TEST_F(CowDiskTest, ReadsAsTheBaseDoes) {
  const auto disk = Open();
  EXPECT_EQ(disk->bytes(), base_.size());
  EXPECT_FALSE(disk->read_only());
  EXPECT_EQ(Read(*disk, 0, base_.size()), base_);
  EXPECT_EQ(Read(*disk, 3 * kSector, 2 * kSector), base_.substr(3 * kSector, 2 * kSector));
}

TEST_F(CowDiskTest, ReadsAsZeroesBeyondTheBase) {
  const uint64_t bytes = base_.size() + 2 * kBlock;
  const auto disk = Open(bytes);
  EXPECT_EQ(disk->bytes(), bytes);
  EXPECT_EQ(Read(*disk, 0, bytes), base_ + std::string(2 * kBlock, '\0'));
  ASSERT_THAT(Write(*disk, bytes - kSector, std::string(kSector, 'Z')), IsOk());
  EXPECT_EQ(Read(*disk, 0, bytes),
            base_ + std::string(2 * kBlock - kSector, '\0') + std::string(kSector, 'Z'));
}

TEST_F(CowDiskTest, WritesPartsOfBlocksScattered) {
  const auto disk = Open();
  std::string one(100, '1'), two(2 * kSector - 100, '2');
  iovec buffers[] = {{one.data(), one.size()}, {two.data(), two.size()}};
  ASSERT_THAT(disk->Write(7 * kSector, buffers), IsOk());  // across a block's end
  std::string expected = base_;
  expected.replace(7 * kSector, 2 * kSector, one + two);
  EXPECT_EQ(Read(*disk, 0, base_.size()), expected);
}

TEST_F(CowDiskTest, ReadsWhatIsCachedOrSaysSo) {
  const auto disk = OpenEphemeral(base_.size() + kBlock);
  ASSERT_THAT(Write(*disk, 0, std::string(kBlock, 'w')), IsOk());
  std::string out(base_.size() + kBlock, '.');
  const iovec buffer = {out.data(), out.size()};
  // A file system may not know how; when it does, the bytes are right.
  if (disk->ReadCached(0, {&buffer, 1})) {
    EXPECT_EQ(out, std::string(kBlock, 'w') + base_.substr(kBlock) + std::string(kBlock, '\0'));
  }
  const iovec last = {out.data(), kSector};
  EXPECT_TRUE(disk->ReadCached(base_.size(), {&last, 1})) << "zeroes need no file";
  EXPECT_EQ(out.substr(0, kSector), std::string(kSector, '\0'));
}

TEST_F(CowDiskTest, ZeroesAreNotTheBaseAgain) {
  for (const bool unmap : {false, true}) {
    const auto disk = OpenEphemeral(base_.size() + 2 * kBlock);
    const uint64_t offset = kSector, length = base_.size();
    ASSERT_THAT(disk->WriteZeroes(offset, length, unmap), IsOk());
    EXPECT_EQ(Read(*disk, 0, disk->bytes()),
              base_.substr(0, kSector) + std::string(disk->bytes() - kSector, '\0'));
  }
}

TEST_F(CowDiskTest, ZeroesInsideOneBlock) {
  const auto disk = Open();
  ASSERT_THAT(disk->WriteZeroes(2 * kSector, kSector, true), IsOk());
  ASSERT_THAT(disk->WriteZeroes(base_.size() - kSector, kSector, true), IsOk());
  std::string expected = base_;
  expected.replace(2 * kSector, kSector, kSector, '\0');
  expected.replace(base_.size() - kSector, kSector, kSector, '\0');
  EXPECT_EQ(Read(*disk, 0, base_.size()), expected);
}

TEST_F(CowDiskTest, ZeroesBeyondTheBaseCostNothing) {
  constexpr uint64_t kBytes = uint64_t{4} << 30;
  {
    const auto disk = Open(kBytes);
    ASSERT_THAT(disk->WriteZeroes(1 << 20, kBytes - (1 << 20), false), IsOk());
    ASSERT_THAT(disk->Flush(), IsOk());
  }
  EXPECT_LE(AllocatedBytes(overlay_path()), 64 << 10);
}

TEST_F(CowDiskTest, DiscardGivesSpaceBackAndKeepsNeighbours) {
  constexpr uint64_t kBytes = 8 << 20;
  const auto disk = Open(kBytes);
  const std::string data(4 << 20, 'd');
  ASSERT_THAT(Write(*disk, 0, data), IsOk());
  ASSERT_THAT(disk->Flush(), IsOk());
  const uint64_t before = AllocatedBytes(overlay_path());
  ASSERT_THAT(disk->Discard(kBlock, (4 << 20) - 2 * kBlock), IsOk());
  ASSERT_THAT(disk->Discard(6 << 20, 1 << 20), IsOk());
  EXPECT_LT(AllocatedBytes(overlay_path()), before / 2);
  EXPECT_EQ(Read(*disk, 0, kBlock), std::string(kBlock, 'd'));
  EXPECT_EQ(Read(*disk, (4 << 20) - kBlock, kBlock), std::string(kBlock, 'd'));
}

TEST_F(CowDiskTest, KeepsWhatWasWritten) {
  {
    const auto disk = Open(64 << 10);
    ASSERT_THAT(Write(*disk, kSector, std::string(kSector, 'X')), IsOk());
    ASSERT_THAT(Write(*disk, 60 << 10, std::string(kBlock, 'Y')), IsOk());
    ASSERT_THAT(disk->Flush(), IsOk());
  }
  const auto disk = Open();
  EXPECT_EQ(disk->bytes(), 64 << 10);
  std::string expected = base_ + std::string((64 << 10) - base_.size(), '\0');
  expected.replace(kSector, kSector, kSector, 'X');
  expected.replace(60 << 10, kBlock, kBlock, 'Y');
  EXPECT_EQ(Read(*disk, 0, disk->bytes()), expected);
}

TEST_F(CowDiskTest, AnOverlayIsMadeOfAnEmptyFileOrOneThatWasBeingMade) {
  ASSERT_THAT(WriteFileAtomically(overlay_path(), ""), IsOk());
  Open();
  ASSERT_EQ(::truncate(overlay_path().c_str(), kOverlayHeaderBytes), 0);
  const auto disk = Open();
  EXPECT_EQ(Read(*disk, 0, base_.size()), base_);
}

TEST_F(CowDiskTest, AnEphemeralDiskLeavesNoFile) {
  const auto disk = OpenEphemeral();
  ASSERT_THAT(Write(*disk, 0, std::string(kBlock, 'w')), IsOk());
  ASSERT_THAT(disk->Flush(), IsOk());
  EXPECT_EQ(Read(*disk, 0, base_.size()), std::string(kBlock, 'w') + base_.substr(kBlock));
  size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory_)) {
    ++files;
  }
  EXPECT_EQ(files, 1);  // the base
}

TEST_F(CowDiskTest, ManyDisksShareABaseThatNobodyMayWrite) {
  const auto one = OpenEphemeral();
  const auto two = OpenEphemeral();
  const auto three = Open();
  ASSERT_THAT(Write(*one, 0, std::string(kBlock, '1')), IsOk());
  EXPECT_EQ(Read(*two, 0, base_.size()), base_);
  EXPECT_EQ(Read(*three, 0, base_.size()), base_);
  EXPECT_THAT(RawFile::Open(base_path(), /*read_only=*/false),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("in use")));
}

TEST_F(CowDiskTest, AnOverlayHasOneUser) {
  const auto disk = Open();
  EXPECT_THAT(TryOpen(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("overlay: in use")));
}

TEST_F(CowDiskTest, RefusesAnotherBase) {
  Open();
  timespec times[2] = {{.tv_sec = 1, .tv_nsec = 0}, {.tv_sec = 1, .tv_nsec = 5}};
  ASSERT_EQ(::utimensat(AT_FDCWD, base_path().c_str(), times, 0), 0);
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  HasSubstr("made over another base: of 10752 bytes")));
  std::filesystem::remove(overlay_path());
  Open();
  base_ += std::string(kSector, 'n');
  ASSERT_THAT(WriteFileAtomically(base_path(), base_), IsOk());
  ASSERT_EQ(::utimensat(AT_FDCWD, base_path().c_str(), times, 0), 0);
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  HasSubstr("this one has 11264, modified 1000000005")));
}

TEST_F(CowDiskTest, RefusesAnotherSizeAndOneThatIsTooSmall) {
  EXPECT_THAT(TryOpen(kSector), StatusIs(absl::StatusCode::kInvalidArgument,
                                         HasSubstr("smaller than that of the base")));
  EXPECT_THAT(CowDisk::OpenEphemeral(base_path(), directory_, kSector),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("smaller")));
  Open(1 << 20);
  EXPECT_THAT(TryOpen(2 << 20), StatusIs(absl::StatusCode::kFailedPrecondition,
                                         HasSubstr("made with a size of 1048576 bytes")));
  EXPECT_THAT(TryOpen(1 << 20), IsOk());
}

TEST_F(CowDiskTest, RefusesHostileFiles) {
  ASSERT_THAT(WriteFileAtomically(overlay_path(), "no overlay"), IsOk());
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not an overlay")));
  ASSERT_THAT(WriteFileAtomically(overlay_path(), std::string(1 << 20, '\0')), IsOk());
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not an overlay")));
  EXPECT_EQ(ReadFile(overlay_path()).value_or(""), std::string(1 << 20, '\0')) << "it was changed";
  std::filesystem::remove(overlay_path());

  Open();
  Patch(kOverlayHeaderBytes, std::string(1, '\x08'));  // the disk has blocks 0 to 2
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("names blocks beyond")));
  std::filesystem::remove(overlay_path());

  Open();
  std::filesystem::resize_file(overlay_path(), kOverlayHeaderBytes + 100);
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("instead of the")));
  EXPECT_THAT(CowDisk::Open(base_path(), directory_, 0),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(directory_)));
  EXPECT_THAT(CowDisk::OpenEphemeral(base_path(), directory_ + "/none", 0),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("temporary overlay in")));
}

TEST_F(CowDiskTest, ReportsAnOverlayThatShrankUnderIt) {
  const auto disk = Open();
  ASSERT_THAT(Write(*disk, 0, std::string(kBlock, 'w')), IsOk());
  std::filesystem::resize_file(overlay_path(), kOverlayHeaderBytes);
  std::string out(kBlock, '.');
  iovec buffer = {out.data(), out.size()};
  EXPECT_THAT(disk->Read(0, {&buffer, 1}), StatusIs(absl::StatusCode::kDataLoss, _));
}

TEST_F(CowDiskTest, AnUntouchedDiskIsSmall) {
  constexpr uint64_t kBytes = uint64_t{1} << 40;
  const auto disk = Open(kBytes);
  ASSERT_THAT(Write(*disk, kBytes - kBlock, std::string(kBlock, 'e')), IsOk());
  ASSERT_THAT(disk->Flush(), IsOk());
  EXPECT_LE(AllocatedBytes(overlay_path()), 64 << 10);
  EXPECT_EQ(Read(*disk, kBytes - 2 * kBlock, 2 * kBlock),
            std::string(kBlock, '\0') + std::string(kBlock, 'e'));
}

// Sectors, so that writers meet in blocks that neither has written before.
TEST_F(CowDiskTest, WritersOfOneBlockLoseNothing) {
  constexpr uint64_t kSectors = 4096;
  constexpr int kThreads = 4;
  const auto disk = Open(kSectors * kSector);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&disk, thread] {
      for (uint64_t sector = thread; sector < kSectors; sector += kThreads) {
        const std::string data(kSector, static_cast<char>('A' + thread));
        ASSERT_THAT(sector % 64 == 60 ? disk->WriteZeroes(sector * kSector, kSector, true)
                                      : Write(*disk, sector * kSector, data),
                    IsOk());
        if (sector % 512 == 0) {
          ASSERT_THAT(disk->Flush(), IsOk());
        }
        ASSERT_EQ(Read(*disk, sector * kSector, kSector),
                  sector % 64 == 60 ? std::string(kSector, '\0') : data);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (uint64_t sector = 0; sector < kSectors; ++sector) {
    const char expected = sector % 64 == 60 ? '\0' : static_cast<char>('A' + sector % kThreads);
    ASSERT_EQ(Read(*disk, sector * kSector, kSector), std::string(kSector, expected)) << sector;
  }
}

// What a disk must read as; discarded sectors may read as anything.
struct Model {
  std::string bytes;
  std::vector<bool> known;  // by sector

  void Set(uint64_t offset, const std::string& data) {
    bytes.replace(offset, data.size(), data);
    Know(offset, data.size(), true);
  }
  void Know(uint64_t offset, uint64_t length, bool known_now) {
    std::fill_n(known.begin() + static_cast<ptrdiff_t>(offset / kSector), length / kSector,
                known_now);
  }
  void Expect(CowDisk& disk, uint64_t offset, uint64_t length) const {
    const std::string read = Read(disk, offset, length);
    for (uint64_t i = 0; i < length; i += kSector) {
      if (!known[(offset + i) / kSector]) continue;
      ASSERT_EQ(read.substr(i, kSector), bytes.substr(offset + i, kSector)) << offset + i;
    }
  }
};

// One operation of any kind, on the disk and on the model.
void Operate(CowDisk& disk, Model& model, std::mt19937& random) {
  const uint64_t sectors = disk.bytes() / kSector;
  const uint64_t first = random() % sectors;
  const uint64_t count = 1 + random() % std::min<uint64_t>(40, sectors - first);
  const uint64_t offset = first * kSector, length = count * kSector;
  switch (random() % 6) {
    case 0:
    case 1: {
      std::string data(length, '\0');
      for (char& byte : data) byte = static_cast<char>(random());
      model.Set(offset, data);
      std::string second = data.substr(length / 3);
      data.resize(length / 3);
      iovec buffers[] = {{data.data(), data.size()}, {second.data(), second.size()}};
      if (random() % 2 == 0 && disk.WriteCached(offset, buffers)) break;
      ASSERT_THAT(disk.Write(offset, buffers), IsOk());
      break;
    }
    case 2:
      model.Set(offset, std::string(length, '\0'));
      ASSERT_THAT(disk.WriteZeroes(offset, length, random() % 2 == 0), IsOk());
      break;
    case 3:
      model.Know(offset, length, false);
      ASSERT_THAT(disk.Discard(offset, length), IsOk());
      break;
    case 4:
      ASSERT_THAT(disk.Flush(), IsOk());
      break;
    default:
      model.Expect(disk, offset, length);
  }
}

TEST_F(CowDiskTest, BehavesLikeBytesInMemory) {
  for (const uint64_t extra : {uint64_t{0}, kSector, 3 * kBlock, 40 * kBlock + kSector}) {
    std::mt19937 random(static_cast<uint32_t>(extra) + 1);
    std::filesystem::remove(overlay_path());
    auto disk = Open(base_.size() + extra);
    Model model = {.bytes = base_ + std::string(extra, '\0'),
                   .known = std::vector<bool>(disk->bytes() / kSector, true)};
    for (int step = 0; step < 3000 && !HasFatalFailure(); ++step) {
      Operate(*disk, model, random);
      if (step % 250 == 249) {
        disk.reset();
        disk = Open();
        model.Expect(*disk, 0, disk->bytes());
      }
    }
  }
}

}  // namespace
}  // namespace voidbox
