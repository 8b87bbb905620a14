#ifndef VOIDBOX_SANDBOX_BOOT_COMMAND_LINE_H_
#define VOIDBOX_SANDBOX_BOOT_COMMAND_LINE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace voidbox {

// What every guest kernel is told, whatever its image; words of the user come after and win. See
// Linux Documentation/admin-guide/kernel-parameters.txt.
inline constexpr char kBootCommandLine[] =
    // The serial port is the only console, and each character on it costs three exits: of the
    // kernel's messages only the last, a panic, is worth that. `--console` asks for the others.
    "console=ttyS0 quiet loglevel=1 "
    // A reset goes through the i8042, which ends the VMM, and so does a panic, at once.
    "reboot=k panic=-1 "
    // There is one serial port, and no mouse or multiplexer behind the i8042 to look for. That
    // there is no keyboard is ACPI's to tell, to kernels that would look for one for two seconds.
    "8250.nr_uarts=1 i8042.noaux i8042.nomux i8042.dumbkbd "
    // KVM's clock is right: no calibration against it, no watchdog over it, no timer check.
    "tsc=reliable no_timer_check "
    // Grace periods at once instead of after some ticks: mounting cgroup2 waits for one, 12 ms.
    "rcupdate.rcu_expedited=1";

// What only image/kernel's is told: a word that a kernel does not know becomes an argument of its
// init.
inline constexpr char kOwnKernelWords[] =
    // Patching 7,000 lock prefixes out of the kernel for a single processor takes 6 ms. Linux 7.3
    // has no such word.
    "noreplace-smp";

enum class GuestKernel { kOwn, kOther };

// What the guest of a sandbox is told: the above, that its agent is to mark how far it is (which
// errors tell), the kernel's messages on the console if `show_console`, and then the user's words.
std::string SandboxCommandLine(GuestKernel kernel, bool show_console, absl::string_view words);

// Has the agent say why and end the guest where it cannot grow the root file system to its disk.
inline constexpr char kMustGrowWord[] = "voidbox.must_grow";  // agent/guest_agent.cc

// Words for a guest whose first disk is its root file system, writable: they come before the
// user's. Without init=, a root that lacks /sbin/init would end in a shell that nobody talks to.
inline constexpr char kRootDiskWords[] = "root=/dev/vda rootfstype=ext4 rw init=/sbin/init";

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_BOOT_COMMAND_LINE_H_
