#ifndef VOIDBOX_VIRTIO_BLOCK_BLOCK_BITMAP_H_
#define VOIDBOX_VIRTIO_BLOCK_BLOCK_BITMAP_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

namespace voidbox {

// Which blocks of a disk its overlay has. Bits are set and never cleared; the pages that hold them
// are made when a bit in them is set, so that an untouched disk costs 8 bytes for each 32,768
// blocks. Any thread.
class BlockBitmap {
 public:
  static constexpr uint64_t kPageBytes = 4096;
  static constexpr uint64_t kPageBits = kPageBytes * 8;

  // A page as it is in a file: bit n of byte m is block 8 m + n of the page's.
  struct PageCopy {
    uint64_t index = 0;
    std::array<char, kPageBytes> bytes;
  };

  explicit BlockBitmap(uint64_t blocks);
  ~BlockBitmap();
  BlockBitmap(const BlockBitmap&) = delete;
  BlockBitmap& operator=(const BlockBitmap&) = delete;

  uint64_t page_count() const { return pages_.size(); }

  bool Test(uint64_t block) const;
  // The first block from `first` on whose bit is not `set`, at most `limit`.
  uint64_t RunEnd(bool set, uint64_t first, uint64_t limit) const;
  // Sets [first, limit). Who sees a bit set, sees what was done before.
  void Set(uint64_t first, uint64_t limit);

  // The pages with bits set since they were taken last.
  std::vector<PageCopy> TakeChanged();
  // They could not be kept: they are to be taken again.
  void GiveBack(const std::vector<PageCopy>& pages);
  // Sets what is set in a page of a file, without counting it as changed. False when that names a
  // block that the disk does not have.
  bool Load(uint64_t index, std::span<const char, kPageBytes> bytes);

 private:
  static constexpr uint64_t kWordBits = 64;
  struct Page {
    std::array<std::atomic<uint64_t>, kPageBits / kWordBits> words = {};
    std::atomic<bool> changed = false;
  };

  const Page* Find(uint64_t block) const {
    return pages_[block / kPageBits].load(std::memory_order_acquire);
  }
  Page& FindOrMake(uint64_t block);

  const uint64_t blocks_;
  std::vector<std::atomic<Page*>> pages_;  // owned
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_BLOCK_BLOCK_BITMAP_H_
