// A process that drives the block device over a kept overlay is killed, again and again, at moments
// of no one's choosing: what it had flushed is there each time.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "base/test_rounds.h"
#include "base/unique_fd.h"
#include "gtest/gtest.h"
#include "virtio/block/block_device.h"
#include "virtio/block/block_spec.h"
#include "virtio/block/cow_disk.h"
#include "virtio/testing/device_harness.h"

namespace voidbox {
namespace {

constexpr uint64_t kSectors = 2048;
constexpr uint64_t kBaseSectors = 1000;
constexpr uint64_t kMaxUnflushed = 4;

template <typename T>
std::string Raw(const T& object) {
  std::string bytes(sizeof(object), '\0');
  std::memcpy(bytes.data(), &object, sizeof(object));
  return bytes;
}

// What operation `number` does, in every process.
struct Operation {
  explicit Operation(uint64_t number) : number(number) {
    std::mt19937 random(static_cast<uint32_t>(number));
    zero = random() % 8 == 0;
    count = 1 + random() % 24;
    first = random() % (kSectors - count);
  }
  // What it leaves in one of its sectors.
  std::string Sector(uint64_t sector) const {
    if (zero) return std::string(kSectorBytes, '\0');
    std::string bytes;
    while (bytes.size() < kSectorBytes) bytes += Raw(number * kSectors + sector);
    return bytes;
  }
  bool Covers(uint64_t sector) const { return sector >= first && sector - first < count; }

  uint64_t number;
  bool zero;
  uint64_t first, count;  // sectors
};

std::string Request(const Operation& operation) {
  std::string request = Raw(
      VirtioBlkRequestHeader{.type = operation.zero ? VIRTIO_BLK_T_WRITE_ZEROES : VIRTIO_BLK_T_OUT,
                             .reserved = 0,
                             .sector = operation.zero ? 0 : operation.first});
  if (operation.zero) {
    return request +
           Raw(VirtioBlkDiscardWriteZeroes{.sector = operation.first,
                                           .num_sectors = static_cast<uint32_t>(operation.count),
                                           .flags = 0});
  }
  for (uint64_t i = 0; i < operation.count; ++i) request += operation.Sector(operation.first + i);
  return request;
}

// Carries out one operation after the other, and says which was the last before each flush, until
// it is killed.
[[noreturn]] void Work(const std::string& base, const std::string& overlay, uint64_t number,
                       int acknowledge) {
  DeviceHarness harness([&](EventLoop&) -> std::unique_ptr<VirtioDevice> {
    auto disk = CowDisk::Open(base, overlay, 0);
    Check(disk.ok(), "the overlay opens");
    return *BlockDevice::Create(*std::move(disk), {});
  });
  FakeDriver& driver = harness.driver();
  Check(driver.Start(), "the device starts");
  const auto send = [&driver](const std::string& request) {
    const GuestAddress free = driver.Allocate(1);
    const auto reply = driver.Send(0, request, 1);
    Check(reply.ok() && *reply == std::string(1, VIRTIO_BLK_S_OK), "the device does it");
    driver.FreeTo(free);
  };
  for (;; ++number) {
    send(Request(Operation(number)));
    if (number % kMaxUnflushed != 0) continue;
    send(Raw(VirtioBlkRequestHeader{.type = VIRTIO_BLK_T_FLUSH, .reserved = 0, .sector = 0}));
    if (!WriteAll(acknowledge, Raw(number)).ok()) ::_exit(1);
  }
}

class CowDiskKillTest : public ::testing::Test {
 protected:
  CowDiskKillTest() : directory_(::testing::TempDir() + "/cow_kill") {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    const std::string contents(kBaseSectors * kSectorBytes, 'b');
    EXPECT_THAT(WriteFileAtomically(base(), contents), IsOk());
    sectors_.assign(kBaseSectors, std::string(kSectorBytes, 'b'));
    sectors_.resize(kSectors, std::string(kSectorBytes, '\0'));
  }
  ~CowDiskKillTest() override { std::filesystem::remove_all(directory_); }

  std::string base() const { return directory_ + "/base"; }
  std::string overlay() const { return directory_ + "/overlay"; }

  // Lets a process work from `number` on until it has flushed `flushes` times at least; returns the
  // last operation that it said was flushed.
  uint64_t WorkAndKill(uint64_t number, uint64_t flushes) {
    int ends[2];
    Check(::pipe(ends) == 0, "there are pipes");
    UniqueFd read(ends[0]), write(ends[1]);
    const pid_t child = ::fork();
    if (child == 0) Work(base(), overlay(), number, write.get());
    write.Reset();
    uint64_t flushed = number - 1;
    const auto next = [&] {
      uint64_t value = 0;
      char bytes[sizeof(value)];
      if (ReadUpTo(read.get(), bytes, sizeof(bytes)).value_or(0) != sizeof(bytes)) return false;
      std::memcpy(&value, bytes, sizeof(value));
      flushed = value;
      return true;
    };
    for (uint64_t i = 0; i < flushes; ++i) EXPECT_TRUE(next()) << "it ended by itself";
    ::kill(child, SIGKILL);
    while (next()) {
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return flushed;
  }

  // Each sector is as the last flushed operation left it, or one that was begun after it.
  void Verify(uint64_t first, uint64_t flushed) {
    for (uint64_t number = first; number <= flushed; ++number) {
      const Operation operation(number);
      for (uint64_t i = operation.first; i < operation.first + operation.count; ++i) {
        sectors_[i] = operation.Sector(i);
      }
    }
    const auto disk = CowDisk::Open(base(), overlay(), 0);
    ASSERT_THAT(disk, IsOk());
    for (uint64_t sector = 0; sector < kSectors; ++sector) {
      std::string bytes(kSectorBytes, '.');
      iovec buffer = {bytes.data(), bytes.size()};
      ASSERT_THAT((*disk)->Read(sector * kSectorBytes, {&buffer, 1}), IsOk());
      bool right = bytes == sectors_[sector];
      for (uint64_t number = flushed + 1; number <= flushed + kMaxUnflushed; ++number) {
        const Operation operation(number);
        right |= operation.Covers(sector) && bytes == operation.Sector(sector);
      }
      ASSERT_TRUE(right) << "sector " << sector << " after operation " << flushed;
      sectors_[sector] = bytes;
    }
  }

  const std::string directory_;
  std::vector<std::string> sectors_;  // what is on the disk
};

TEST_F(CowDiskKillTest, WhatWasFlushedIsThere) {
  ASSERT_THAT(CowDisk::Open(base(), overlay(), kSectors * kSectorBytes), IsOk());
  const int kills = TestRounds(10);
  std::mt19937 random(1);
  uint64_t number = 1;
  for (int kill = 0; kill < kills && !HasFailure(); ++kill) {
    const uint64_t flushed = WorkAndKill(number, 1 + random() % 12);
    Verify(number, flushed);
    number = flushed + kMaxUnflushed + 1;
  }
  EXPECT_GT(number, kills * kMaxUnflushed);
}

}  // namespace
}  // namespace voidbox
