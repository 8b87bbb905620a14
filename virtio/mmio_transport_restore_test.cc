// A transport that is saved and restored.
#include <memory>
#include <string>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/mmio_transport.h"
#include "virtio/mmio_transport_fixture.h"
#include "virtio/testing/device_harness.h"

namespace voidbox {
namespace {

using ::testing::_;
using ::testing::HasSubstr;

class MmioTransportRestoreTest : public MmioTransportTest {
 protected:
  TransportState SavedState() {
    const auto saved = harness_.Save();
    EXPECT_THAT(saved, IsOk());
    TransportState state;
    EXPECT_TRUE(state.ParseFromString(*saved));
    return state;
  }

  // What a new transport over the same memory says to `state`; it must work after that.
  absl::Status TryRestore(const TransportState& state) {
    EchoDevice::Log log;
    DeviceHarness other([&log](EventLoop&) { return std::make_unique<EchoDevice>(log); },
                        &harness_.ram());
    const absl::Status status = other.Restore(state.SerializeAsString());
    if (!status.ok()) {
      EXPECT_EQ(other.driver().status(), 0);
      FakeDriver fresh(other.transport(), other.memory(), other.line(), {0x80000}, 0x40000);
      EXPECT_TRUE(fresh.Start());
      EXPECT_THAT(fresh.Send(0, "fresh", 8), IsOk());
    }
    return status;
  }
};

TEST_F(MmioTransportRestoreTest, GoesOnWhereItWasSaved) {
  ASSERT_TRUE(driver_.Start());
  for (int i = 0; i < 20; ++i) ASSERT_THAT(driver_.Send(0, "x", 1), IsOk());
  const auto state = harness_.Save();
  ASSERT_THAT(state, IsOk());
  // Offered and not notified in time: the restored device finds it by itself.
  const GuestAddress buffer = driver_.Allocate(16);
  harness_.ram().SetText(buffer, "late");
  driver_.queue(0).EnableInterrupt();
  driver_.queue(0).Offer({{buffer, 4}, {{buffer.value + 8}, 4, true}});

  EchoDevice::Log log;
  DeviceHarness other([&log](EventLoop&) { return std::make_unique<EchoDevice>(log); },
                      &harness_.ram());
  ASSERT_THAT(other.Restore(*state), IsOk());
  EXPECT_EQ(log.features, kOffered);
  EXPECT_EQ(other.driver().status(), driver_.status());
  while (!driver_.queue(0).TakeUsed().has_value()) {
    ASSERT_TRUE(other.line().Wait());
    other.driver().Write(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
  }
  EXPECT_EQ(harness_.ram().Text({buffer.value + 8}, 4), "LATE");
}

TEST_F(MmioTransportRestoreTest, SavesBeforeActivationHappened) {
  ASSERT_TRUE(driver_.Start());  // posted, perhaps not done
  const TransportState state = SavedState();
  EXPECT_EQ(state.device(), std::string(1, '\0'));
  EXPECT_THAT(TryRestore(state), IsOk());
}

TEST_F(MmioTransportRestoreTest, RestoresHalfWayThroughNegotiation) {
  ASSERT_TRUE(driver_.Negotiate(kOffered));
  driver_.SetUpQueue(0, 16);
  const auto saved = harness_.Save();
  ASSERT_THAT(saved, IsOk());
  DeviceHarness other(Factory(), &harness_.ram());
  ASSERT_THAT(other.Restore(*saved), IsOk());
  EXPECT_EQ(other.driver().status(), driver_.status());
  EXPECT_EQ(other.driver().Read(VIRTIO_MMIO_QUEUE_READY), 1);
}

TEST_F(MmioTransportRestoreTest, PendingInterruptComesAgain) {
  ASSERT_TRUE(driver_.Start());
  harness_.RunOnLoop([this] { harness_.transport().SetConfig("ABCDEFGHI"); });
  TransportState state = SavedState();
  EXPECT_EQ(state.interrupt_status(), 2);
  EXPECT_THAT(TryRestore(state),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("configuration space")));
  state.set_config("\x01\x02\x03\x04\x05\x06\x07\x08\x09");
  DeviceHarness other(Factory(), &harness_.ram());
  ASSERT_THAT(other.Restore(state.SerializeAsString()), IsOk());
  EXPECT_TRUE(other.line().Wait());
  EXPECT_EQ(other.driver().Read(VIRTIO_MMIO_INTERRUPT_STATUS), 2);
}

TEST_F(MmioTransportRestoreTest, KeepsAnInterruptThatRestoringRaises) {
  ASSERT_TRUE(driver_.Start());
  TransportState state = SavedState();
  EXPECT_EQ(state.interrupt_status(), 0);
  state.set_interrupt_status(VIRTIO_MMIO_INT_VRING);
  EchoDevice::Log log;
  log.raise_in_restore = true;
  DeviceHarness other([&log](EventLoop&) { return std::make_unique<EchoDevice>(log); },
                      &harness_.ram());
  ASSERT_THAT(other.Restore(state.SerializeAsString()), IsOk());
  EXPECT_TRUE(other.line().Wait());
  EXPECT_EQ(other.driver().Read(VIRTIO_MMIO_INTERRUPT_STATUS),
            VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG);
}

TEST_F(MmioTransportRestoreTest, ARefusedStateLeavesNoInterrupt) {
  ASSERT_TRUE(driver_.Start());
  TransportState state = SavedState();
  state.set_interrupt_status(VIRTIO_MMIO_INT_VRING);
  state.set_device("no state of an echo");
  DeviceHarness other(Factory(), &harness_.ram());
  EXPECT_FALSE(other.Restore(state.SerializeAsString()).ok());
  EXPECT_EQ(other.driver().Read(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
}

TEST_F(MmioTransportRestoreTest, AFeatureAboveBit63IsNotForgotten) {
  driver_.AddStatus(VIRTIO_STATUS_ACKNOWLEDGE);
  driver_.AddStatus(VIRTIO_STATUS_DRIVER);
  driver_.Write(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 2);
  driver_.Write(VIRTIO_MMIO_DRIVER_FEATURES, 1);
  driver_.Write(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
  driver_.Write(VIRTIO_MMIO_DRIVER_FEATURES, static_cast<uint32_t>(kOffered >> 32));
  const auto saved = harness_.Save();
  ASSERT_THAT(saved, IsOk());
  DeviceHarness other(Factory(), &harness_.ram());
  ASSERT_THAT(other.Restore(*saved), IsOk());
  other.driver().AddStatus(VIRTIO_STATUS_FEATURES_OK);
  EXPECT_EQ(other.driver().status() & VIRTIO_STATUS_FEATURES_OK, 0);
}

TEST_F(MmioTransportRestoreTest, BrokenDeviceStaysBroken) {
  ASSERT_TRUE(driver_.Start());
  EXPECT_FALSE(driver_.Send(0, "break", 8).ok());
  const auto saved = harness_.Save();
  ASSERT_THAT(saved, IsOk());
  EchoDevice::Log log;
  DeviceHarness other([&log](EventLoop&) { return std::make_unique<EchoDevice>(log); },
                      &harness_.ram());
  ASSERT_THAT(other.Restore(*saved), IsOk());
  EXPECT_EQ(log.activations, 0);
  EXPECT_TRUE(other.driver().status() & VIRTIO_STATUS_DEVICE_NEEDS_RESET);
  ASSERT_TRUE(other.driver().Start());
  EXPECT_THAT(other.driver().Send(0, "x", 1), IsOk());
}

TEST_F(MmioTransportRestoreTest, RefusesADeviceInUse) {
  ASSERT_TRUE(driver_.Start());
  EXPECT_THAT(harness_.Restore(SavedState().SerializeAsString()),
              StatusIs(absl::StatusCode::kFailedPrecondition, _));
  EXPECT_THAT(driver_.Send(0, "x", 1), IsOk());
}

TEST_F(MmioTransportRestoreTest, RefusesImpossibleStates) {
  ASSERT_TRUE(driver_.Start());
  ASSERT_THAT(driver_.Send(0, "x", 1), IsOk());
  const TransportState good = SavedState();
  EXPECT_THAT(TryRestore(good), IsOk());

  const auto refused = [&](absl::string_view what, auto change) {
    TransportState state = good;
    change(state);
    EXPECT_FALSE(TryRestore(state).ok()) << what;
  };
  refused("type", [](auto& s) { s.set_device_type(7); });
  refused("status", [](auto& s) { s.set_status(0x10f); });
  refused("status order", [](auto& s) { s.set_status(5); });
  refused("features of no driver", [](auto& s) { s.set_status(1); });
  refused("needs reset without driver", [](auto& s) { s.set_status(0x43); });
  refused("features", [](auto& s) { s.set_driver_features(kOffered | 1); });
  refused("version", [](auto& s) { s.set_driver_features(0); });
  refused("interrupts", [](auto& s) { s.set_interrupt_status(4); });
  refused("feature above bit 63", [](auto& s) { s.set_impossible_feature(true); });
  refused("config", [](auto& s) { s.set_config("short"); });
  refused("queues", [](auto& s) { s.add_queues(); });
  refused("no queues", [](auto& s) { s.clear_queues(); });
  refused("size", [](auto& s) { s.mutable_queues(0)->set_size(65536 + 16); });
  refused("size not a power", [](auto& s) { s.mutable_queues(0)->set_size(15); });
  refused("index", [](auto& s) { s.mutable_queues(0)->set_next_index(65536); });
  refused("not ready", [](auto& s) { s.mutable_queues(1)->set_ready(false); });
  refused("address", [](auto& s) { s.mutable_queues(1)->set_device_area(UINT64_MAX - 7); });
  refused("device state", [](auto& s) { s.set_device("xx"); });
}

TEST_F(MmioTransportRestoreTest, RefusesGarbage) {
  DeviceHarness other(Factory());
  EXPECT_THAT(other.Restore("\xff\xff garbage"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("does not parse")));
  EXPECT_THAT(other.Restore(""), StatusIs(absl::StatusCode::kInvalidArgument, _));
}

}  // namespace
}  // namespace voidbox
