#include "tools/bench/bulk_stream.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <thread>

#include "absl/strings/string_view.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unix_socket.h"
#include "gtest/gtest.h"

namespace voidbox::bench {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kBlocks = 20;  // more than a socket holds

class BulkStreamTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto pair = UnixSocketPair();
    ASSERT_THAT(pair, IsOk());
    near_ = std::move(pair->first);
    far_ = std::move(pair->second);
    for (const UniqueFd* end : {&near_, &far_}) ASSERT_EQ(::fcntl(end->get(), F_SETFL, 0), 0);
  }

  // Sends from the far end, changed by `corrupt`, and receives at the near one.
  absl::StatusOr<BulkReply> ReceiveCorrupted(const std::function<void(Block&, uint64_t)>& corrupt,
                                             uint64_t blocks = kBlocks) {
    std::thread sender([&] {
      Block block = MakeBlock();
      for (uint64_t index = 0; index < blocks; ++index) {
        SetIndex(block, index);
        Block sent = block;
        corrupt(sent, index);
        const absl::string_view bytes(static_cast<char*>(static_cast<void*>(sent.data())),
                                      kBlockBytes);
        if (!WriteAll(far_.get(), bytes).ok()) break;
      }
      ::shutdown(far_.get(), SHUT_WR);
    });
    auto reply = ReceiveBlocks(near_.get(), kBlocks, /*checked=*/true);
    near_.Reset();
    sender.join();
    return reply;
  }

  UniqueFd near_, far_;
};

TEST_F(BulkStreamTest, BothEndsSeeTheSameChecksum) {
  absl::StatusOr<BulkReply> sent;
  std::thread sender([&] { sent = SendBlocks(far_.get(), kBlocks, /*checked=*/true); });
  const auto received = ReceiveBlocks(near_.get(), kBlocks, /*checked=*/true);
  sender.join();
  ASSERT_THAT(sent, IsOk());
  ASSERT_THAT(received, IsOk());
  EXPECT_EQ(received->blocks, kBlocks);
  EXPECT_EQ(received->checksum, sent->checksum);
  EXPECT_NE(received->checksum, kChecksumStart);
}

TEST_F(BulkStreamTest, ChecksumSeesOneBitAndTheOrder) {
  const auto intact = ReceiveCorrupted([](Block&, uint64_t) {});
  ASSERT_THAT(intact, IsOk());
  SetUp();
  const auto flipped = ReceiveCorrupted([](Block& block, uint64_t index) {
    if (index == kBlocks - 1) block.back() ^= uint64_t{1} << 63;
  });
  ASSERT_THAT(flipped, IsOk());
  EXPECT_NE(flipped->checksum, intact->checksum);
  SetUp();
  const auto swapped =
      ReceiveCorrupted([](Block& block, uint64_t) { std::swap(block[1], block[2]); });
  ASSERT_THAT(swapped, IsOk());
  EXPECT_NE(swapped->checksum, intact->checksum);
}

TEST_F(BulkStreamTest, ABlockOutOfOrderIsSeen) {
  EXPECT_THAT(ReceiveCorrupted([](Block& block, uint64_t index) {
                if (index == 3) SetIndex(block, 2);
              }),
              StatusIs(absl::StatusCode::kDataLoss, "block 2 came instead of 3"));
}

TEST_F(BulkStreamTest, AnEarlyEndIsSeen) {
  EXPECT_THAT(ReceiveCorrupted([](Block&, uint64_t) {}, kBlocks - 1),
              StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("block 19 of 20")));
}

TEST_F(BulkStreamTest, RequestsAndRepliesPass) {
  ASSERT_THAT(SendRequest(near_.get(), {BulkOperation::kToHost, 1, 7}), IsOk());
  const auto request = ReceiveRequest(far_.get());
  ASSERT_THAT(request, IsOk());
  EXPECT_EQ(request->operation, BulkOperation::kToHost);
  EXPECT_EQ(request->checked, 1u);
  EXPECT_EQ(request->blocks, 7u);
  ASSERT_THAT(SendReply(far_.get(), {7, 99}), IsOk());
  const auto reply = ReceiveReply(near_.get());
  ASSERT_THAT(reply, IsOk());
  EXPECT_EQ(reply->checksum, 99u);
  far_.Reset();
  EXPECT_THAT(ReceiveReply(near_.get()),
              StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("0 of 16 bytes")));
}

}  // namespace
}  // namespace voidbox::bench
