#include "tools/bench/process_usage.h"

#include <unistd.h>

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox::bench {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kRamBytes = 64 << 20;
constexpr char kText[] =
    "00400000-00500000 r-xp 00001000 00:1a 42                                 /dev/shm/vmm\n"
    "Size:               1024 kB\n"
    "Rss:                 600 kB\n"
    "Pss:                 300 kB\n"
    "Shared_Clean:        500 kB\n"
    "Private_Clean:        60 kB\n"
    "Private_Dirty:        40 kB\n"
    "VmFlags: rd ex mr mw me sd\n";
constexpr char kRam[] =
    "7f0000000000-7f0004000000 rw-p 00000000 00:00 0\n"
    "Rss:               30000 kB\n"
    "Private_Clean:        10 kB\n"
    "Private_Dirty:     29990 kB\n";
constexpr char kHeap[] =
    "7f1000000000-7f1000100000 rw-p 00000000 00:00 0                          [heap]\n"
    "Rss:                 100 kB\n"
    "Private_Clean:         0 kB\n"
    "Private_Dirty:       100 kB\n";

TEST(ProcessUsageTest, SumsWhatIsNotGuestRam) {
  const auto memory = ParseSmaps(absl::StrCat(kText, kRam, kHeap), kRamBytes);
  ASSERT_THAT(memory, IsOk());
  EXPECT_EQ(memory->resident, 700u << 10);
  EXPECT_EQ(memory->private_, 200u << 10);
}

TEST(ProcessUsageTest, GuestRamMayHaveMergedWithItsNeighbour) {
  const auto memory = ParseSmaps(absl::StrCat(kHeap, kRam), kRamBytes - 4096);
  ASSERT_THAT(memory, IsOk());
  EXPECT_EQ(memory->resident, 100u << 10);
}

TEST(ProcessUsageTest, RefusesAProcessWithoutTheGuestsRam) {
  EXPECT_THAT(ParseSmaps(absl::StrCat(kText, kHeap), kRamBytes),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("67108864 bytes")));
}

TEST(ProcessUsageTest, RefusesTextThatIsNotSmaps) {
  EXPECT_THAT(ParseSmaps("Rss: 12 kB\n", kRamBytes),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("before the first mapping")));
  EXPECT_THAT(ParseSmaps(absl::StrCat(kRam, "Rss: many kB\n"), kRamBytes),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("'Rss: many kB'")));
  EXPECT_THAT(ParseSmaps(absl::StrCat(kRam, "Rss: 12 MB\n"), kRamBytes),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("has no size")));
}

TEST(ProcessUsageTest, ReadsItself) {
  const auto memory = ReadVmmMemory(::getpid(), 4096);
  ASSERT_THAT(memory, IsOk());  // every mapping counts as RAM
  EXPECT_EQ(memory->resident, 0u);
}

TEST(ProcessUsageTest, TakesTheTimeOnTheCpuFromSchedstat) {
  const auto ns = ParseSchedstat("123456789 1000 17\n");
  ASSERT_THAT(ns, IsOk());
  EXPECT_EQ(*ns, 123456789u);
  EXPECT_THAT(ParseSchedstat("soon\n"), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("soon")));
  EXPECT_THAT(ParseSchedstat(""), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("no number")));
}

TEST(ProcessUsageTest, OwnTimeOnTheCpuGrows) {
  const auto before = ReadCpuNs(::getpid());
  ASSERT_THAT(before, IsOk());
  uint64_t now = *before;
  while (now == *before) {
    const auto again = ReadCpuNs(::getpid());
    ASSERT_THAT(again, IsOk());
    now = *again;
  }
  EXPECT_GT(now, *before);
}

TEST(ProcessUsageTest, ThreadsThatComeAndGoAreNoError) {
  std::atomic<bool> done = false;
  std::thread starter([&] {
    while (!done) std::thread([] {}).join();
  });
  for (int i = 0; i < 2000; ++i) ASSERT_THAT(ReadCpuNs(::getpid()), IsOk());
  done = true;
  starter.join();
}

}  // namespace
}  // namespace voidbox::bench
