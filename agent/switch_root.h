#ifndef VOIDBOX_AGENT_SWITCH_ROOT_H_
#define VOIDBOX_AGENT_SWITCH_ROOT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// The words of a kernel command line about the root, as the kernel reads them when it mounts it
// itself (Linux Documentation/admin-guide/kernel-parameters.txt); of each the last counts.
struct RootWords {
  std::string device;         // root=
  std::string type = "ext4";  // rootfstype=
  bool writable = false;      // rw, ro
  std::string init = "/sbin/init";
};

// INVALID_ARGUMENT unless root= names a file below /dev.
absl::StatusOr<RootWords> ParseRootWords(absl::string_view command_line);

// Whether this is an initramfs that is but the way to a root disk (base/kernel_module_list.h).
bool HasNewRoot();

// Mounts the root disk that the kernel's command line names, frees the initramfs, makes the disk
// the root with what is mounted on /dev, /proc and /sys, and becomes its init. Returns only what
// went wrong.
absl::Status SwitchRoot();

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_SWITCH_ROOT_H_
