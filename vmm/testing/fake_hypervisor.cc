#include "vmm/testing/fake_hypervisor.h"

#include <array>
#include <cstring>

#include "base/check.h"

namespace voidbox {

class FakeVcpu final : public VirtualCpu {
 public:
  FakeVcpu(FakeHost& host, uint32_t id) : host_(host), id_(id) {}
  ~FakeVcpu() override { Complete(); }

  absl::Status SetCpuid(std::span<const kvm_cpuid_entry2>) override { return absl::OkStatus(); }
  absl::Status SetMsrs(std::span<const kvm_msr_entry>) override { return absl::OkStatus(); }
  absl::StatusOr<kvm_sregs> GetSregs() override { return kvm_sregs{}; }
  absl::Status SetSregs(const kvm_sregs&) override { return absl::OkStatus(); }
  absl::Status SetRegs(const kvm_regs&) override { return absl::OkStatus(); }
  absl::StatusOr<kvm_lapic_state> GetLapic() override { return kvm_lapic_state{}; }
  absl::Status SetLapic(const kvm_lapic_state&) override { return absl::OkStatus(); }
  absl::Status SetXcr0(uint64_t) override { return absl::OkStatus(); }

  absl::StatusOr<bool> Run() override {
    Complete();
    if (ExitRequested()) return Leave();
    const std::optional<FakeExit> exit = host_.guest(id_, read_);
    if (exit.has_value()) {
      Fill(*exit);
      return true;
    }
    {
      MutexLock lock(mutex_);
      while (!exit_requested_) changed_.Wait(mutex_);
    }
    return Leave();
  }
  absl::Status NotePause() override {
    ++host_.noted_pauses_;
    return absl::OkStatus();
  }
  kvm_run& run() const override { return run_; }
  std::span<std::byte> io_data() const override { return std::span(data_).first(run_.io.size); }
  void RequestExit(bool exit) override {
    MutexLock lock(mutex_);
    exit_requested_ = exit;
    changed_.NotifyAll();
  }

 private:
  bool ExitRequested() {
    MutexLock lock(mutex_);
    return exit_requested_;
  }
  bool Leave() {
    host_.before_leaving();
    return false;
  }
  // As KVM does at the next entry: what was read gets to where the instruction wants it.
  void Complete() {
    if (!std::exchange(incomplete_, false)) return;
    --host_.incomplete_;
    read_ = 0;
    if (run_.exit_reason == KVM_EXIT_IO) {
      std::memcpy(&read_, data_.data(), run_.io.size);
    } else {
      std::memcpy(&read_, run_.mmio.data, run_.mmio.len);
    }
  }
  void Fill(const FakeExit& exit) {
    run_ = {};
    switch (exit.kind) {
      case FakeExit::Kind::kTripleFault:
        run_.exit_reason = KVM_EXIT_SHUTDOWN;
        return;
      case FakeExit::Kind::kPortRead:
      case FakeExit::Kind::kPortWrite:
        run_.exit_reason = KVM_EXIT_IO;
        run_.io.direction =
            exit.kind == FakeExit::Kind::kPortRead ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
        run_.io.port = static_cast<uint16_t>(exit.address);
        run_.io.size = static_cast<uint8_t>(exit.width);
        run_.io.count = 1;
        std::memcpy(data_.data(), &exit.value, sizeof(exit.value));
        break;
      case FakeExit::Kind::kMmioRead:
      case FakeExit::Kind::kMmioWrite:
        run_.exit_reason = KVM_EXIT_MMIO;
        run_.mmio.phys_addr = exit.address;
        run_.mmio.len = exit.width;
        run_.mmio.is_write = exit.kind == FakeExit::Kind::kMmioWrite;
        std::memcpy(run_.mmio.data, &exit.value, sizeof(exit.value));
        break;
    }
    incomplete_ = true;
    ++host_.incomplete_;
  }

  FakeHost& host_;
  const uint32_t id_;
  // The processor's thread.
  mutable kvm_run run_ = {};
  mutable std::array<std::byte, sizeof(uint64_t)> data_ = {};
  uint64_t read_ = 0;
  bool incomplete_ = false;

  Mutex mutex_;
  CondVar changed_;
  bool exit_requested_ ABSL_GUARDED_BY(mutex_) = false;
};

class FakeVm final : public VirtualMachine {
 public:
  explicit FakeVm(FakeHost& host) : host_(host) {}

  absl::Status SetMemoryRegion(uint32_t, uint64_t gpa, std::span<std::byte> memory) override {
    MutexLock lock(host_.mutex_);
    host_.memory_[gpa] = memory;
    return absl::OkStatus();
  }
  absl::Status SetTssAddress(uint64_t) override { return absl::OkStatus(); }
  absl::Status CreateIrqChip() override { return absl::OkStatus(); }
  absl::Status CreatePit() override { return absl::OkStatus(); }
  absl::StatusOr<std::unique_ptr<VirtualCpu>> CreateVcpu(uint32_t id) override {
    return std::make_unique<FakeVcpu>(host_, id);
  }
  absl::Status PulseIrq(uint32_t) override {
    ++host_.interrupts_;
    return absl::OkStatus();
  }
  absl::Status AddIoEventFd(int fd, uint64_t address, uint32_t value) override {
    {
      MutexLock lock(host_.mutex_);
      host_.doorbells_[{address, value}] = fd;
    }
    return host_.on_doorbell();
  }

 private:
  FakeHost& host_;
};

class FakeHypervisor final : public Hypervisor {
 public:
  explicit FakeHypervisor(FakeHost& host) : host_(host) {}
  const HypervisorLimits& limits() const override { return host_.limits; }
  absl::StatusOr<std::unique_ptr<VirtualMachine>> CreateVm() override {
    return std::make_unique<FakeVm>(host_);
  }
  absl::StatusOr<std::vector<kvm_cpuid_entry2>> GetSupportedCpuid() override {
    return std::vector<kvm_cpuid_entry2>();
  }

 private:
  FakeHost& host_;
};

HypervisorOpener FakeHost::Opener() {
  return [this]() -> absl::StatusOr<std::unique_ptr<Hypervisor>> {
    return std::make_unique<FakeHypervisor>(*this);
  };
}

int FakeHost::Doorbell(uint64_t address, uint32_t value) {
  MutexLock lock(mutex_);
  const auto found = doorbells_.find({address, value});
  return found == doorbells_.end() ? -1 : found->second;
}

std::byte* FakeHost::Address(uint64_t gpa) {
  MutexLock lock(mutex_);
  auto region = memory_.upper_bound(gpa);
  Check(region != memory_.begin(), "the address is in the guest's memory");
  --region;
  Check(gpa - region->first < region->second.size(), "the address is in the guest's memory");
  return region->second.data() + (gpa - region->first);
}

}  // namespace voidbox
