#include "virtio/rng/rng_device.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/testing/device_harness.h"

namespace voidbox {
namespace {

using ::testing::_;

// Counts up, so that a test knows which bytes it got.
class CountingSource final : public EntropySource {
 public:
  absl::Status Fill(std::span<std::byte> out) override {
    if (broken) return absl::UnavailableError("no entropy");
    for (std::byte& byte : out) byte = static_cast<std::byte>(next_++);
    return absl::OkStatus();
  }
  std::atomic<bool> broken = false;

 private:
  uint8_t next_ = 1;
};

class RngDeviceTest : public ::testing::Test {
 protected:
  CountingSource source_;
  DeviceHarness harness_{[this](EventLoop&) { return std::make_unique<RngDevice>(source_); }};
  FakeDriver& driver_ = harness_.driver();
};

TEST_F(RngDeviceTest, FillsWhatIsOffered) {
  ASSERT_TRUE(driver_.Start());
  auto reply = driver_.Send(0, "", 5);
  ASSERT_THAT(reply, IsOk());
  EXPECT_EQ(*reply, "\x01\x02\x03\x04\x05");
  reply = driver_.Send(0, "", 2);
  ASSERT_THAT(reply, IsOk());
  EXPECT_EQ(*reply, "\x06\x07");
}

TEST_F(RngDeviceTest, FillsScatteredBuffers) {
  ASSERT_TRUE(driver_.Start());
  const GuestAddress at = driver_.Allocate(64);
  driver_.queue(0).Offer({{at, 2, true}, {{at.value + 16}, 3, true}});
  driver_.Notify(0);
  const auto used = driver_.WaitForUsed(0);
  ASSERT_THAT(used, IsOk());
  EXPECT_EQ(used->len, 5);
  EXPECT_EQ(harness_.ram().Text(at, 3), std::string("\x01\x02\x00", 3));
  EXPECT_EQ(harness_.ram().Text({at.value + 16}, 4), std::string("\x03\x04\x05\x00", 4));
}

TEST_F(RngDeviceTest, BoundsOneRequest) {
  ASSERT_TRUE(driver_.Start());
  const auto reply = driver_.Send(0, "", RngDevice::kMaxRequestBytes + 1);
  ASSERT_THAT(reply, IsOk());
  EXPECT_EQ(reply->size(), RngDevice::kMaxRequestBytes);
}

TEST_F(RngDeviceTest, WritesNothingIntoReadableBuffers) {
  ASSERT_TRUE(driver_.Start());
  const auto reply = driver_.Send(0, "request", 0);
  ASSERT_THAT(reply, IsOk());
  EXPECT_EQ(*reply, "");
}

TEST_F(RngDeviceTest, ServesMoreThanAQueueOfRequests) {
  ASSERT_TRUE(driver_.Start());
  const GuestAddress at = driver_.Allocate(64);
  for (int round = 0; round < 10; ++round) {
    while (driver_.queue(0).free() > 0) driver_.queue(0).Offer({{at, 1, true}});
    driver_.Notify(0);
    for (int i = 0; i < RngDevice::kQueueSize; ++i) ASSERT_THAT(driver_.WaitForUsed(0), IsOk());
  }
}

TEST_F(RngDeviceTest, NeedsResetWithoutEntropy) {
  source_.broken = true;
  ASSERT_TRUE(driver_.Start());
  driver_.queue(0).Offer({{driver_.Allocate(8), 8, true}});
  driver_.Notify(0);
  EXPECT_TRUE(driver_.WaitForNeedsReset());
  source_.broken = false;
  ASSERT_TRUE(driver_.Start());
  EXPECT_THAT(driver_.Send(0, "", 8), IsOk());
}

TEST_F(RngDeviceTest, RefusesStateThatIsNotIts) {
  CountingSource source;
  RngDevice device(source);
  EXPECT_THAT(device.Restore("x"), StatusIs(absl::StatusCode::kInvalidArgument, _));
  EXPECT_THAT(device.Restore(""), IsOk());
}

TEST(HostEntropySourceTest, FillsWithChangingBytes) {
  HostEntropySource source;
  std::vector<std::byte> one(4096);
  std::vector<std::byte> other(4096);
  ASSERT_THAT(source.Fill(one), IsOk());
  ASSERT_THAT(source.Fill(other), IsOk());
  EXPECT_NE(one, other);
  EXPECT_GT(std::count_if(one.begin(), one.end(), [](std::byte b) { return b != std::byte{0}; }),
            3000);
}

}  // namespace
}  // namespace voidbox
