// Intel SDM vol. 2A, CPUID; AMD APM vol. 3, appendix E.
#include "vmm/arch/x86_64/cpuid.h"

#include <bit>

namespace voidbox {
namespace {

// Leaf 1.
constexpr uint32_t kEcxMonitor = 1u << 3;
constexpr uint32_t kEcxVmx = 1u << 5;
constexpr uint32_t kEcxX2Apic = 1u << 21;
constexpr uint32_t kEcxTscDeadline = 1u << 24;
constexpr uint32_t kEcxHypervisor = 1u << 31;
constexpr uint32_t kEdxHtt = 1u << 28;
// Leaf 0x80000001.
constexpr uint32_t kEcxCmpLegacy = 1u << 1;
constexpr uint32_t kEcxSvm = 1u << 2;

constexpr uint32_t kLevelSmt = 1, kLevelCore = 2;

uint32_t SetBits(uint32_t value, int low, int width, uint32_t bits) {
  const uint32_t mask = ((uint64_t{1} << width) - 1) << low;
  return (value & ~mask) | ((bits << low) & mask);
}

// Leaves 0xb and 0x1f are made anew.
bool IsTopologyLeaf(uint32_t function) { return function == 0xb || function == 0x1f; }

class Topology {
 public:
  Topology(uint32_t vcpu, uint32_t count, bool tsc_deadline)
      : vcpu_(vcpu),
        count_(count),
        core_bits_(static_cast<uint32_t>(std::bit_width(count - 1))),
        tsc_deadline_(tsc_deadline) {}

  void Apply(kvm_cpuid_entry2& entry) const {
    switch (entry.function) {
      case 0x1:
        entry.ebx = SetBits(entry.ebx, 24, 8, vcpu_);
        entry.ebx = SetBits(entry.ebx, 16, 8, count_);
        entry.ecx &= ~(kEcxMonitor | kEcxVmx | kEcxTscDeadline);
        entry.ecx |= kEcxX2Apic | kEcxHypervisor;
        if (tsc_deadline_) entry.ecx |= kEcxTscDeadline;
        entry.edx = count_ > 1 ? entry.edx | kEdxHtt : entry.edx & ~kEdxHtt;
        break;
      case 0x4:  // Intel's deterministic cache parameters
        SetCacheSharing(entry);
        if ((entry.eax & 0x1f) != 0) entry.eax = SetBits(entry.eax, 26, 6, (1u << core_bits_) - 1);
        break;
      case 0xa:  // performance monitoring
        entry.eax = entry.ebx = entry.ecx = entry.edx = 0;
        break;
      case 0x80000001:
        entry.ecx &= ~kEcxSvm;
        entry.ecx = count_ > 1 ? entry.ecx | kEcxCmpLegacy : entry.ecx & ~kEcxCmpLegacy;
        break;
      case 0x80000008:
        entry.ecx = SetBits(entry.ecx, 0, 8, count_ - 1);
        entry.ecx = SetBits(entry.ecx, 12, 4, core_bits_);
        break;
      case 0x8000000a:  // SVM
        entry.eax = entry.ebx = entry.ecx = entry.edx = 0;
        break;
      case 0x8000001d:  // AMD's cache parameters
        SetCacheSharing(entry);
        break;
      case 0x8000001e:
        entry.eax = vcpu_;                            // extended APIC id
        entry.ebx = SetBits(entry.ebx, 0, 8, vcpu_);  // core id
        entry.ebx = SetBits(entry.ebx, 8, 8, 0);      // one thread per core
        entry.ecx = 0;                                // one node
        break;
      default:
        break;
    }
  }

  void AppendTopologyLeaves(uint32_t function, std::vector<kvm_cpuid_entry2>& out) const {
    const auto add = [&](uint32_t index, uint32_t shift, uint32_t threads, uint32_t level) {
      kvm_cpuid_entry2 entry = {};
      entry.function = function;
      entry.index = index;
      entry.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
      entry.eax = shift;
      entry.ebx = threads;
      entry.ecx = level << 8 | index;
      entry.edx = vcpu_;  // x2APIC id
      out.push_back(entry);
    };
    add(0, 0, 1, kLevelSmt);
    add(1, core_bits_, count_, kLevelCore);
    add(2, 0, 0, 0);
  }

 private:
  void SetCacheSharing(kvm_cpuid_entry2& entry) const {
    if ((entry.eax & 0x1f) == 0) return;  // no more caches
    const uint32_t level = (entry.eax >> 5) & 0x7;
    const uint32_t sharing = level >= 3 ? (1u << core_bits_) - 1 : 0;
    entry.eax = SetBits(entry.eax, 14, 12, sharing);
  }

  const uint32_t vcpu_;
  const uint32_t count_;
  const uint32_t core_bits_;  // bits of an APIC id that number the cores
  const bool tsc_deadline_;
};

}  // namespace

std::vector<kvm_cpuid_entry2> MakeCpuid(std::span<const kvm_cpuid_entry2> supported, uint32_t vcpu,
                                        uint32_t vcpu_count, bool tsc_deadline) {
  const Topology topology(vcpu, vcpu_count, tsc_deadline);
  std::vector<kvm_cpuid_entry2> result;
  result.reserve(supported.size() + 4);
  uint32_t last_topology_leaf = 0;
  for (kvm_cpuid_entry2 entry : supported) {
    if (IsTopologyLeaf(entry.function)) {
      if (entry.function != last_topology_leaf) {
        topology.AppendTopologyLeaves(entry.function, result);
        last_topology_leaf = entry.function;
      }
      continue;
    }
    topology.Apply(entry);
    result.push_back(entry);
  }
  return result;
}

uint64_t SupportedXcr0(std::span<const kvm_cpuid_entry2> supported) {
  for (const kvm_cpuid_entry2& entry : supported) {
    if (entry.function == 0xd && entry.index == 0) return uint64_t{entry.edx} << 32 | entry.eax;
  }
  return 0;
}

}  // namespace voidbox
