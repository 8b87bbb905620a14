#include "vmm/machine.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "base/io.h"
#include "base/no_more_threads.h"
#include "base/status_matchers.h"
#include "virtio/spec.h"
#include "vmm/arch/x86_64/layout.h"
#include "vmm/boot/testing_images.h"
#include "vmm/testing/fake_hypervisor.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;
using Kind = FakeExit::Kind;

constexpr uint64_t kSerialLineStatus = 0x3fd;
// The entropy device comes last, after vsock.
constexpr uint64_t kRng = layout::kVirtioMmio + kMmioRegionBytes;
constexpr uint64_t kDescriptors = 0x2000000, kAvailable = 0x2001000, kUsed = 0x2002000,
                   kBuffer = 0x2003000;

std::optional<FakeExit> ReadLineStatus(uint32_t, uint64_t) {
  return FakeExit{.kind = Kind::kPortRead, .address = kSerialLineStatus};
}

class MachineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = ::testing::TempDir() + "/machine-XXXXXX";
    ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
    ASSERT_EQ(::chdir(directory_.c_str()), 0);  // of vsock.sock
    ASSERT_THAT(WriteFileAtomically("vmlinux", FakeElf().Bytes()), IsOk());
    ASSERT_THAT(Vcpu::InstallKickSignal(), IsOk());
    loop_ = EventLoop::Create().value();
    config_.set_vcpu_count(2);
    config_.set_memory_bytes(64 << 20);
  }
  void TearDown() override {
    ASSERT_EQ(::chdir("/"), 0);
    std::filesystem::remove_all(directory_);
  }

  // The machine ends with its host, at the latest.
  absl::Status Boot(FakeHost& host) {
    host.on_end = [this] { machine_.reset(); };
    const auto files = BootFiles::Open("vmlinux", "", config_.memory_bytes());
    if (!files.ok()) return files.status();
    auto machine = Machine::Boot(config_, *files, *loop_,
                                 {.on_stop =
                                      [this](vmm::Stopped::Reason reason, std::string message) {
                                        stopped_ = reason;
                                        message_ = std::move(message);
                                      },
                                  .on_enter = [] {},
                                  .on_boot_mark = [this](uint8_t) { ++marks_; },
                                  .open_hypervisor = host.Opener(),
                                  .confine = [](ThreadKind) { return absl::OkStatus(); }});
    if (!machine.ok()) return machine.status();
    machine_ = *std::move(machine);
    return absl::OkStatus();
  }
  void RunUntil(const std::function<bool()>& done) {
    while (!done()) ASSERT_THAT(loop_->RunOnce(absl::Milliseconds(10)), IsOk());
  }
  // What is due happens: a turn for what was signalled, and one for what that has posted.
  void Turn() {
    for (int i = 0; i < 4; ++i) ASSERT_THAT(loop_->RunOnce(absl::ZeroDuration()), IsOk());
  }
  void Pause() {
    bool paused = false;
    machine_->Pause([&paused] { paused = true; });
    RunUntil([&paused] { return paused; });
    EXPECT_TRUE(machine_->paused());
  }

  std::string directory_;
  std::unique_ptr<EventLoop> loop_;
  vmm::VmConfig config_;
  vmm::Stopped::Reason stopped_ = vmm::Stopped::REASON_UNSPECIFIED;
  std::string message_;
  std::atomic<int> marks_ = 0;
  std::unique_ptr<Machine> machine_;
};

TEST_F(MachineTest, EndsWhenItsGuestDoes) {
  FakeHost reset([](uint32_t, uint64_t) {
    return FakeExit{.kind = Kind::kPortWrite, .address = 0x64, .value = 0xfe};
  });
  ASSERT_THAT(Boot(reset), IsOk());
  RunUntil([this] { return stopped_ != vmm::Stopped::REASON_UNSPECIFIED; });
  EXPECT_EQ(stopped_, vmm::Stopped::GUEST_RESET);
  machine_.reset();
  FakeHost crash([](uint32_t, uint64_t) { return FakeExit{.kind = Kind::kTripleFault}; });
  ASSERT_THAT(Boot(crash), IsOk());
  RunUntil([this] { return stopped_ == vmm::Stopped::GUEST_CRASHED; });
  EXPECT_THAT(message_, HasSubstr("triple fault"));
}

TEST_F(MachineTest, APauseLeavesNoInstructionHalfDoneAndTheGuestIsToldOfIt) {
  FakeHost host(ReadLineStatus);
  ASSERT_THAT(Boot(host), IsOk());
  EXPECT_EQ(host.noted_pauses(), 0);
  for (int i = 1; i <= 50; ++i) {
    const uint64_t before = machine_->metrics().vcpu_exits();
    RunUntil([&] { return machine_->metrics().vcpu_exits() > before + 10; });
    Pause();
    EXPECT_EQ(host.incomplete(), 0);
    const uint64_t exits = machine_->metrics().vcpu_exits();
    Turn();
    EXPECT_EQ(machine_->metrics().vcpu_exits(), exits);
    machine_->Resume();
    RunUntil([&] { return host.noted_pauses() == 2 * i; });
  }
}

TEST_F(MachineTest, APauseOfAPausedMachineIsDoneAndOneThatIsCalledOffToo) {
  FakeHost host(ReadLineStatus);
  ASSERT_THAT(Boot(host), IsOk());
  Pause();
  Pause();
  machine_->Resume();
  bool done = false;
  machine_->Pause([&done] { done = true; });
  machine_->Resume();
  EXPECT_TRUE(done);
  EXPECT_FALSE(machine_->paused());
  const uint64_t exits = machine_->metrics().vcpu_exits();
  RunUntil([&] { return machine_->metrics().vcpu_exits() > exits + 100; });
  Pause();
}

TEST_F(MachineTest, AHaltedGuestIsPausedAndStopped) {
  FakeHost host([](uint32_t, uint64_t) { return std::nullopt; });
  ASSERT_THAT(Boot(host), IsOk());
  Pause();
  machine_->Resume();
  Pause();
}

// Sets the entropy device up, as a driver without optional features, asks it for bytes and halts.
class RngGuest {
 public:
  explicit RngGuest(FakeHost*& host) : host_(host) {
    for (const auto& [offset, value] : std::vector<std::pair<uint32_t, uint32_t>>{
             {VIRTIO_MMIO_STATUS, 0},
             {VIRTIO_MMIO_STATUS, 1},
             {VIRTIO_MMIO_STATUS, 3},
             {VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1},
             {VIRTIO_MMIO_DRIVER_FEATURES, 1},  // VIRTIO_F_VERSION_1
             {VIRTIO_MMIO_STATUS, 0xb},
             {VIRTIO_MMIO_QUEUE_SEL, 0},
             {VIRTIO_MMIO_QUEUE_NUM, 4},
             {VIRTIO_MMIO_QUEUE_DESC_LOW, kDescriptors},
             {VIRTIO_MMIO_QUEUE_DRIVER_LOW, kAvailable},
             {VIRTIO_MMIO_QUEUE_DEVICE_LOW, kUsed},
             {VIRTIO_MMIO_QUEUE_READY, 1},
             {VIRTIO_MMIO_STATUS, 0xf},
             {VIRTIO_MMIO_QUEUE_NOTIFY, 0}}) {
      writes_.push_back(
          {.kind = Kind::kMmioWrite, .address = kRng + offset, .width = 4, .value = value});
    }
  }
  std::optional<FakeExit> operator()(uint32_t cpu, uint64_t) {
    if (cpu != 0 || next_ == writes_.size()) return std::nullopt;
    if (next_ == 0) {
      host_->At<VirtqDescriptor>(kDescriptors) = {kBuffer, 64, VIRTQ_DESC_F_WRITE, 0};
      Offer(*host_, 1);
    }
    return writes_[next_++];
  }
  // The same buffer for the `count`th time.
  static void Offer(FakeHost& host, uint16_t count) {
    std::atomic_ref<uint16_t>(host.At<uint16_t>(kAvailable + 2)).store(count);
  }
  static uint16_t Used(FakeHost& host) {
    return std::atomic_ref<uint16_t>(host.At<uint16_t>(kUsed + 2)).load();
  }

 private:
  FakeHost*& host_;
  std::vector<FakeExit> writes_;
  size_t next_ = 0;
};

TEST_F(MachineTest, DevicesOfAPausedMachineWriteNothing) {
  FakeHost* self = nullptr;
  FakeHost host(RngGuest{self});
  self = &host;
  ASSERT_THAT(Boot(host), IsOk());
  RunUntil([&] { return RngGuest::Used(host) == 1; });
  RunUntil([&] { return host.interrupts() == 1; });
  Pause();
  RngGuest::Offer(host, 2);
  const uint64_t one = 1;
  ASSERT_EQ(::write(host.Doorbell(kRng + VIRTIO_MMIO_QUEUE_NOTIFY, 0), &one, sizeof(one)), 8);
  Turn();
  EXPECT_EQ(RngGuest::Used(host), 1);
  EXPECT_EQ(host.interrupts(), 1);
  machine_->Resume();
  RunUntil([&] { return RngGuest::Used(host) == 2; });
}

TEST_F(MachineTest, RefusesMoreProcessorsThanTheHostCanDo) {
  FakeHost host(ReadLineStatus);
  host.limits.max_vcpus = 2;
  config_.set_vcpu_count(3);
  EXPECT_THAT(Boot(host), StatusIs(absl::StatusCode::kInvalidArgument,
                                   "3 vCPUs, this host's KVM has at most 2"));
}

TEST_F(MachineTest, RefusesToStartWhereThereAreNoMoreThreads) {
  const NoMoreThreads limit;
  FakeHost host(ReadLineStatus);
  EXPECT_THAT(Boot(host), StatusIs(absl::StatusCode::kResourceExhausted,
                                   HasSubstr("no thread can be started")));
}

TEST_F(MachineTest, EndsInGoodOrderWhenItFailsAfterTheGuestRuns) {
  FakeHost host(ReadLineStatus);
  host.on_doorbell = [] { return absl::InternalError("no doorbell"); };
  EXPECT_THAT(Boot(host), StatusIs(absl::StatusCode::kInternal, "no doorbell"));
}

}  // namespace
}  // namespace voidbox
