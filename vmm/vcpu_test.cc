#include "vmm/vcpu.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>

#include "base/status_matchers.h"
#include "vmm/testing/fake_hypervisor.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;
using Kind = FakeExit::Kind;

constexpr uint64_t kPort = 0x100;

// Gives the number of the access to each read.
class Counter final : public IoHandler {
 public:
  void Read(uint64_t, std::span<std::byte> out) override { out[0] = std::byte{++reads}; }
  void Write(uint64_t, std::span<const std::byte>) override { ++writes; }
  uint8_t reads = 0;
  std::atomic<int> writes = 0;
};

class VcpuTest : public ::testing::Test {
 protected:
  VcpuTest() {
    EXPECT_THAT(Vcpu::InstallKickSignal(), IsOk());
    EXPECT_THAT(ports_.Add("counter", kPort, 1, counter_), IsOk());
    EXPECT_THAT(memory_.Add("counter", kPort, 1, counter_), IsOk());
  }
  // The vCPU ends with its host, at the latest.
  void Start(FakeHost& host, bool paused = false) {
    host.on_end = [this] { vcpu_.reset(); };
    hypervisor_ = host.Opener()().value();
    vm_ = hypervisor_->CreateVm().value();
    auto vcpu =
        Vcpu::Start(0, vm_->CreateVcpu(0).value(),
                    {.ports = ports_,
                     .memory = memory_,
                     .on_start = [this] { return start_; },
                     .on_crash = [this](std::string reason) { crash_ = std::move(reason); },
                     .on_outside = [this] { outside_.fetch_add(1), outside_.notify_all(); }},
                    paused);
    ASSERT_THAT(vcpu, IsOk());
    vcpu_ = *std::move(vcpu);
  }
  void WaitUntilOutside() {
    while (!vcpu_->outside()) outside_.wait(0);
    outside_ = 0;
  }

  Counter counter_;
  IoBus ports_, memory_;
  std::unique_ptr<Hypervisor> hypervisor_;
  std::unique_ptr<VirtualMachine> vm_;
  absl::Status start_;
  std::string crash_;  // the vCPU's thread, until it has ended
  std::atomic<int> outside_ = 0;
  std::unique_ptr<Vcpu> vcpu_;
};

TEST_F(VcpuTest, CarriesAccessesOutInOrder) {
  std::atomic<uint64_t> sum = 0;
  std::atomic<int> step = 0;
  FakeHost host([&](uint32_t, uint64_t read) -> std::optional<FakeExit> {
    sum += read;
    switch (step++) {
      case 0:
        return FakeExit{.kind = Kind::kPortRead, .address = kPort};
      case 1:
        return FakeExit{.kind = Kind::kMmioRead, .address = kPort};
      case 2:
        return FakeExit{.kind = Kind::kPortWrite, .address = kPort};
      case 3:
        return FakeExit{.kind = Kind::kMmioWrite, .address = kPort};
      default:
        return FakeExit{.kind = Kind::kTripleFault};
    }
  });
  Start(host);
  WaitUntilOutside();
  vcpu_.reset();
  EXPECT_EQ(sum, 1u + 2u);
  EXPECT_EQ(counter_.writes, 2);
  EXPECT_THAT(crash_, HasSubstr("vCPU 0: triple fault"));
}

TEST_F(VcpuTest, APauseInTheMiddleOfAnAccessCompletesIt) {
  std::atomic<bool> reading = false, asked = false;
  std::atomic<uint64_t> value = 0;
  // The pause is asked for while the exit is on its way to the handler.
  FakeHost host([&](uint32_t, uint64_t read) -> std::optional<FakeExit> {
    value = read;
    if (reading.exchange(true)) return std::nullopt;
    reading.notify_all();
    asked.wait(false);
    return FakeExit{.kind = Kind::kPortRead, .address = kPort};
  });
  Start(host);
  reading.wait(false);
  vcpu_->RequestPause();
  asked = true;
  asked.notify_all();
  WaitUntilOutside();
  EXPECT_EQ(host.incomplete(), 0);
  EXPECT_EQ(counter_.reads, 1);
  vcpu_->Resume();
  vcpu_->RequestStop();
}

TEST_F(VcpuTest, StartsPausedAndTellsTheGuestOfEachPause) {
  std::atomic<int> entries = 0;
  FakeHost host([&](uint32_t, uint64_t) -> std::optional<FakeExit> {
    ++entries;
    entries.notify_all();
    return std::nullopt;
  });
  Start(host, /*paused=*/true);
  WaitUntilOutside();
  EXPECT_EQ(entries, 0);
  vcpu_->Resume();
  entries.wait(0);
  EXPECT_EQ(host.noted_pauses(), 1);
  vcpu_->RequestPause();
  WaitUntilOutside();
  vcpu_->Resume();
  entries.wait(1);
  EXPECT_EQ(host.noted_pauses(), 2);
}

TEST_F(VcpuTest, AThreadThatCannotBeConfinedRunsNoGuest) {
  std::atomic<int> entries = 0;
  FakeHost host([&](uint32_t, uint64_t) -> std::optional<FakeExit> {
    ++entries;
    return std::nullopt;
  });
  start_ = absl::InternalError("no filter");
  Start(host);
  WaitUntilOutside();
  vcpu_.reset();
  EXPECT_EQ(entries, 0);
  EXPECT_THAT(crash_, HasSubstr("no filter"));
}

TEST_F(VcpuTest, SurvivesRequestsFromEverywhere) {
  FakeHost host(
      [](uint32_t, uint64_t) { return FakeExit{.kind = Kind::kPortWrite, .address = kPort}; });
  Start(host);
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([this] {
      for (int turn = 0; turn < 200; ++turn) {
        vcpu_->RequestPause();
        vcpu_->outside();
        vcpu_->Resume();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  vcpu_->RequestPause();
  WaitUntilOutside();
  EXPECT_EQ(host.incomplete(), 0);
}

}  // namespace
}  // namespace voidbox
