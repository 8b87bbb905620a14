#ifndef VOIDBOX_TOOLS_BENCH_BULK_DATA_H_
#define VOIDBOX_TOOLS_BENCH_BULK_DATA_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace voidbox::bench {

// What the bulk transfers of `bench vsock` carry. One side makes the blocks, the other one checks
// that each byte arrived in its place.
inline constexpr size_t kBlockBytes = 64 << 10;
inline constexpr size_t kBlockWords = kBlockBytes / sizeof(uint64_t);
using Block = std::vector<uint64_t>;

// A request to the guest's end of a transfer, and its answer; in the byte order of x86-64.
enum class BulkOperation : uint32_t {
  kToGuest = 1,  // the host sends the blocks; then the guest answers
  kToHost = 2,   // the guest sends the blocks, then its answer
};
struct BulkRequest {
  BulkOperation operation;
  uint32_t checked;  // 1: the answer has the checksum of every byte; else it has zero
  uint64_t blocks;
};
static_assert(sizeof(BulkRequest) == 16);
struct BulkReply {
  uint64_t blocks;
  uint64_t checksum;
};
static_assert(sizeof(BulkReply) == 16);

// The same pseudo-random words in every block but for the first word, which SetIndex changes.
inline Block MakeBlock() {
  Block block(kBlockWords);
  uint64_t state = 0x9e3779b97f4a7c15;  // xorshift64's seed may be anything but zero
  for (uint64_t& word : block) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    word = state;
  }
  return block;
}
inline void SetIndex(Block& block, uint64_t index) { block[0] = index; }

// Depends on every bit and on the order of the words: FNV-1a over 64-bit words, folded so that high
// bits reach low ones too.
inline constexpr uint64_t kChecksumStart = 0xcbf29ce484222325;
inline uint64_t Checksum(std::span<const uint64_t> words, uint64_t sum) {
  for (const uint64_t word : words) {
    sum = (sum ^ word) * 0x100000001b3;
    sum ^= sum >> 32;
  }
  return sum;
}

}  // namespace voidbox::bench

#endif  // VOIDBOX_TOOLS_BENCH_BULK_DATA_H_
