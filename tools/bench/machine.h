#ifndef VOIDBOX_TOOLS_BENCH_MACHINE_H_
#define VOIDBOX_TOOLS_BENCH_MACHINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "vmm/vmm.pb.h"

namespace voidbox::bench {

enum class VmmKind {
  kVoidbox,
  kOtherVoidbox,  // another build, to be compared with
  kQemuMicrovm,
  kFirecracker,
};
// As the tables have it, and as JSON does.
absl::string_view DisplayName(VmmKind kind);
absl::string_view JsonName(VmmKind kind);
// voidbox of any build.
bool IsVoidbox(VmmKind kind);

inline constexpr uint64_t kGuestMemoryMib = 128;
inline constexpr uint64_t kGuestMemoryBytes = kGuestMemoryMib << 20;

// A VMM program with what comes before it on a command line: the dynamic loader and the libraries
// that it is given, for programs that were copied to RAM.
using Program = std::vector<std::string>;

// A disk of the guest, a raw image.
struct GuestDisk {
  enum class Access {
    kReadOnly,
    kWritable,
    kCopyOnWrite,  // what is written is thrown away with the VM; only voidbox has it
  };
  std::string path;
  Access access = Access::kReadOnly;
};

// What all VMMs boot: one vCPU, a serial console.
struct Guest {
  std::string kernel;
  std::string initramfs;  // empty for none
  std::string command_line;
  std::vector<GuestDisk> disks = {};  // /dev/vda, /dev/vdb and so on
  uint64_t memory_mib = kGuestMemoryMib;
  bool gives_sign = true;  // its init is guest_init.cc
};

// Where a VMM that has vsock takes connections, below its own directory; the socket of guest
// connections to host port P is this and "_P".
absl::string_view VsockSocketName(VmmKind kind);

// The message for voidbox-vmm.
vmm::VmConfig VoidboxConfig(const Guest& guest, const std::string& directory, int console_fd);
Program VoidboxCommand(const Program& vmm, int config_fd, int event_fd);

// The contents of Firecracker's configuration file, with the devices that voidbox-vmm has. Its
// disks tell the guest to flush ("Writeback") and do the I/O in its event loop ("Sync"). The
// command expects it as `config.json` in `directory`, and an empty file `log` beside it.
std::string FirecrackerConfig(const Guest& guest, const std::string& directory);
Program FirecrackerCommand(const Program& firecracker, const std::string& directory);

// QEMU's machine without PCI and ACPI, its fastest to boot. Its disks are those that other VMMs'
// are compared with: written to the page cache until the guest flushes. `firmware` is the directory
// of its firmware files.
Program QemuMicrovmCommand(const Program& qemu, const std::string& firmware, const Guest& guest);

}  // namespace voidbox::bench

#endif  // VOIDBOX_TOOLS_BENCH_MACHINE_H_
