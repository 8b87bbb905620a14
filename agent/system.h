#ifndef VOIDBOX_AGENT_SYSTEM_H_
#define VOIDBOX_AGENT_SYSTEM_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// What PID 1 does to the machine as a whole, file systems apart (mounts.h).

// Users' programs may ping (icmp(7), ping_group_range): they have no capability for raw sockets,
// and no_new_privs takes it from ping itself. OK where the kernel has no IPv4.
absl::Status AllowPing();
// Names localhost and the host itself in /etc/hosts, see hosts_file.h.
absl::Status NameHosts();
// Sets the host name unless somebody did before.
absl::Status SetDefaultHostName(absl::string_view name);
// Opens standard input, output and error on /dev/null where the kernel opened none or a console, so
// that nothing waits for a terminal, and sends the log to the kernel's.
absl::Status DetachFromConsole();
// A line on the console, whatever the kernel's loglevel: for what the machine ends of.
void LogToConsole(absl::string_view message);
// Lets the VMM know how far the boot is; see devices/boot_mark.h.
void WriteBootMark(unsigned char value);
// Kills every process, flushes file systems, makes the root read-only and resets the machine, which
// ends the VM: its ACPI knows no power-off. Needs reboot=k on the kernel's command line (the
// reset by the keyboard controller, which the VMM has). Does not return unless it fails.
absl::Status EndMachine();

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_SYSTEM_H_
