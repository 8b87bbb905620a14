#include "virtio/mmio_transport.h"

#include <poll.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/testing/device_harness.h"

namespace voidbox {
namespace {

using ::testing::_;
using ::testing::HasSubstr;

constexpr uint64_t kOwnFeature = FeatureMask(3) | FeatureMask(40);
constexpr uint64_t kOffered = kOwnFeature | FeatureMask(VIRTIO_F_VERSION_1) |
                              FeatureMask(VIRTIO_F_INDIRECT_DESC) | FeatureMask(VIRTIO_F_EVENT_IDX);

// Sends every request back in upper case; "break" breaks it, "fail" does so without a caller.
class EchoDevice final : public VirtioDevice {
 public:
  struct Log {
    std::atomic<int> activations = 0;
    std::atomic<int> resets = 0;
    std::atomic<uint64_t> features = 0;
    std::atomic<int> notifies = 0;
    std::atomic<bool> refuse_activation = false;
    std::atomic<bool> raise_in_restore = false;
    std::atomic<int> quiesces = 0;
    std::atomic<int> resumes = 0;
    std::atomic<bool> hold_reset = false;
    std::atomic<bool> hold_quiesce = false;
    VirtioDevice::Done held;  // the loop's thread
    Activation activation;
  };

  explicit EchoDevice(Log& log)
      : VirtioDevice({.type = 42,
                      .name = "echo",
                      .features = kOwnFeature,
                      .queue_sizes = {16, 8},
                      .config = std::string("\x01\x02\x03\x04\x05\x06\x07\x08\x09", 9)}),
        log_(log) {}

  absl::Status Activate(const Activation& activation) override {
    activation_ = activation;
    log_.activation = activation;
    log_.features = activation.features;
    ++log_.activations;
    if (log_.refuse_activation) return absl::InternalError("refused");
    return absl::OkStatus();
  }

  absl::Status HandleNotify(uint16_t index) override {
    ++log_.notifies;
    Queue& queue = activation_.queues[index];
    do {
      while (true) {
        auto chain = queue.Pop();
        if (!chain.ok()) return chain.status();
        if (!chain->has_value()) break;
        std::string text((*chain)->reader().remaining(), '\0');
        const absl::Status read = (*chain)->reader().Read(std::as_writable_bytes(std::span(text)));
        if (!read.ok()) return read;
        if (text == "break") return absl::DataLossError("asked to break");
        if (text == "fail") activation_.transport->Fail(absl::DataLossError("asked to fail"));
        for (char& c : text) c = static_cast<char>(std::toupper(c));
        const absl::Status written =
            (*chain)->writer().Write(std::as_bytes(std::span(text.data(), text.size())));
        queue.Complete(**std::move(chain), written.ok() ? text.size() : 0);
        ++echoed_;
      }
      queue.Signal();
    } while (queue.EnableNotification());
    return absl::OkStatus();
  }

  void Reset(const Done& done) override {
    ++log_.resets;
    activation_ = {};
    echoed_ = 0;
    if (!log_.hold_reset) return done();
    log_.held = done;
  }

  void Quiesce(const Done& done) override {
    ++log_.quiesces;
    if (!log_.hold_quiesce) return done();
    log_.held = done;
  }
  void Resume() override { ++log_.resumes; }

  absl::StatusOr<std::string> Save() override { return std::string(1, static_cast<char>(echoed_)); }
  absl::Status Restore(absl::string_view state) override {
    if (state.size() != 1) return absl::InvalidArgumentError("bad echo state");
    echoed_ = state[0];
    if (log_.raise_in_restore) activation_.interrupt->RaiseConfig();
    return absl::OkStatus();
  }

 private:
  Log& log_;
  Activation activation_;
  int echoed_ = 0;
};

class MmioTransportTest : public ::testing::Test {
 protected:
  DeviceFactory Factory() {
    return [this](EventLoop&) { return std::make_unique<EchoDevice>(log_); };
  }

  uint32_t StatusAfterWriting(std::vector<uint32_t> values) {
    driver_.Reset();
    for (const uint32_t value : values) driver_.Write(VIRTIO_MMIO_STATUS, value);
    return driver_.status();
  }

  EchoDevice::Log log_;
  DeviceHarness harness_{Factory()};
  FakeDriver& driver_ = harness_.driver();
};

TEST_F(MmioTransportTest, IdentifiesItself) {
  EXPECT_EQ(driver_.Read(VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
  EXPECT_EQ(driver_.Read(VIRTIO_MMIO_VERSION), 2);
  EXPECT_EQ(driver_.Read(VIRTIO_MMIO_DEVICE_ID), 42);
  EXPECT_EQ(driver_.OfferedFeatures(), kOffered);
  driver_.Write(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
  EXPECT_EQ(driver_.Read(VIRTIO_MMIO_DEVICE_FEATURES), 0);
  EXPECT_EQ(driver_.queue_count(), 2);
  EXPECT_EQ(driver_.MaxQueueSize(0), 16);
  EXPECT_EQ(driver_.MaxQueueSize(1), 8);
}

TEST_F(MmioTransportTest, HasNoSharedMemory) {
  for (const uint32_t offset : {VIRTIO_MMIO_SHM_LEN_LOW, VIRTIO_MMIO_SHM_LEN_HIGH,
                                VIRTIO_MMIO_SHM_BASE_LOW, VIRTIO_MMIO_SHM_BASE_HIGH}) {
    EXPECT_EQ(driver_.Read(offset), UINT32_MAX);
  }
}

TEST_F(MmioTransportTest, EchoesThroughARequest) {
  ASSERT_TRUE(driver_.Start());
  for (const uint16_t queue : {0, 1}) {
    const auto reply = driver_.Send(queue, "hello", 16);
    ASSERT_THAT(reply, IsOk());
    EXPECT_EQ(*reply, "HELLO");
  }
  EXPECT_EQ(log_.features, kOffered);
  EXPECT_EQ(log_.activations, 1);
}

TEST_F(MmioTransportTest, TakesStatusBitsInOrderOnly) {
  EXPECT_EQ(StatusAfterWriting({2}), 0) << "DRIVER without ACKNOWLEDGE";
  EXPECT_EQ(StatusAfterWriting({1, 3}), 3);
  EXPECT_EQ(StatusAfterWriting({1, 9}), 1) << "FEATURES_OK without DRIVER";
  EXPECT_EQ(StatusAfterWriting({1, 3, 7}), 3) << "DRIVER_OK without FEATURES_OK";
  EXPECT_EQ(StatusAfterWriting({1, 3, 1}), 3) << "bits cannot be taken back";
  EXPECT_EQ(StatusAfterWriting({1, 3, 131}), 131) << "FAILED";
  EXPECT_EQ(StatusAfterWriting({1, 3, 131, 139}), 131) << "nothing after FAILED";
  EXPECT_EQ(StatusAfterWriting({64}), 0) << "NEEDS_RESET is the device's";
  EXPECT_EQ(StatusAfterWriting({UINT32_MAX}), 131);
  EXPECT_EQ(log_.activations, 0);
}

TEST_F(MmioTransportTest, RefusesFeaturesThatWereNotOffered) {
  EXPECT_TRUE(driver_.Negotiate(FeatureMask(VIRTIO_F_VERSION_1)));
  for (const uint64_t features :
       {uint64_t{0}, kOwnFeature, kOffered | FeatureMask(0), kOffered | FeatureMask(63)}) {
    driver_.Reset();
    EXPECT_FALSE(driver_.Negotiate(features)) << features;
    driver_.AddStatus(VIRTIO_STATUS_DRIVER_OK);
    EXPECT_EQ(driver_.status(), VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
  }
}

TEST_F(MmioTransportTest, RefusesFeaturesAboveBit63) {
  driver_.AddStatus(VIRTIO_STATUS_ACKNOWLEDGE);
  driver_.AddStatus(VIRTIO_STATUS_DRIVER);
  driver_.Write(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 2);
  driver_.Write(VIRTIO_MMIO_DRIVER_FEATURES, 1);
  EXPECT_FALSE(driver_.Negotiate(kOffered));
  driver_.Reset();
  EXPECT_TRUE(driver_.Negotiate(kOffered));
}

TEST_F(MmioTransportTest, FreezesFeaturesAtFeaturesOk) {
  ASSERT_TRUE(driver_.Negotiate(FeatureMask(VIRTIO_F_VERSION_1)));
  driver_.Write(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
  driver_.Write(VIRTIO_MMIO_DRIVER_FEATURES, 8);
  driver_.SetUpQueue(0, 16);
  driver_.SetUpQueue(1, 8);
  driver_.AddStatus(VIRTIO_STATUS_DRIVER_OK);
  ASSERT_THAT(driver_.Send(0, "x", 1), IsOk());
  EXPECT_EQ(log_.features, FeatureMask(VIRTIO_F_VERSION_1));
}

TEST_F(MmioTransportTest, QueueRegistersNeedFeaturesOk) {
  driver_.SetUpQueue(0, 16);
  driver_.Write(VIRTIO_MMIO_QUEUE_SEL, 0);
  EXPECT_EQ(driver_.Read(VIRTIO_MMIO_QUEUE_READY), 0);
}

TEST_F(MmioTransportTest, FreezesAQueueWhileItIsReady) {
  ASSERT_TRUE(driver_.Negotiate(kOffered));
  driver_.SetUpQueue(0, 16);
  driver_.SetUpQueue(1, 8);
  driver_.Write(VIRTIO_MMIO_QUEUE_SEL, 0);
  EXPECT_EQ(driver_.Read(VIRTIO_MMIO_QUEUE_READY), 1);
  driver_.Write(VIRTIO_MMIO_QUEUE_NUM, 3);
  driver_.Write(VIRTIO_MMIO_QUEUE_DESC_HIGH, 0xffff);
  driver_.AddStatus(VIRTIO_STATUS_DRIVER_OK);
  EXPECT_THAT(driver_.Send(0, "x", 1), IsOk());
}

TEST_F(MmioTransportTest, FreezesQueuesWhenActive) {
  ASSERT_TRUE(driver_.Start());
  for (const uint16_t queue : {0, 1}) {
    driver_.WriteQueueRegisters(queue, {.size = 2, .ready = false});
    driver_.Write(VIRTIO_MMIO_QUEUE_SEL, queue);
    EXPECT_EQ(driver_.Read(VIRTIO_MMIO_QUEUE_READY), 1);
    EXPECT_THAT(driver_.Send(queue, "x", 1), IsOk());
  }
}

TEST_F(MmioTransportTest, ChecksQueueSelectAtEveryAccess) {
  ASSERT_TRUE(driver_.Negotiate(kOffered));
  for (const uint32_t select : {2u, 65535u, 65536u, UINT32_MAX}) {
    driver_.Write(VIRTIO_MMIO_QUEUE_SEL, select);
    EXPECT_EQ(driver_.Read(VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
    driver_.Write(VIRTIO_MMIO_QUEUE_NUM, 16);
    driver_.Write(VIRTIO_MMIO_QUEUE_DESC_LOW, 0x1000);
    driver_.Write(VIRTIO_MMIO_QUEUE_READY, 1);
    EXPECT_EQ(driver_.Read(VIRTIO_MMIO_QUEUE_READY), 0);
    driver_.Write(VIRTIO_MMIO_QUEUE_NOTIFY, select);
  }
}

TEST_F(MmioTransportTest, NeedsResetWhenAQueueIsNotReady) {
  ASSERT_TRUE(driver_.Negotiate(kOffered));
  driver_.SetUpQueue(0, 16);
  driver_.AddStatus(VIRTIO_STATUS_DRIVER_OK);
  EXPECT_TRUE(driver_.WaitForNeedsReset());
  EXPECT_EQ(log_.activations, 0);
}

TEST_F(MmioTransportTest, NeedsResetWhenQueueSizeDoesNotFit) {
  for (const uint32_t size : {0u, 3u, 32u, 65535u, 65536u + 16, UINT32_MAX}) {
    driver_.Reset();
    ASSERT_TRUE(driver_.Negotiate(kOffered));
    driver_.SetUpQueue(0, 16);
    driver_.Write(VIRTIO_MMIO_QUEUE_READY, 0);
    driver_.Write(VIRTIO_MMIO_QUEUE_NUM, size);
    driver_.Write(VIRTIO_MMIO_QUEUE_READY, 1);
    driver_.SetUpQueue(1, 8);
    driver_.AddStatus(VIRTIO_STATUS_DRIVER_OK);
    EXPECT_TRUE(driver_.WaitForNeedsReset()) << size;
  }
  EXPECT_EQ(log_.activations, 0);
  EXPECT_TRUE(driver_.Start());
  EXPECT_THAT(driver_.Send(0, "x", 1), IsOk());
}

TEST_F(MmioTransportTest, BreaksAndComesBack) {
  ASSERT_TRUE(driver_.Start());
  for (const char* text : {"break", "fail"}) {
    const auto reply = driver_.Send(0, text, 8);
    if (reply.ok()) {
      EXPECT_EQ(*reply, "FAIL");
      EXPECT_TRUE(driver_.WaitForNeedsReset());
    } else {
      EXPECT_THAT(reply, StatusIs(absl::StatusCode::kFailedPrecondition, _));
    }
    // Notifications of a broken device reach nobody.
    const int notifies = log_.notifies;
    driver_.Notify(0);
    harness_.Settle();
    EXPECT_EQ(log_.notifies, notifies);
    ASSERT_TRUE(driver_.Start());
    EXPECT_THAT(driver_.Send(0, "again", 8), IsOk());
  }
  EXPECT_EQ(log_.resets, 2);
}

TEST_F(MmioTransportTest, NeedsResetWhenTheDeviceRefuses) {
  log_.refuse_activation = true;
  driver_.Start();
  EXPECT_TRUE(driver_.WaitForNeedsReset());
  driver_.Reset();
  EXPECT_EQ(log_.resets, 1);
  EXPECT_EQ(driver_.status(), 0);
}

TEST_F(MmioTransportTest, ResetIsCompleteWhenTheWriteReturns) {
  for (int i = 1; i <= 50; ++i) {
    ASSERT_TRUE(driver_.Start());
    driver_.queue(0).Offer({{driver_.Allocate(8), 4}});
    driver_.Notify(0);
    driver_.Write(VIRTIO_MMIO_STATUS, 0);
    EXPECT_EQ(driver_.status(), 0);
    EXPECT_EQ(driver_.Read(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
    EXPECT_EQ(log_.resets, log_.activations);
    driver_.Write(VIRTIO_MMIO_QUEUE_SEL, 0);
    EXPECT_EQ(driver_.Read(VIRTIO_MMIO_QUEUE_READY), 0);
  }
}

TEST_F(MmioTransportTest, KeepsNotificationsFromBeforeActivation) {
  ASSERT_TRUE(driver_.Negotiate(kOffered));
  driver_.SetUpQueue(0, 16);
  driver_.SetUpQueue(1, 8);
  driver_.queue(0).Offer({{driver_.Allocate(8), 4}});
  const uint64_t one = 1;
  ASSERT_EQ(::write(harness_.transport().notify_fds()[0], &one, sizeof(one)), 8);
  driver_.AddStatus(VIRTIO_STATUS_DRIVER_OK);
  EXPECT_THAT(driver_.WaitForUsed(0), IsOk());
}

TEST_F(MmioTransportTest, HandlesEveryNotificationThroughEventfds) {
  ASSERT_TRUE(driver_.Start(FeatureMask(VIRTIO_F_VERSION_1)));
  const GuestAddress buffer = driver_.Allocate(8);
  for (int i = 0; i < 100; ++i) {
    driver_.queue(1).Offer({{buffer, 4}});
    const uint64_t one = 1;
    ASSERT_EQ(::write(harness_.transport().notify_fds()[1], &one, sizeof(one)), 8);
    ASSERT_THAT(driver_.WaitForUsed(1), IsOk());
  }
}

TEST_F(MmioTransportTest, SurvivesThreadsThatWriteEverything) {
  std::vector<std::thread> threads;
  for (unsigned seed = 1; seed <= 3; ++seed) {
    threads.emplace_back([this, seed] {
      FakeInterruptLine unused;
      FakeDriver driver(harness_.transport(), harness_.memory(), unused, {0x10000 + seed * 0x10000},
                        0x10000);
      uint32_t random = seed;
      for (int i = 0; i < 300; ++i) {
        random = random * 1664525 + 1013904223;
        if (i % 3 == 0) driver.Start();
        driver.Write((random >> 16) % 0x100 & ~3u, random % 5);
        driver.Read((random >> 8) % 0x200 & ~3u);
        driver.Notify(random % 3);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(driver_.Start());
  EXPECT_THAT(driver_.Send(0, "alive", 8), IsOk());
}

TEST_F(MmioTransportTest, ResetsOnTheLoopsOwnThread) {
  ASSERT_TRUE(driver_.Start());
  ASSERT_THAT(driver_.Send(0, "x", 1), IsOk());
  harness_.RunOnLoop([this] {
    driver_.Write(VIRTIO_MMIO_STATUS, 0);
    EXPECT_EQ(driver_.status(), 0);
  });
  EXPECT_EQ(log_.resets, 1);
}

TEST_F(MmioTransportTest, AVcpuWaitsForASlowResetAndTheLoopDoesNot) {
  ASSERT_TRUE(driver_.Start());
  ASSERT_THAT(driver_.Send(0, "x", 1), IsOk());
  log_.hold_reset = true;
  std::thread vcpu([this] { driver_.Write(VIRTIO_MMIO_STATUS, 0); });
  while (log_.resets == 0) harness_.Settle();  // the loop turns, and begins the reset
  harness_.Settle();
  FakeDriver other(harness_.transport(), harness_.memory(), harness_.line());
  EXPECT_NE(other.status(), 0) << "0 would say that it is complete, virtio 1.2 §2.1.2";
  other.Write(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);  // ignored
  harness_.RunOnLoop([this] { std::exchange(log_.held, nullptr)(); });
  vcpu.join();
  EXPECT_EQ(driver_.status(), 0);
  log_.hold_reset = false;
  ASSERT_TRUE(driver_.Start());
  EXPECT_THAT(driver_.Send(0, "alive", 8), IsOk());
}

TEST_F(MmioTransportTest, AResetWaitsForADeviceThatBroke) {
  ASSERT_TRUE(driver_.Start());
  log_.hold_reset = true;
  EXPECT_FALSE(driver_.Send(0, "break", 8).ok());
  std::thread vcpu([this] { driver_.Write(VIRTIO_MMIO_STATUS, 0); });
  harness_.Settle();
  EXPECT_NE(driver_.status(), 0);
  EXPECT_EQ(log_.resets, 1);
  harness_.RunOnLoop([this] { std::exchange(log_.held, nullptr)(); });
  vcpu.join();
  EXPECT_EQ(driver_.status(), 0);
  EXPECT_EQ(log_.resets, 1);
}

TEST_F(MmioTransportTest, AQuiescedDeviceIsNotNotified) {
  ASSERT_TRUE(driver_.Start());
  ASSERT_THAT(driver_.Send(0, "x", 1), IsOk());
  harness_.Quiesce();
  const int notifies = log_.notifies;
  driver_.queue(0).Offer({{driver_.Allocate(8), 4}});
  driver_.Notify(0);
  harness_.Settle();
  EXPECT_EQ(log_.notifies, notifies);
  EXPECT_EQ(driver_.queue(0).used_index(), 1);
  harness_.Resume();
  EXPECT_THAT(driver_.WaitForUsed(0), IsOk());
  EXPECT_EQ(log_.resumes, 1);
}

TEST_F(MmioTransportTest, ResumeCallsOffAQuiesce) {
  ASSERT_TRUE(driver_.Start());
  ASSERT_THAT(driver_.Send(0, "x", 1), IsOk());
  log_.hold_quiesce = true;
  bool quiet = false;
  harness_.RunOnLoop([&] {
    harness_.transport().Quiesce([&] { quiet = true; });
    EXPECT_THAT(harness_.transport().Save(),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not quiesced")));
    harness_.transport().Resume();
  });
  EXPECT_THAT(driver_.Send(0, "x", 1), IsOk());
  EXPECT_FALSE(quiet);
}

TEST_F(MmioTransportTest, AQuiesceOutlastsTheEndOfABrokenDevice) {
  ASSERT_TRUE(driver_.Start());
  log_.hold_reset = true;
  EXPECT_FALSE(driver_.Send(0, "break", 8).ok());
  bool quiet = false;
  harness_.RunOnLoop([&] { harness_.transport().Quiesce([&] { quiet = true; }); });
  EXPECT_FALSE(quiet);
  harness_.RunOnLoop([this] { std::exchange(log_.held, nullptr)(); });
  EXPECT_TRUE(quiet);
  EXPECT_EQ(log_.quiesces, 0);
}

TEST_F(MmioTransportTest, DestructionResetsTheDevice) {
  EchoDevice::Log log;
  {
    DeviceHarness harness([&log](EventLoop&) { return std::make_unique<EchoDevice>(log); });
    ASSERT_TRUE(harness.driver().Start());
    ASSERT_THAT(harness.driver().Send(0, "x", 1), IsOk());
  }
  EXPECT_EQ(log.resets, 1);
}

TEST_F(MmioTransportTest, ActivationPostedBeforeDestructionDoesNothing) {
  EchoDevice::Log log;
  auto loop = EventLoop::Create();
  ASSERT_THAT(loop, IsOk());
  GuestRam ram;
  FakeInterruptLine line;
  auto transport =
      MmioTransport::Create(std::make_unique<EchoDevice>(log), **loop, ram.memory(), line);
  ASSERT_THAT(transport, IsOk());
  ASSERT_TRUE(FakeDriver(**transport, ram.memory(), line).Start());
  transport->reset();
  EXPECT_THAT((*loop)->RunOnce(absl::ZeroDuration()), IsOk());
  EXPECT_EQ(log.activations, 0);
}

TEST_F(MmioTransportTest, OneEdgeUntilItIsAcknowledged) {
  ASSERT_TRUE(driver_.Start());
  ASSERT_THAT(driver_.Send(0, "x", 1), IsOk());
  harness_.RunOnLoop([this] {
    const int before = harness_.line().count();
    log_.activation.interrupt->RaiseQueue();
    log_.activation.interrupt->RaiseQueue();
    EXPECT_EQ(harness_.line().count(), before + 1);
    log_.activation.interrupt->RaiseConfig();
    EXPECT_EQ(harness_.line().count(), before + 2);
  });
  EXPECT_EQ(driver_.Read(VIRTIO_MMIO_INTERRUPT_STATUS), 3);
  driver_.Write(VIRTIO_MMIO_INTERRUPT_ACK, 1);
  EXPECT_EQ(driver_.Read(VIRTIO_MMIO_INTERRUPT_STATUS), 2);
  driver_.Write(VIRTIO_MMIO_INTERRUPT_ACK, UINT32_MAX);
  EXPECT_EQ(driver_.Read(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
}

TEST_F(MmioTransportTest, ReadsConfigurationByAnyWidth) {
  EXPECT_EQ(driver_.ReadConfig<uint8_t>(1), 0x02);
  EXPECT_EQ(driver_.ReadConfig<uint16_t>(1), 0x0302);
  EXPECT_EQ(driver_.ReadConfig<uint32_t>(4), 0x08070605);
  EXPECT_EQ(driver_.ReadConfig<uint64_t>(0), 0x0807060504030201);
  EXPECT_EQ(driver_.ReadConfig<uint64_t>(8), 0x09) << "zero behind the end";
  EXPECT_EQ(driver_.ReadConfig<uint32_t>(9), 0);
  EXPECT_EQ(driver_.ReadConfig<uint64_t>(0xefc), 0);
  struct Odd {
    uint8_t bytes[3];
  };
  EXPECT_EQ(driver_.ReadConfig<Odd>(0).bytes[0], 0);
  driver_.Write(VIRTIO_MMIO_CONFIG, 0xffffffff);
  EXPECT_EQ(driver_.ReadConfig<uint32_t>(0), 0x04030201);
}

TEST_F(MmioTransportTest, ConfigurationChangeIsAnnounced) {
  ASSERT_TRUE(driver_.Start());
  const uint32_t generation = driver_.Read(VIRTIO_MMIO_CONFIG_GENERATION);
  harness_.RunOnLoop([this] { harness_.transport().SetConfig("ABCDEFGHI"); });
  EXPECT_TRUE(harness_.line().Wait());
  EXPECT_EQ(driver_.Read(VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG,
            VIRTIO_MMIO_INT_CONFIG);
  EXPECT_EQ(driver_.Read(VIRTIO_MMIO_CONFIG_GENERATION), generation + 1);
  EXPECT_EQ(driver_.ReadConfig<uint32_t>(0), 0x44434241);
}

TEST_F(MmioTransportTest, IgnoresAccessesOfOtherWidths) {
  ASSERT_TRUE(driver_.Start());
  const uint32_t status = driver_.status();
  for (uint64_t offset = 0; offset < VIRTIO_MMIO_CONFIG; ++offset) {
    for (const size_t width : {0, 1, 2, 3, 4, 5, 7, 8, 16}) {
      if (width == 4 && offset % 4 == 0) continue;
      std::vector<std::byte> bytes(width, std::byte{0});
      harness_.transport().Write(offset, bytes);
      std::fill(bytes.begin(), bytes.end(), std::byte{0xff});
      harness_.transport().Read(offset, bytes);
      EXPECT_EQ(bytes, std::vector<std::byte>(width)) << offset << " by " << width;
    }
  }
  EXPECT_EQ(driver_.status(), status);
  EXPECT_THAT(driver_.Send(0, "x", 1), IsOk());
  EXPECT_EQ(log_.resets, 0);
}

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
