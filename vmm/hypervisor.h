// What runs guests: /dev/kvm (kvm.h), or a fake in unit tests. The types are those of linux/kvm.h,
// which describes the processor's state and its exits.
#ifndef VOIDBOX_VMM_HYPERVISOR_H_
#define VOIDBOX_VMM_HYPERVISOR_H_

#include <linux/kvm.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace voidbox {

// One virtual CPU. Run and NotePause belong to the vCPU's thread; the register accessors to whoever
// knows that it does not run; RequestExit to any thread.
class VirtualCpu {
 public:
  virtual ~VirtualCpu() = default;
  virtual absl::Status SetCpuid(std::span<const kvm_cpuid_entry2> entries) = 0;
  virtual absl::Status SetMsrs(std::span<const kvm_msr_entry> entries) = 0;
  virtual absl::StatusOr<kvm_sregs> GetSregs() = 0;
  virtual absl::Status SetSregs(const kvm_sregs& sregs) = 0;
  virtual absl::Status SetRegs(const kvm_regs& regs) = 0;
  virtual absl::StatusOr<kvm_lapic_state> GetLapic() = 0;
  virtual absl::Status SetLapic(const kvm_lapic_state& lapic) = 0;
  // Extended control register 0: the state components that XSAVE handles.
  virtual absl::Status SetXcr0(uint64_t value) = 0;

  // Completes what the last exit was about (the instruction that read a port gets its value), and
  // enters the guest until it exits. False when a signal or RequestExit ended it instead; what was
  // to be completed is complete then, too.
  virtual absl::StatusOr<bool> Run() = 0;
  // Tells the guest, where it can be told, that it did not run for a while: its watchdog would take
  // a pause for a processor that hangs.
  virtual absl::Status NotePause() = 0;

  // The shared area: exit reason and its data after Run.
  virtual kvm_run& run() const = 0;
  // The data of a KVM_EXIT_IO, bounded by the shared area.
  virtual std::span<std::byte> io_data() const = 0;

  // Makes Run return (now, together with a signal to its thread, or as soon as it is called) until
  // `exit` is false.
  virtual void RequestExit(bool exit) = 0;
};

// A virtual machine. Set up by one thread; the descriptors' registrations may come from any thread.
class VirtualMachine {
 public:
  virtual ~VirtualMachine() = default;
  // Guest-physical [gpa, gpa + memory.size()) is `memory`, which outlives the machine.
  virtual absl::Status SetMemoryRegion(uint32_t slot, uint64_t gpa,
                                       std::span<std::byte> memory) = 0;
  // Three pages that Intel processors need below 4 GiB outside RAM (KVM_SET_TSS_ADDR).
  virtual absl::Status SetTssAddress(uint64_t gpa) = 0;
  // PIC, IOAPIC and a local APIC per vCPU, in the kernel. Before the first vCPU.
  virtual absl::Status CreateIrqChip() = 0;
  virtual absl::Status CreatePit() = 0;
  virtual absl::StatusOr<std::unique_ptr<VirtualCpu>> CreateVcpu(uint32_t id) = 0;
  // An edge on interrupt line `gsi`, now. Any thread. (An irqfd would hand it to a kernel thread
  // first, as every line of the IOAPIC.)
  virtual absl::Status PulseIrq(uint32_t gsi) = 0;
  // A 4-byte write of `value` to guest-physical `address` signals eventfd `fd` without an exit.
  virtual absl::Status AddIoEventFd(int fd, uint64_t address, uint32_t value) = 0;
};

// What a host's hypervisor can do, where hosts differ.
struct HypervisorLimits {
  uint32_t max_vcpus = 0;
  bool tsc_deadline = false;   // the local APIC has the TSC-deadline timer
  bool clock_control = false;  // NotePause reaches guests
  bool xcrs = false;           // SetXcr0 works
};

class Hypervisor {
 public:
  virtual ~Hypervisor() = default;
  virtual const HypervisorLimits& limits() const = 0;
  virtual absl::StatusOr<std::unique_ptr<VirtualMachine>> CreateVm() = 0;
  virtual absl::StatusOr<std::vector<kvm_cpuid_entry2>> GetSupportedCpuid() = 0;
};

using HypervisorOpener = std::function<absl::StatusOr<std::unique_ptr<Hypervisor>>()>;

}  // namespace voidbox

#endif  // VOIDBOX_VMM_HYPERVISOR_H_
