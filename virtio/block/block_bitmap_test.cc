#include "virtio/block/block_bitmap.h"

#include <random>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::IsEmpty;

constexpr uint64_t kPageBits = BlockBitmap::kPageBits;

TEST(BlockBitmapTest, StartsEmpty) {
  BlockBitmap bitmap(3 * kPageBits);
  EXPECT_EQ(bitmap.page_count(), 3);
  EXPECT_FALSE(bitmap.Test(0));
  EXPECT_EQ(bitmap.RunEnd(false, 5, 3 * kPageBits), 3 * kPageBits);
  EXPECT_EQ(bitmap.RunEnd(false, 5, 9), 9);
  EXPECT_THAT(bitmap.TakeChanged(), IsEmpty());
}

TEST(BlockBitmapTest, FindsRunsAcrossWordsAndPages) {
  constexpr uint64_t kBlocks = 4 * kPageBits;
  BlockBitmap bitmap(kBlocks);
  bitmap.Set(70, 2 * kPageBits + 1);
  EXPECT_FALSE(bitmap.Test(69));
  EXPECT_TRUE(bitmap.Test(70));
  EXPECT_TRUE(bitmap.Test(2 * kPageBits));
  EXPECT_FALSE(bitmap.Test(2 * kPageBits + 1));
  EXPECT_EQ(bitmap.RunEnd(false, 0, kBlocks), 70);
  EXPECT_EQ(bitmap.RunEnd(true, 70, kBlocks), 2 * kPageBits + 1);
  EXPECT_EQ(bitmap.RunEnd(true, 100, 101), 101);
  EXPECT_EQ(bitmap.RunEnd(false, 100, 200), 100);
  EXPECT_EQ(bitmap.RunEnd(false, 2 * kPageBits + 1, kBlocks), kBlocks);
}

TEST(BlockBitmapTest, BehavesLikeAListOfBits) {
  constexpr uint64_t kBlocks = kPageBits + 1000;
  BlockBitmap bitmap(kBlocks);
  std::vector<bool> model(kBlocks);
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const uint64_t first = random() % kBlocks;
    const uint64_t limit = std::min<uint64_t>(kBlocks, first + random() % 300);
    bitmap.Set(first, limit);
    for (uint64_t i = first; i < limit; ++i) model[i] = true;
    const uint64_t from = random() % kBlocks;
    uint64_t end = from;
    while (end < kBlocks && model[end] == model[from]) ++end;
    ASSERT_EQ(bitmap.Test(from), model[from]);
    ASSERT_EQ(bitmap.RunEnd(model[from], from, kBlocks), end) << from;
  }
}

TEST(BlockBitmapTest, GivesChangedPagesOnce) {
  BlockBitmap bitmap(3 * kPageBits);
  bitmap.Set(2 * kPageBits + 9, 2 * kPageBits + 10);
  const auto changed = bitmap.TakeChanged();
  ASSERT_EQ(changed.size(), 1);
  EXPECT_EQ(changed[0].index, 2);
  EXPECT_EQ(changed[0].bytes[0], 0);
  EXPECT_EQ(changed[0].bytes[1], 2);
  EXPECT_THAT(bitmap.TakeChanged(), IsEmpty());
  bitmap.GiveBack(changed);
  EXPECT_EQ(bitmap.TakeChanged().size(), 1);

  BlockBitmap other(3 * kPageBits);
  EXPECT_TRUE(other.Load(2, changed[0].bytes));
  EXPECT_EQ(other.RunEnd(false, 0, 3 * kPageBits), 2 * kPageBits + 9);
  EXPECT_TRUE(other.Test(2 * kPageBits + 9));
  EXPECT_THAT(other.TakeChanged(), IsEmpty());
}

TEST(BlockBitmapTest, RefusesBlocksThatTheDiskHasNot) {
  BlockBitmap bitmap(kPageBits + 9);
  BlockBitmap::PageCopy page = {.index = 1, .bytes = {}};
  page.bytes[1] = 1;  // block 8, the last
  EXPECT_TRUE(bitmap.Load(page.index, page.bytes));
  page.bytes[1] = 2;
  EXPECT_FALSE(bitmap.Load(page.index, page.bytes));
  page.bytes = {};
  page.bytes.back() = '\x80';
  EXPECT_FALSE(bitmap.Load(page.index, page.bytes));
}

// Under ThreadSanitizer, too.
TEST(BlockBitmapTest, LosesNoBitThatIsSetWhilePagesAreTaken) {
  constexpr uint64_t kBlocks = 2 * kPageBits;
  BlockBitmap bitmap(kBlocks), kept(kBlocks);
  std::vector<std::thread> writers;
  for (uint64_t part = 0; part < 2; ++part) {
    writers.emplace_back([&bitmap, part] {
      for (uint64_t block = part; block < kBlocks; block += 2) bitmap.Set(block, block + 1);
    });
  }
  const auto keep = [&] {
    for (const auto& page : bitmap.TakeChanged()) ASSERT_TRUE(kept.Load(page.index, page.bytes));
  };
  for (int i = 0; i < 100; ++i) keep();
  for (std::thread& writer : writers) writer.join();
  keep();
  EXPECT_TRUE(kept.Test(0));
  EXPECT_EQ(kept.RunEnd(true, 0, kBlocks), kBlocks);
}

}  // namespace
}  // namespace voidbox
