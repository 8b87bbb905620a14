// A thin, typed layer over /dev/kvm; nobody else calls it. Source: Linux
// Documentation/virt/kvm/api.rst, whose section names the comments quote. Every method returns the
// ioctl's error under its name.
#ifndef VOIDBOX_VMM_KVM_H_
#define VOIDBOX_VMM_KVM_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "vmm/hypervisor.h"
#include "vmm/memory_map.h"

namespace voidbox {

class KvmVcpu final : public VirtualCpu {
 public:
  KvmVcpu(UniqueFd fd, MemoryMap run, bool clock_control)
      : fd_(std::move(fd)), run_(std::move(run)), clock_control_(clock_control) {}

  absl::Status SetCpuid(std::span<const kvm_cpuid_entry2> entries) override;
  absl::Status SetMsrs(std::span<const kvm_msr_entry> entries) override;
  absl::StatusOr<kvm_sregs> GetSregs() override;
  absl::Status SetSregs(const kvm_sregs& sregs) override;
  absl::Status SetRegs(const kvm_regs& regs) override;
  absl::StatusOr<kvm_lapic_state> GetLapic() override;
  absl::Status SetLapic(const kvm_lapic_state& lapic) override;
  absl::Status SetXcr0(uint64_t value) override;
  absl::StatusOr<bool> Run() override;
  absl::Status NotePause() override;
  kvm_run& run() const override;
  std::span<std::byte> io_data() const override;
  void RequestExit(bool exit) override;

 private:
  UniqueFd fd_;
  MemoryMap run_;
  const bool clock_control_;
};

class KvmVm final : public VirtualMachine {
 public:
  KvmVm(UniqueFd fd, size_t vcpu_map_bytes, bool clock_control)
      : fd_(std::move(fd)), vcpu_map_bytes_(vcpu_map_bytes), clock_control_(clock_control) {}

  absl::Status SetMemoryRegion(uint32_t slot, uint64_t gpa, std::span<std::byte> memory) override;
  absl::Status SetTssAddress(uint64_t gpa) override;
  absl::Status CreateIrqChip() override;
  absl::Status CreatePit() override;
  absl::StatusOr<std::unique_ptr<VirtualCpu>> CreateVcpu(uint32_t id) override;
  absl::Status PulseIrq(uint32_t gsi) override;
  absl::Status AddIoEventFd(int fd, uint64_t address, uint32_t value) override;

 private:
  UniqueFd fd_;
  const size_t vcpu_map_bytes_;
  const bool clock_control_;
};

// /dev/kvm itself.
class Kvm final : public Hypervisor {
 public:
  // NOT_FOUND, PERMISSION_DENIED or FAILED_PRECONDITION (API version, a missing extension), each
  // with what to do.
  static absl::StatusOr<std::unique_ptr<Hypervisor>> Open();

  const HypervisorLimits& limits() const override { return limits_; }
  absl::StatusOr<std::unique_ptr<VirtualMachine>> CreateVm() override;
  absl::StatusOr<std::vector<kvm_cpuid_entry2>> GetSupportedCpuid() override;

 private:
  Kvm(UniqueFd fd, size_t vcpu_map_bytes, HypervisorLimits limits)
      : fd_(std::move(fd)), vcpu_map_bytes_(vcpu_map_bytes), limits_(limits) {}
  UniqueFd fd_;
  const size_t vcpu_map_bytes_;
  const HypervisorLimits limits_;
};

// What KVM_CHECK_EXTENSION, which `check` asks for one of linux/kvm.h's KVM_CAP_*, says of the
// host. FAILED_PRECONDITION names the first extension that we cannot do without.
absl::StatusOr<HypervisorLimits> CheckKvmExtensions(
    const std::function<absl::StatusOr<int>(int extension)>& check);

}  // namespace voidbox

#endif  // VOIDBOX_VMM_KVM_H_
