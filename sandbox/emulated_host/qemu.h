#ifndef VOIDBOX_SANDBOX_EMULATED_HOST_QEMU_H_
#define VOIDBOX_SANDBOX_EMULATED_HOST_QEMU_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "sandbox/child_process.h"

namespace voidbox {

// The machine that QEMU emulates: an AMD processor with SVM and nested paging in software, so that
// the mainline kvm_amd runs in it. One processor on one thread: with more, QEMU 7.2 corrupts nested
// guests and the host (docs/architecture.md says how).
struct EmulatedMachine {
  enum class Clock {
    kWall,
    kCounted,  // the clock counts instructions: times inside repeat from run to run
  };
  std::string qemu = "/usr/bin/qemu-system-x86_64";
  // What QEMU loads into this machine beside kernel and initramfs (Debian's seabios and
  // qemu-system-data): it lies in the saved memory, at addresses that QEMU expects it at.
  std::vector<std::string> firmware = {"/usr/share/seabios/bios-256k.bin",
                                       "/usr/share/qemu/kvmvapic.bin", "/usr/share/qemu/pvh.bin"};
  std::string kernel;     // ELF, entered through PVH
  std::string initramfs;  // hostd is its /init
  std::string home;       // shared read-write
  Clock clock = Clock::kWall;
  uint32_t memory_mib = 2048;
};

// QEMU's arguments, all that a saved state depends on but for the files' contents; the descriptors
// are those that StartQemu hands over.
std::vector<std::string> QemuArguments(const EmulatedMachine& machine);
// Text that is the same only for machines that can start from each other's state. `image_digest`
// stands for the contents of kernel and initramfs.
absl::StatusOr<std::string> StateKey(const EmulatedMachine& machine,
                                     const std::string& image_digest);

struct RunningQemu {
  ChildProcess process;  // dies with the thread that started it
  UniqueFd port;         // the virtio-serial port to hostd
  UniqueFd monitor;      // QMP
  UniqueFd console;      // what the machine prints, and QEMU itself
};
// Starts from `state`, or boots when that is invalid.
absl::StatusOr<RunningQemu> StartQemu(const EmulatedMachine& machine, UniqueFd state);

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_EMULATED_HOST_QEMU_H_
