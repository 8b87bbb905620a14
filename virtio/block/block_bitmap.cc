#include "virtio/block/block_bitmap.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>

namespace voidbox {

static_assert(std::endian::native == std::endian::little, "words are bytes of the file");

BlockBitmap::BlockBitmap(uint64_t blocks)
    : blocks_(blocks), pages_((blocks + kPageBits - 1) / kPageBits) {}

BlockBitmap::~BlockBitmap() {
  for (const std::atomic<Page*>& page : pages_) delete page.load(std::memory_order_relaxed);
}

BlockBitmap::Page& BlockBitmap::FindOrMake(uint64_t block) {
  std::atomic<Page*>& slot = pages_[block / kPageBits];
  Page* page = slot.load(std::memory_order_acquire);
  if (page != nullptr) return *page;
  auto made = std::make_unique<Page>();
  if (slot.compare_exchange_strong(page, made.get(), std::memory_order_acq_rel)) {
    page = made.release();
  }
  return *page;
}

bool BlockBitmap::Test(uint64_t block) const {
  const Page* page = Find(block);
  if (page == nullptr) return false;
  const uint64_t bit = block % kPageBits;
  const uint64_t word = page->words[bit / kWordBits].load(std::memory_order_acquire);
  return ((word >> (bit % kWordBits)) & 1) != 0;
}

uint64_t BlockBitmap::RunEnd(bool set, uint64_t first, uint64_t limit) const {
  uint64_t block = first;
  while (block < limit) {
    const Page* page = Find(block);
    if (page == nullptr) {
      if (set) break;
      block = (block / kPageBits + 1) * kPageBits;
      continue;
    }
    const uint64_t bit = block % kPageBits;
    const uint64_t word = page->words[bit / kWordBits].load(std::memory_order_acquire);
    // From this bit on, those that are `set` are zeroes at the bottom.
    const uint64_t unlike = (set ? ~word : word) >> (bit % kWordBits);
    if (unlike != 0) {
      block += static_cast<uint64_t>(std::countr_zero(unlike));
      break;
    }
    block = (block / kWordBits + 1) * kWordBits;
  }
  return std::min(block, limit);
}

void BlockBitmap::Set(uint64_t first, uint64_t limit) {
  uint64_t block = first;
  while (block < limit) {
    Page& page = FindOrMake(block);
    const uint64_t page_limit = std::min(limit, (block / kPageBits + 1) * kPageBits);
    while (block < page_limit) {
      const uint64_t bit = block % kWordBits;
      const uint64_t count = std::min(kWordBits - bit, page_limit - block);
      const uint64_t mask = (count == kWordBits ? ~uint64_t{0} : (uint64_t{1} << count) - 1) << bit;
      page.words[block % kPageBits / kWordBits].fetch_or(mask, std::memory_order_release);
      block += count;
    }
    // After its bits: who takes the mark away then finds them.
    page.changed.store(true, std::memory_order_release);
  }
}

std::vector<BlockBitmap::PageCopy> BlockBitmap::TakeChanged() {
  std::vector<PageCopy> changed;
  for (uint64_t index = 0; index < pages_.size(); ++index) {
    Page* page = pages_[index].load(std::memory_order_acquire);
    if (page == nullptr || !page->changed.exchange(false, std::memory_order_acq_rel)) continue;
    PageCopy& copy = changed.emplace_back();
    copy.index = index;
    for (size_t i = 0; i < page->words.size(); ++i) {
      const uint64_t word = page->words[i].load(std::memory_order_acquire);
      std::memcpy(&copy.bytes[i * sizeof(word)], &word, sizeof(word));
    }
  }
  return changed;
}

void BlockBitmap::GiveBack(const std::vector<PageCopy>& pages) {
  for (const PageCopy& copy : pages) {
    FindOrMake(copy.index * kPageBits).changed.store(true, std::memory_order_release);
  }
}

bool BlockBitmap::Load(uint64_t index, std::span<const char, kPageBytes> bytes) {
  const uint64_t first = index * kPageBits;
  for (uint64_t i = 0; i < kPageBits / kWordBits; ++i) {
    uint64_t word;
    std::memcpy(&word, &bytes[i * sizeof(word)], sizeof(word));
    if (word == 0) continue;
    const uint64_t highest =
        first + i * kWordBits + static_cast<uint64_t>(std::bit_width(word)) - 1;
    if (highest >= blocks_) return false;
    FindOrMake(first).words[i].fetch_or(word, std::memory_order_release);
  }
  return true;
}

}  // namespace voidbox
