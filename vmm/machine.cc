#include "vmm/machine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "base/thread.h"
#include "vmm/arch/x86_64/boot_setup.h"
#include "vmm/arch/x86_64/layout.h"
#include "vmm/boot/command_line.h"
#include "vmm/virtio_devices.h"

namespace voidbox {
namespace {

// The end of the doorbell register's 4 bytes, virtio 1.2 §4.2.2 QueueNotify.
constexpr uint64_t kQueueNotifyOffset = 0x50;
constexpr uint32_t kTimerIrq = 0;  // of the PIT

}  // namespace

// One virtio device on the memory bus: its transport, and its interrupt line.
class Machine::VirtioSlot final : public IoHandler, public InterruptLine {
 public:
  VirtioSlot(uint32_t index, Machine& machine) : index_(index), machine_(machine) {}

  void Read(uint64_t offset, std::span<std::byte> out) override { transport->Read(offset, out); }
  void Write(uint64_t offset, std::span<const std::byte> in) override {
    transport->Write(offset, in);
  }
  void Trigger() override { machine_.Interrupt(layout::kFirstVirtioIrq + index_); }

  uint64_t base() const { return layout::kVirtioMmio + index_ * kMmioRegionBytes; }

  absl::Status Connect() {
    uint32_t queue = 0;
    for (const int fd : transport->notify_fds()) {
      RETURN_IF_ERROR(machine_.vm_->AddIoEventFd(fd, base() + kQueueNotifyOffset, queue++));
    }
    return absl::OkStatus();
  }

  std::unique_ptr<MmioTransport> transport;

 private:
  const uint32_t index_;
  Machine& machine_;
};

Machine::Machine(EventLoop& loop, Callbacks callbacks, const vmm::VmConfig& config)
    : loop_(loop),
      callbacks_(std::move(callbacks)),
      console_(config.console_output_fd(), config.console_input_fd()),
      serial_({.transmit = [this](char c) { console_.Transmit(c); },
               .interrupt = [this] { Interrupt(kSerialIrq); },
               .receive_ready = [this] { loop_.Post([this] { console_.ResumeInput(); }); }}),
      i8042_([this] { Stop(vmm::Stopped::GUEST_RESET, "the guest reset the machine"); }),
      boot_mark_(callbacks_.on_boot_mark) {}

absl::StatusOr<std::unique_ptr<Machine>> Machine::Boot(const vmm::VmConfig& config,
                                                       const BootFiles& files, EventLoop& loop,
                                                       Callbacks callbacks) {
  std::unique_ptr<Machine> machine(new Machine(loop, std::move(callbacks), config));
  Machine& m = *machine;
  ASSIGN_OR_RETURN(m.ram_, GuestRam::Create(config.memory_bytes()));
  RETURN_IF_ERROR(m.AddLegacyDevices());
  RETURN_IF_ERROR(m.AddVirtioDevices(config));
  RETURN_IF_ERROR(m.console_.StartInput(loop, m.serial_));
  ASSIGN_OR_RETURN(const std::string command_line,
                   CompleteCommandLine(config.kernel_command_line(), layout::kVirtioMmio,
                                       layout::kFirstVirtioIrq, m.virtio_.size()));
  // KVM_CREATE_VM waits for an RCU grace period, some twelve milliseconds (the machine's worker
  // thread joins its owner's cgroup), in which the guest's memory is filled. It stays with this
  // thread: on one processor a new one would only get to it when the memory is full.
  absl::Status filled;
  const auto fill = [&] { filled = m.FillMemory(files, command_line, config.vcpu_count()); };
  auto filler = StartThread(fill);
  if (!filler.ok()) fill();  // later than with a thread
  absl::StatusOr<Cpus> cpus = m.CreateVm(files.kernel(), config.vcpu_count());
  if (filler.ok()) filler->join();
  RETURN_IF_ERROR(cpus.status());
  RETURN_IF_ERROR(filled);
  RETURN_IF_ERROR(m.callbacks_.confine(ThreadKind::kEventLoop));
  m.callbacks_.on_enter();
  RETURN_IF_ERROR(m.StartVcpus(*std::move(cpus)));
  // The guest is on its way; it needs these later.
  RETURN_IF_ERROR(m.ConnectDoorbells());
  return machine;
}

std::vector<uint32_t> Machine::InterruptLines() const {
  std::vector<uint32_t> lines = {kTimerIrq, kSerialIrq};
  for (uint32_t i = 0; i < virtio_.size(); ++i) lines.push_back(layout::kFirstVirtioIrq + i);
  return lines;
}

absl::Status Machine::FillMemory(const BootFiles& files, absl::string_view command_line,
                                 uint32_t vcpu_count) {
  RETURN_IF_ERROR(files.Load(ram_->memory()));
  return WriteBootData(files.kernel(), files.initramfs(), command_line, vcpu_count,
                       InterruptLines(), ram_->memory());
}

absl::StatusOr<Machine::Cpus> Machine::CreateVm(const KernelImage& kernel, uint32_t vcpu_count) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Hypervisor> hypervisor, callbacks_.open_hypervisor());
  const HypervisorLimits& limits = hypervisor->limits();
  if (vcpu_count > limits.max_vcpus) {
    return absl::InvalidArgumentError(
        absl::StrCat(vcpu_count, " vCPUs, this host's KVM has at most ", limits.max_vcpus));
  }
  ASSIGN_OR_RETURN(const std::vector<kvm_cpuid_entry2> cpuid, hypervisor->GetSupportedCpuid());
  ASSIGN_OR_RETURN(vm_, hypervisor->CreateVm());
  RETURN_IF_ERROR(vm_->SetTssAddress(layout::kTss));
  RETURN_IF_ERROR(vm_->CreateIrqChip());
  RETURN_IF_ERROR(vm_->CreatePit());
  RETURN_IF_ERROR(MapMemory());
  Cpus cpus;
  for (uint32_t id = 0; id < vcpu_count; ++id) {
    ASSIGN_OR_RETURN(std::unique_ptr<VirtualCpu> cpu, vm_->CreateVcpu(id));
    RETURN_IF_ERROR(SetProcessorState(cpuid, limits, id, vcpu_count, *cpu));
    if (id == 0) RETURN_IF_ERROR(SetBootRegisters(kernel, *cpu));
    cpus.push_back(std::move(cpu));
  }
  return cpus;
}

absl::Status Machine::MapMemory() {
  uint32_t slot = 0;
  for (const GuestMemory::Region& region : ram_->memory().regions()) {
    RETURN_IF_ERROR(vm_->SetMemoryRegion(slot++, region.start.value, region.bytes));
  }
  return absl::OkStatus();
}

Machine::~Machine() {
  for (const auto& vcpu : vcpus_) vcpu->RequestStop();
  while (!AllOutside()) {
    if (!loop_.RunOnce(absl::InfiniteDuration()).ok()) break;
  }
  vcpus_.clear();
}

absl::Status Machine::AddLegacyDevices() {
  RETURN_IF_ERROR(ports_.Add("serial", kSerialPort, kSerialPortBytes, serial_));
  RETURN_IF_ERROR(ports_.Add("i8042", kI8042Port, kI8042PortBytes, i8042_));
  return ports_.Add("boot marks", kBootMarkPort, 1, boot_mark_);
}

absl::Status Machine::AddVirtioDevices(const vmm::VmConfig& config) {
  ASSIGN_OR_RETURN(
      std::vector<std::unique_ptr<VirtioDevice>> devices,
      MakeVirtioDevices(config, {.loop = loop_, .entropy = entropy_, .on_worker_start = [this] {
                                   Check(callbacks_.confine(ThreadKind::kBlockWorker).ok(),
                                         "a disk's thread is confined");
                                 }}));
  for (auto& device : devices) RETURN_IF_ERROR(AddVirtioDevice(std::move(device)));
  return absl::OkStatus();
}

absl::Status Machine::AddVirtioDevice(std::unique_ptr<VirtioDevice> device) {
  if (virtio_.size() >= layout::kMaxVirtioDevices) {
    return absl::InvalidArgumentError(
        absl::StrCat("more than ", layout::kMaxVirtioDevices, " virtio devices"));
  }
  const absl::string_view name = device->identity().name;
  auto slot = std::make_unique<VirtioSlot>(static_cast<uint32_t>(virtio_.size()), *this);
  ASSIGN_OR_RETURN(slot->transport,
                   MmioTransport::Create(std::move(device), loop_, ram_->memory(), *slot));
  RETURN_IF_ERROR(mmio_.Add(name, slot->base(), kMmioRegionBytes, *slot));
  virtio_.push_back(std::move(slot));
  return absl::OkStatus();
}

absl::Status Machine::ConnectDoorbells() {
  for (const auto& slot : virtio_) RETURN_IF_ERROR(slot->Connect());
  return absl::OkStatus();
}

void Machine::Interrupt(uint32_t line) {
  Check(vm_->PulseIrq(line).ok(), "the line is the machine's");
}

absl::Status Machine::StartVcpus(Cpus cpus) {
  for (std::unique_ptr<VirtualCpu>& cpu : cpus) {
    ASSIGN_OR_RETURN(
        std::unique_ptr<Vcpu> vcpu,
        Vcpu::Start(static_cast<uint32_t>(vcpus_.size()), std::move(cpu),
                    {.ports = ports_,
                     .memory = mmio_,
                     .on_start = [this] { return callbacks_.confine(ThreadKind::kVcpu); },
                     .on_crash =
                         [this](std::string reason) {
                           Stop(vmm::Stopped::GUEST_CRASHED, std::move(reason));
                         },
                     .on_outside = [this] { loop_.Post([this] { QuiesceDevices(); }); }},
                    /*paused=*/false));
    vcpus_.push_back(std::move(vcpu));
  }
  return absl::OkStatus();
}

void Machine::Stop(vmm::Stopped::Reason reason, std::string message) {
  loop_.Post([this, reason, message = std::move(message)] { callbacks_.on_stop(reason, message); });
}

bool Machine::AllOutside() {
  return std::all_of(vcpus_.begin(), vcpus_.end(),
                     [](const auto& vcpu) { return vcpu->outside(); });
}

void Machine::Pause(std::function<void()> done) {
  if (paused_) return done();
  pausing_.push_back(std::move(done));
  for (const auto& vcpu : vcpus_) vcpu->RequestPause();
  QuiesceDevices();
}

void Machine::QuiesceDevices() {
  if (pausing_.empty() || busy_devices_ > 0 || !AllOutside()) return;
  console_.SetPaused(true);
  busy_devices_ = virtio_.size() + 1;  // one more, so that not even the last is done in its call
  for (const auto& slot : virtio_) slot->transport->Quiesce([this] { DeviceQuiet(); });
  DeviceQuiet();
}

void Machine::DeviceQuiet() {
  if (--busy_devices_ > 0) return;
  paused_ = true;
  std::vector<std::function<void()>> waiting;
  waiting.swap(pausing_);
  for (const auto& done : waiting) done();
}

void Machine::Resume() {
  std::vector<std::function<void()>> waiting;
  waiting.swap(pausing_);
  if (!std::exchange(paused_, false) && waiting.empty()) return;
  busy_devices_ = 0;
  for (const auto& slot : virtio_) slot->transport->Resume();
  console_.SetPaused(false);
  for (const auto& vcpu : vcpus_) vcpu->Resume();
  for (const auto& done : waiting) done();
}

vmm::Metrics Machine::metrics() const {
  vmm::Metrics metrics;
  for (const auto& vcpu : vcpus_) metrics.set_vcpu_exits(metrics.vcpu_exits() + vcpu->exits());
  metrics.set_console_bytes(console_.bytes());
  metrics.set_console_dropped_bytes(console_.dropped_bytes());
  return metrics;
}

}  // namespace voidbox
