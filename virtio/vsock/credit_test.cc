#include "virtio/vsock/credit.h"

#include "gtest/gtest.h"

namespace voidbox {
namespace {

TEST(SendCreditTest, CountsAcrossTheWrap) {
  SendCredit credit = {.buf_alloc = 1000, .fwd_cnt = 0xffffff00, .tx_cnt = 0xffffff00};
  EXPECT_EQ(credit.Free(), 1000);
  credit.tx_cnt += 600;  // now past 2^32
  EXPECT_EQ(credit.Free(), 400);
  credit.fwd_cnt += 600;
  EXPECT_EQ(credit.Free(), 1000);
}

TEST(SendCreditTest, AWindowThatShrankBelowWhatIsInFlightIsFull) {
  const SendCredit credit = {.buf_alloc = 10, .fwd_cnt = 0, .tx_cnt = 600};
  EXPECT_EQ(credit.Free(), 0);
}

TEST(SendCreditTest, MoreForwardedThanSentGivesNothing) {
  const SendCredit credit = {.buf_alloc = 1000, .fwd_cnt = 601, .tx_cnt = 600};
  EXPECT_EQ(credit.Free(), 0);
}

TEST(ReceiveCreditTest, AdmitsWhatTheGuestWasTold) {
  ReceiveCredit credit = {.buf_alloc = 1000};
  EXPECT_TRUE(credit.Admits(1000));
  EXPECT_FALSE(credit.Admits(1001));
  credit.rx_cnt = 600;
  EXPECT_EQ(credit.held(), 600);
  EXPECT_TRUE(credit.Admits(400));
  EXPECT_FALSE(credit.Admits(401));
  credit.fwd_cnt = 600;  // passed on, but the guest does not know
  EXPECT_EQ(credit.held(), 0);
  EXPECT_FALSE(credit.Admits(401));
  credit.told_fwd_cnt = 600;
  EXPECT_TRUE(credit.Admits(1000));
}

TEST(ReceiveCreditTest, CountsAcrossTheWrap) {
  ReceiveCredit credit = {
      .buf_alloc = 1000, .rx_cnt = 0xffffffff, .fwd_cnt = 0xffffffff, .told_fwd_cnt = 0xffffffff};
  credit.rx_cnt += 1000;
  EXPECT_FALSE(credit.Admits(1));
  EXPECT_EQ(credit.held(), 1000);
  credit.fwd_cnt += 1000;
  credit.told_fwd_cnt = credit.fwd_cnt;
  EXPECT_TRUE(credit.Admits(1000));
}

TEST(ReceiveCreditTest, UpdateIsDueBelowHalfTheWindow) {
  ReceiveCredit credit = {.buf_alloc = 1000, .rx_cnt = 500, .fwd_cnt = 500};
  EXPECT_FALSE(credit.UpdateDue(1000));
  credit.rx_cnt = 501;
  EXPECT_TRUE(credit.UpdateDue(1000));
  credit.fwd_cnt = 0;  // nothing to tell
  EXPECT_FALSE(credit.UpdateDue(1000));
}

TEST(ReceiveCreditTest, UpdateIsDueToAGuestThatLimitsItself) {
  const ReceiveCredit credit = {.buf_alloc = 1000, .rx_cnt = 101, .fwd_cnt = 101};
  EXPECT_FALSE(credit.UpdateDue(/*sender_limit=*/202));
  EXPECT_TRUE(credit.UpdateDue(/*sender_limit=*/201));
}

}  // namespace
}  // namespace voidbox
