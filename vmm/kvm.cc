#include "vmm/kvm.h"

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/ioctl.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr int kApiVersion = 12;  // the only one there is, api.rst KVM_GET_API_VERSION
constexpr size_t kMaxCpuidEntries = 256;

// What kvm_cpuid2 and kvm_msrs are in C. In C++ the kernel's flexible array macro makes them
// longer, and with them the request numbers that carry their sizes.
struct EntriesHeader {
  uint32_t count;
  uint32_t padding;
};
static_assert(sizeof(EntriesHeader) == 8);
constexpr unsigned long kGetSupportedCpuid = _IOWR(KVMIO, 0x05, EntriesHeader);
constexpr unsigned long kSetCpuid2 = _IOW(KVMIO, 0x90, EntriesHeader);
constexpr unsigned long kSetMsrs = _IOW(KVMIO, 0x89, EntriesHeader);

// The header and the entries behind it, as the kernel wants them.
template <typename Entry>
class Table {
 public:
  explicit Table(size_t count)
      : storage_((sizeof(EntriesHeader) + count * sizeof(Entry) + sizeof(uint64_t) - 1) /
                 sizeof(uint64_t)) {}
  EntriesHeader* header() { return reinterpret_cast<EntriesHeader*>(storage_.data()); }
  Entry* entries() { return reinterpret_cast<Entry*>(header() + 1); }

 private:
  std::vector<uint64_t> storage_;
};

using CpuidTable = Table<kvm_cpuid_entry2>;
using MsrTable = Table<kvm_msr_entry>;

struct Extension {
  int number;
  const char* name;
};

// api.rst names the extension of each call.
constexpr Extension kNeeded[] = {
    {KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP"},
    {KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY"},
    {KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR"},
    {KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID"},
    {KVM_CAP_PIT2, "KVM_CAP_PIT2"},
    {KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD"},
    {KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT"},
};

// What holds where a kernel does not say, api.rst KVM_CREATE_VCPU.
constexpr uint32_t kVcpusOfAnyKernel = 4;

template <typename Argument>
absl::Status Do(int fd, unsigned long request, absl::string_view name, Argument argument) {
  return Ioctl(fd, request, name, argument).status();
}

}  // namespace

absl::Status KvmVcpu::SetCpuid(std::span<const kvm_cpuid_entry2> entries) {
  CpuidTable table(entries.size());
  table.header()->count = static_cast<uint32_t>(entries.size());
  std::copy(entries.begin(), entries.end(), table.entries());
  return Do(fd_.get(), kSetCpuid2, "KVM_SET_CPUID2", table.header());
}

absl::Status KvmVcpu::SetMsrs(std::span<const kvm_msr_entry> entries) {
  MsrTable table(entries.size());
  table.header()->count = static_cast<uint32_t>(entries.size());
  std::copy(entries.begin(), entries.end(), table.entries());
  ASSIGN_OR_RETURN(const int set, Ioctl(fd_.get(), kSetMsrs, "KVM_SET_MSRS", table.header()));
  if (static_cast<size_t>(set) != entries.size()) {
    return absl::InternalError(
        absl::StrCat("KVM_SET_MSRS: MSR 0x", absl::Hex(entries[set].index), " was refused"));
  }
  return absl::OkStatus();
}

absl::StatusOr<kvm_sregs> KvmVcpu::GetSregs() {
  kvm_sregs sregs = {};
  RETURN_IF_ERROR(Do(fd_.get(), KVM_GET_SREGS, "KVM_GET_SREGS", &sregs));
  return sregs;
}

absl::Status KvmVcpu::SetSregs(const kvm_sregs& sregs) {
  return Do(fd_.get(), KVM_SET_SREGS, "KVM_SET_SREGS", &sregs);
}

absl::Status KvmVcpu::SetRegs(const kvm_regs& regs) {
  return Do(fd_.get(), KVM_SET_REGS, "KVM_SET_REGS", &regs);
}

absl::StatusOr<kvm_lapic_state> KvmVcpu::GetLapic() {
  kvm_lapic_state lapic = {};
  RETURN_IF_ERROR(Do(fd_.get(), KVM_GET_LAPIC, "KVM_GET_LAPIC", &lapic));
  return lapic;
}

absl::Status KvmVcpu::SetLapic(const kvm_lapic_state& lapic) {
  return Do(fd_.get(), KVM_SET_LAPIC, "KVM_SET_LAPIC", &lapic);
}

absl::Status KvmVcpu::SetXcr0(uint64_t value) {
  kvm_xcrs xcrs = {};
  xcrs.nr_xcrs = 1;
  xcrs.xcrs[0] = {.xcr = 0, .reserved = 0, .value = value};
  return Do(fd_.get(), KVM_SET_XCRS, "KVM_SET_XCRS", &xcrs);
}

absl::StatusOr<bool> KvmVcpu::Run() {
  if (::ioctl(fd_.get(), KVM_RUN, 0) == 0) return true;
  if (errno == EINTR || errno == EAGAIN) return false;
  return ErrnoStatus("KVM_RUN");
}

absl::Status KvmVcpu::NotePause() {
  if (!clock_control_ || ::ioctl(fd_.get(), KVM_KVMCLOCK_CTRL, 0) == 0) return absl::OkStatus();
  // A guest that does not use the clock cannot be told (api.rst KVM_KVMCLOCK_CTRL).
  if (errno == EINVAL) return absl::OkStatus();
  return ErrnoStatus("KVM_KVMCLOCK_CTRL");
}

kvm_run& KvmVcpu::run() const { return *reinterpret_cast<kvm_run*>(run_.bytes().data()); }

std::span<std::byte> KvmVcpu::io_data() const {
  const auto& io = run().io;
  const size_t size = static_cast<size_t>(io.size) * io.count;
  const std::span<std::byte> area = run_.bytes();
  if (io.data_offset > area.size() || size > area.size() - io.data_offset) return {};
  return area.subspan(io.data_offset, size);
}

void KvmVcpu::RequestExit(bool exit) {
  std::atomic_ref<uint8_t>(run().immediate_exit).store(exit, std::memory_order_seq_cst);
}

absl::Status KvmVm::SetMemoryRegion(uint32_t slot, uint64_t gpa, std::span<std::byte> memory) {
  const kvm_userspace_memory_region region = {
      .slot = slot,
      .flags = 0,
      .guest_phys_addr = gpa,
      .memory_size = memory.size(),
      .userspace_addr = reinterpret_cast<uint64_t>(memory.data()),
  };
  return Do(fd_.get(), KVM_SET_USER_MEMORY_REGION, "KVM_SET_USER_MEMORY_REGION", &region);
}

absl::Status KvmVm::SetTssAddress(uint64_t gpa) {
  return Do(fd_.get(), KVM_SET_TSS_ADDR, "KVM_SET_TSS_ADDR", gpa);
}

absl::Status KvmVm::CreateIrqChip() {
  return Do(fd_.get(), KVM_CREATE_IRQCHIP, "KVM_CREATE_IRQCHIP", 0);
}

absl::Status KvmVm::CreatePit() {
  // Without the dummy speaker port a guest that reads port 0x61 would exit to us.
  const kvm_pit_config config = {.flags = KVM_PIT_SPEAKER_DUMMY, .pad = {}};
  return Do(fd_.get(), KVM_CREATE_PIT2, "KVM_CREATE_PIT2", &config);
}

absl::StatusOr<std::unique_ptr<VirtualCpu>> KvmVm::CreateVcpu(uint32_t id) {
  ASSIGN_OR_RETURN(const int raw, Ioctl(fd_.get(), KVM_CREATE_VCPU, "KVM_CREATE_VCPU",
                                        static_cast<unsigned long>(id)));
  UniqueFd fd(raw);
  ASSIGN_OR_RETURN(MemoryMap run, MemoryMap::Shared(fd.get(), 0, vcpu_map_bytes_, "a vCPU"));
  return std::make_unique<KvmVcpu>(std::move(fd), std::move(run), clock_control_);
}

absl::Status KvmVm::PulseIrq(uint32_t gsi) {
  for (const uint32_t level : {1u, 0u}) {
    const kvm_irq_level line = {.irq = gsi, .level = level};
    RETURN_IF_ERROR(Do(fd_.get(), KVM_IRQ_LINE, "KVM_IRQ_LINE", &line));
  }
  return absl::OkStatus();
}

absl::Status KvmVm::AddIoEventFd(int fd, uint64_t address, uint32_t value) {
  kvm_ioeventfd event = {};
  event.datamatch = value;
  event.addr = address;
  event.len = 4;
  event.fd = fd;
  event.flags = KVM_IOEVENTFD_FLAG_DATAMATCH;
  return Do(fd_.get(), KVM_IOEVENTFD, "KVM_IOEVENTFD", &event);
}

absl::StatusOr<HypervisorLimits> CheckKvmExtensions(
    const std::function<absl::StatusOr<int>(int extension)>& check) {
  for (const Extension& extension : kNeeded) {
    ASSIGN_OR_RETURN(const int has, check(extension.number));
    if (has > 0) continue;
    return absl::FailedPreconditionError(absl::StrCat("/dev/kvm lacks ", extension.name,
                                                      ": voidbox needs the KVM of Linux 4.11 or "
                                                      "later"));
  }
  const auto number = [&check](int extension) -> absl::StatusOr<uint32_t> {
    ASSIGN_OR_RETURN(const int value, check(extension));
    return value > 0 ? static_cast<uint32_t>(value) : 0;
  };
  HypervisorLimits limits;
  ASSIGN_OR_RETURN(limits.max_vcpus, number(KVM_CAP_MAX_VCPUS));
  if (limits.max_vcpus == 0) {
    ASSIGN_OR_RETURN(limits.max_vcpus, number(KVM_CAP_NR_VCPUS));
  }
  if (limits.max_vcpus == 0) limits.max_vcpus = kVcpusOfAnyKernel;
  const auto has = [&number](int extension) -> absl::StatusOr<bool> {
    ASSIGN_OR_RETURN(const uint32_t value, number(extension));
    return value != 0;
  };
  ASSIGN_OR_RETURN(limits.tsc_deadline, has(KVM_CAP_TSC_DEADLINE_TIMER));
  ASSIGN_OR_RETURN(limits.clock_control, has(KVM_CAP_KVMCLOCK_CTRL));
  ASSIGN_OR_RETURN(limits.xcrs, has(KVM_CAP_XCRS));
  return limits;
}

absl::StatusOr<std::unique_ptr<Hypervisor>> Kvm::Open() {
  UniqueFd fd(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) {
      return absl::NotFoundError(
          "/dev/kvm does not exist: load the module kvm_intel or kvm_amd, or enable virtualisation "
          "in the firmware");
    }
    if (errno == EACCES || errno == EPERM) {
      return absl::PermissionDeniedError(
          "/dev/kvm may not be opened: add this user to the group kvm");
    }
    return ErrnoStatus("/dev/kvm");
  }
  ASSIGN_OR_RETURN(const int version,
                   Ioctl(fd.get(), KVM_GET_API_VERSION, "KVM_GET_API_VERSION", 0));
  if (version != kApiVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("/dev/kvm has API version ", version, ", expected ", kApiVersion));
  }
  ASSIGN_OR_RETURN(const int map_bytes,
                   Ioctl(fd.get(), KVM_GET_VCPU_MMAP_SIZE, "KVM_GET_VCPU_MMAP_SIZE", 0));
  if (static_cast<size_t>(map_bytes) < sizeof(kvm_run)) {
    return absl::FailedPreconditionError(
        absl::StrCat("/dev/kvm maps only ", map_bytes, " bytes a vCPU"));
  }
  ASSIGN_OR_RETURN(const HypervisorLimits limits, CheckKvmExtensions([&fd](int extension) {
                     return Ioctl(fd.get(), KVM_CHECK_EXTENSION, "KVM_CHECK_EXTENSION",
                                  static_cast<unsigned long>(extension));
                   }));
  return std::unique_ptr<Hypervisor>(
      new Kvm(std::move(fd), static_cast<size_t>(map_bytes), limits));
}

absl::StatusOr<std::unique_ptr<VirtualMachine>> Kvm::CreateVm() {
  ASSIGN_OR_RETURN(const int raw, Ioctl(fd_.get(), KVM_CREATE_VM, "KVM_CREATE_VM", 0));
  return std::make_unique<KvmVm>(UniqueFd(raw), vcpu_map_bytes_, limits_.clock_control);
}

absl::StatusOr<std::vector<kvm_cpuid_entry2>> Kvm::GetSupportedCpuid() {
  CpuidTable table(kMaxCpuidEntries);
  table.header()->count = kMaxCpuidEntries;
  RETURN_IF_ERROR(Do(fd_.get(), kGetSupportedCpuid, "KVM_GET_SUPPORTED_CPUID", table.header()));
  return std::vector<kvm_cpuid_entry2>(table.entries(), table.entries() + table.header()->count);
}

}  // namespace voidbox
