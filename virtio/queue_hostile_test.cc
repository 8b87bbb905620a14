// Descriptor chains and rings that no driver makes.
#include <sys/mman.h>

#include <vector>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/queue.h"
#include "virtio/queue_fixture.h"
#include "virtio/testing/driver_queue.h"

namespace voidbox {
namespace {

using ::testing::_;
using ::testing::HasSubstr;

TEST_F(QueueTest, RefusesHeadOutOfRange) {
  Start(0);
  EXPECT_THAT(PopStatus(kSize),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("descriptor 16 of 16")));
}

TEST_F(QueueTest, RefusesNextOutOfRange) {
  Start(0);
  driver_->WriteDescriptor(
      0, {.addr = kData.value, .len = 1, .flags = VIRTQ_DESC_F_NEXT, .next = 65535});
  EXPECT_THAT(PopStatus(0),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("descriptor 65535 of 16")));
}

TEST_F(QueueTest, RefusesSelfReferencingChain) {
  Start(0);
  driver_->WriteDescriptor(3,
                           {.addr = kData.value, .len = 1, .flags = VIRTQ_DESC_F_NEXT, .next = 3});
  EXPECT_THAT(PopStatus(3),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more than 16 descriptors")));
}

TEST_F(QueueTest, RefusesLoopOfEmptyBuffers) {
  Start(0);
  driver_->WriteDescriptor(0, {.addr = 0, .len = 0, .flags = VIRTQ_DESC_F_NEXT, .next = 1});
  driver_->WriteDescriptor(1, {.addr = 0, .len = 0, .flags = VIRTQ_DESC_F_NEXT, .next = 0});
  EXPECT_THAT(PopStatus(0), StatusIs(absl::StatusCode::kInvalidArgument, _));
}

TEST_F(QueueTest, TakesChainAsLongAsTheQueue) {
  Start(0);
  std::vector<GuestBuffer> buffers(kSize, {kData, 2});
  driver_->Offer(buffers);
  EXPECT_EQ(PopOne().reader().remaining(), 2 * kSize);
}

TEST_F(QueueTest, RefusesReadableAfterWritable) {
  Start(0);
  driver_->Offer({{kData, 1, true}, {kData, 1}});
  EXPECT_THAT(queue_->Pop(), StatusIs(absl::StatusCode::kInvalidArgument,
                                      HasSubstr("device-readable buffer after")));
}

TEST_F(QueueTest, RefusesBuffersOutsideRam) {
  for (const GuestBuffer& buffer :
       std::vector<GuestBuffer>{{{GuestRam::kLowBytes - 1}, 2},
                                {{GuestRam::kLowBytes}, 1, true},
                                {{UINT64_MAX}, 1},
                                {{UINT64_MAX - 1}, 0x1000},
                                {{UINT64_MAX - UINT32_MAX + 1}, UINT32_MAX, true},
                                {{0}, UINT32_MAX},
                                {{GuestRam::kHighStart.value - 1}, 16}}) {
    Start(0);
    driver_->Offer({buffer});
    EXPECT_THAT(queue_->Pop(), StatusIs(absl::StatusCode::kOutOfRange, _));
  }
}

TEST_F(QueueTest, RefusesMoreBytesThanALengthHolds) {
  // Address space of that size, which the walk does not touch.
  constexpr size_t kHugeBytes = size_t{1} << 32;
  void* const huge =
      ::mmap(nullptr, kHugeBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(huge, MAP_FAILED);
  const GuestAddress start = {uint64_t{1} << 33};
  const auto memory = GuestMemory::Create(
      {memory_.regions()[0],
       {.start = start, .bytes = std::span(static_cast<std::byte*>(huge), kHugeBytes)}});
  ASSERT_THAT(memory, IsOk());
  DriverQueue driver(*memory, kRings, kSize, 0);
  auto queue = Queue::Activate(driver.config(), kSize, 0, *memory, interrupt_);
  ASSERT_THAT(queue, IsOk());
  driver.Offer({{start, UINT32_MAX}});
  EXPECT_THAT(queue->Pop(), IsOk());
  driver.Offer({{start, UINT32_MAX}, {start, 1}});
  EXPECT_THAT(queue->Pop(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("2^32 - 1 bytes")));
  ::munmap(huge, kHugeBytes);
}

TEST_F(QueueTest, RefusesMoreChainsThanTheQueueHas) {
  Start(0);
  driver_->SetAvailableIndex(kSize + 1);
  EXPECT_THAT(queue_->Pop(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("jumped 17 ahead")));
}

TEST_F(QueueTest, RefusesIndexThatMovesBack) {
  Start(0);
  driver_->Offer({{kData, 1}});
  PopOne();
  driver_->SetAvailableIndex(0);
  EXPECT_THAT(queue_->Pop(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("jumped 65535 ahead")));
}

TEST_F(QueueTest, BoundsChainsInFlight) {
  Start(0);
  driver_->WriteDescriptor(0, {.addr = kData.value, .len = 1, .flags = 0, .next = 0});
  std::vector<DescriptorChain> held;
  for (int i = 0; i < kSize; ++i) {
    driver_->MakeAvailable(0);
    held.push_back(PopOne());
  }
  EXPECT_THAT(PopStatus(0),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("with 16 chains in flight")));
}

TEST_F(QueueTest, WalksIndirectTable) {
  Start(kAllFeatures);
  const std::vector<GuestBuffer> buffers = {
      {kData, 3}, {{kData.value + 8}, 4}, {{kData.value + 32}, 5, true}};
  const uint16_t head = driver_->OfferIndirect({0x30000}, buffers);
  DescriptorChain chain = PopOne();
  EXPECT_EQ(chain.head(), head);
  EXPECT_EQ(chain.reader().remaining(), 7);
  EXPECT_EQ(chain.writer().remaining(), 5);
}

TEST_F(QueueTest, WalksDirectDescriptorsBeforeAnIndirectOne) {
  Start(kAllFeatures);
  driver_->OfferIndirect({0x30000}, std::vector<GuestBuffer>{{kData, 3}});
  PopOne();
  driver_->WriteDescriptor(4,
                           {.addr = kData.value, .len = 9, .flags = VIRTQ_DESC_F_NEXT, .next = 5});
  driver_->WriteDescriptor(5,
                           {.addr = 0x30000,
                            .len = 16,
                            .flags = VIRTQ_DESC_F_INDIRECT | VIRTQ_DESC_F_WRITE,  // to be ignored
                            .next = 0});
  driver_->MakeAvailable(4);
  EXPECT_EQ(PopOne().reader().remaining(), 12);
}

TEST_F(QueueTest, RefusesIndirectTableThatWasNotNegotiated) {
  Start(0);
  driver_->OfferIndirect({0x30000}, std::vector<GuestBuffer>{{kData, 3}});
  EXPECT_THAT(queue_->Pop(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not negotiated")));
}

TEST_F(QueueTest, RefusesDescriptorTableAsItsOwnIndirectTable) {
  Start(kAllFeatures);
  driver_->WriteDescriptor(
      0, {.addr = kRings.value, .len = 16, .flags = VIRTQ_DESC_F_INDIRECT, .next = 0});
  EXPECT_THAT(PopStatus(0), StatusIs(absl::StatusCode::kInvalidArgument,
                                     HasSubstr("indirect table inside another")));
}

struct BadIndirect {
  const char* name;
  VirtqDescriptor descriptor;
  absl::StatusCode code;
};

class BadIndirectTest : public QueueTest, public ::testing::WithParamInterface<BadIndirect> {};

TEST_P(BadIndirectTest, IsRefused) {
  Start(kAllFeatures);
  // The table: its first entry refers to itself, as one more table and as a chain.
  ASSERT_THAT(
      memory_.WriteObject<VirtqDescriptor>(
          {0x30000}, {.addr = 0x30000, .len = 16, .flags = VIRTQ_DESC_F_INDIRECT, .next = 0}),
      IsOk());
  ASSERT_THAT(memory_.WriteObject<VirtqDescriptor>(
                  {0x31000}, {.addr = 0, .len = 1, .flags = VIRTQ_DESC_F_NEXT, .next = 0}),
              IsOk());
  ASSERT_THAT(memory_.WriteObject<VirtqDescriptor>(
                  {0x32000}, {.addr = 0, .len = 1, .flags = VIRTQ_DESC_F_NEXT, .next = 1}),
              IsOk());
  driver_->WriteDescriptor(0, GetParam().descriptor);
  EXPECT_THAT(PopStatus(0), StatusIs(GetParam().code, _));
}

constexpr uint16_t kIndirect = VIRTQ_DESC_F_INDIRECT;
constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
INSTANTIATE_TEST_SUITE_P(
    All, BadIndirectTest,
    ::testing::Values(
        BadIndirect{"Nested", {0x30000, 16, kIndirect, 0}, kInvalid},
        BadIndirect{"Loop", {0x31000, 16, kIndirect, 0}, kInvalid},
        BadIndirect{"NextBeyondTable", {0x32000, 16, kIndirect, 0}, kInvalid},
        BadIndirect{"WithNext", {0x33000, 16, kIndirect | VIRTQ_DESC_F_NEXT, 1}, kInvalid},
        BadIndirect{"Empty", {0x33000, 0, kIndirect, 0}, kInvalid},
        BadIndirect{"OddLength", {0x33000, 24, kIndirect, 0}, kInvalid},
        BadIndirect{"Misaligned", {0x33001, 16, kIndirect, 0}, kInvalid},
        BadIndirect{"OutsideRam", {0x100000, 16, kIndirect, 0}, absl::StatusCode::kOutOfRange},
        BadIndirect{"LeavesRam", {0xffff0, 32, kIndirect, 0}, absl::StatusCode::kOutOfRange},
        BadIndirect{"Wraps", {UINT64_MAX - 15, 32, kIndirect, 0}, absl::StatusCode::kOutOfRange},
        BadIndirect{"Huge", {0, 0xfffffff0, kIndirect, 0}, absl::StatusCode::kOutOfRange}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace voidbox
