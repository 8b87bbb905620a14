#ifndef VOIDBOX_VMM_MACHINE_H_
#define VOIDBOX_VMM_MACHINE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "devices/boot_mark.h"
#include "devices/i8042.h"
#include "devices/io_bus.h"
#include "devices/serial.h"
#include "virtio/mmio_transport.h"
#include "virtio/rng/entropy_source.h"
#include "vmm/boot/loader.h"
#include "vmm/console.h"
#include "vmm/guest_ram.h"
#include "vmm/hypervisor.h"
#include "vmm/seccomp/confine.h"
#include "vmm/vcpu.h"
#include "vmm/vmm.pb.h"

namespace voidbox {

// The virtual machine: memory, processors, devices. Made and used on the event loop's thread.
class Machine {
 public:
  struct Callbacks {
    // On the loop's thread, once: why the machine ends.
    std::function<void(vmm::Stopped::Reason, std::string message)> on_stop;
    // Everything is ready; the first vCPU is about to enter the guest.
    std::function<void()> on_enter;
    // On a vCPU's thread.
    std::function<void(uint8_t)> on_boot_mark;
    // Opens what the machine runs on.
    HypervisorOpener open_hypervisor;
    // Confines the calling thread: the loop's before the guest runs, each vCPU's as its first deed.
    std::function<absl::Status(ThreadKind)> confine;
  };

  // A machine that runs `files` as `config` says, entered and running when this returns. `loop`
  // outlives it.
  static absl::StatusOr<std::unique_ptr<Machine>> Boot(const vmm::VmConfig& config,
                                                       const BootFiles& files, EventLoop& loop,
                                                       Callbacks callbacks);
  // Stops the vCPUs, and meanwhile serves the loop, which they may be waiting for: not to be called
  // by its handlers.
  ~Machine();

  // Takes every vCPU out of the guest with its last instruction complete, then has the devices
  // finish what they are about; then nothing of the guest changes, and `done` is called on the
  // loop's thread. At once when Resume calls it off before.
  void Pause(std::function<void()> done);
  void Resume();
  bool paused() const { return paused_; }
  vmm::Metrics metrics() const;

 private:
  class VirtioSlot;
  using Cpus = std::vector<std::unique_ptr<VirtualCpu>>;

  Machine(EventLoop& loop, Callbacks callbacks, const vmm::VmConfig& config);
  absl::Status AddLegacyDevices();
  absl::Status AddVirtioDevices(const vmm::VmConfig& config);
  absl::Status AddVirtioDevice(std::unique_ptr<VirtioDevice> device);
  // The kernel, the initramfs, and what tells the kernel of its machine.
  absl::Status FillMemory(const BootFiles& files, absl::string_view command_line,
                          uint32_t vcpu_count);
  // The hypervisor's side: the machine, with its memory mapped, and its processors at their start.
  absl::StatusOr<Cpus> CreateVm(const KernelImage& kernel, uint32_t vcpu_count);
  std::vector<uint32_t> InterruptLines() const;
  absl::Status MapMemory();
  absl::Status ConnectDoorbells();
  void Interrupt(uint32_t line);  // an edge; any thread, once the machine is created
  absl::Status StartVcpus(Cpus cpus);
  void Stop(vmm::Stopped::Reason reason, std::string message);  // any thread
  bool AllOutside();
  // The steps of a pause, when those before are done.
  void QuiesceDevices();
  void DeviceQuiet();

  EventLoop& loop_;
  const Callbacks callbacks_;
  std::unique_ptr<GuestRam> ram_;
  std::unique_ptr<VirtualMachine> vm_;
  IoBus ports_;
  IoBus mmio_;

  Console console_;
  Serial serial_;
  I8042 i8042_;
  BootMarkPort boot_mark_;
  HostEntropySource entropy_;
  std::vector<std::unique_ptr<VirtioSlot>> virtio_;

  bool paused_ = false;
  size_t busy_devices_ = 0;                     // of those that were asked to be quiet
  std::vector<std::function<void()>> pausing_;  // to call when the machine is paused
  std::vector<std::unique_ptr<Vcpu>> vcpus_;    // ends before what it uses
};

}  // namespace voidbox

#endif  // VOIDBOX_VMM_MACHINE_H_
