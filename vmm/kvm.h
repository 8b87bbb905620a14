// A thin, typed layer over /dev/kvm; nobody else includes linux/kvm.h. Source: Linux
// Documentation/virt/kvm/api.rst, whose section names the comments quote. Every method returns the
// ioctl's error under its name.
#ifndef VOIDBOX_VMM_KVM_H_
#define VOIDBOX_VMM_KVM_H_

#include <linux/kvm.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "vmm/memory_map.h"

namespace voidbox {

// One virtual CPU. Run belongs to the vCPU's thread; the register accessors to whoever knows that
// it does not run; RequestExit to any thread.
class KvmVcpu {
 public:
  KvmVcpu(UniqueFd fd, MemoryMap run) : fd_(std::move(fd)), run_(std::move(run)) {}

  absl::Status SetCpuid(std::span<const kvm_cpuid_entry2> entries);
  absl::Status SetMsrs(std::span<const kvm_msr_entry> entries);
  absl::StatusOr<kvm_sregs> GetSregs();
  absl::Status SetSregs(const kvm_sregs& sregs);
  absl::StatusOr<kvm_regs> GetRegs();
  absl::Status SetRegs(const kvm_regs& regs);
  absl::StatusOr<kvm_lapic_state> GetLapic();
  absl::Status SetLapic(const kvm_lapic_state& lapic);
  // Extended control register 0: the state components that XSAVE handles.
  absl::Status SetXcr0(uint64_t value);

  // Enters the guest until it exits. False when a signal or RequestExit ended it instead.
  absl::StatusOr<bool> Run();

  // The shared area: exit reason and its data after Run.
  kvm_run& run() const;
  // The data of a KVM_EXIT_IO, bounded by the shared area.
  std::span<std::byte> io_data() const;

  // Makes Run return (now, together with a signal to its thread, or as soon as it is called) until
  // `exit` is false.
  void RequestExit(bool exit);

 private:
  UniqueFd fd_;
  MemoryMap run_;
};

// A virtual machine. Set up by one thread; the descriptors' registrations may come from any thread.
class KvmVm {
 public:
  KvmVm(UniqueFd fd, size_t vcpu_map_bytes) : fd_(std::move(fd)), vcpu_map_bytes_(vcpu_map_bytes) {}

  // Guest-physical [gpa, gpa + memory.size()) is `memory`, which outlives the machine.
  absl::Status SetMemoryRegion(uint32_t slot, uint64_t gpa, std::span<std::byte> memory);
  // Three pages that Intel processors need below 4 GiB outside RAM (KVM_SET_TSS_ADDR).
  absl::Status SetTssAddress(uint64_t gpa);
  // PIC, IOAPIC and a local APIC per vCPU, in the kernel. Before the first vCPU.
  absl::Status CreateIrqChip();
  absl::Status CreatePit();
  absl::StatusOr<KvmVcpu> CreateVcpu(uint32_t id);
  // An edge on interrupt line `gsi`, now. Any thread. (An irqfd would hand it to a kernel thread
  // first, as every line of the IOAPIC.)
  absl::Status PulseIrq(uint32_t gsi);
  // A 4-byte write of `value` to guest-physical `address` signals eventfd `fd` without an exit.
  absl::Status AddIoEventFd(int fd, uint64_t address, uint32_t value);

 private:
  UniqueFd fd_;
  size_t vcpu_map_bytes_;
};

// /dev/kvm itself.
class Kvm {
 public:
  // NOT_FOUND, PERMISSION_DENIED or FAILED_PRECONDITION (API version, a missing extension), each
  // with what to do.
  static absl::StatusOr<Kvm> Open();

  absl::StatusOr<KvmVm> CreateVm();
  absl::StatusOr<std::vector<kvm_cpuid_entry2>> GetSupportedCpuid();

 private:
  Kvm(UniqueFd fd, size_t vcpu_map_bytes) : fd_(std::move(fd)), vcpu_map_bytes_(vcpu_map_bytes) {}
  UniqueFd fd_;
  size_t vcpu_map_bytes_;
};

}  // namespace voidbox

#endif  // VOIDBOX_VMM_KVM_H_
