#ifndef VOIDBOX_SANDBOX_EMULATED_HOST_MACHINE_FILE_H_
#define VOIDBOX_SANDBOX_EMULATED_HOST_MACHINE_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace voidbox {

// Inside the emulated host the machine's files lie under a layer that takes all writes and is
// forgotten, and below /dev, /proc and /sys are the host's own. hostd mounts them once more, as
// they are: writable and uncached, in a directory of mode 0700.
inline constexpr char kMachineDirectory[] = "/run/voidbox-machine";
inline constexpr char kMachineRoot[] = "/run/voidbox-machine/root";

// Inside: the path below `root` of what the machine has as `path` (absolute), with no link in it;
// links lead to where they do on the machine. NOT_FOUND when the machine has no such file.
absl::StatusOr<std::string> MachineFile(const std::string& path,
                                        const std::string& root = kMachineRoot);

// On the machine: whether a process inside can open `path` (absolute): a regular file of a file
// system, not of /proc or /sys. INVALID_ARGUMENT, naming the file as `what`, when not.
absl::Status CheckMachineFile(const std::string& path, const std::string& what);

// Whether the path that MachineFile gives lies where the host has its own files, so that only
// MachineFile finds the machine's.
bool IsHiddenInside(const std::string& machine_file, const std::string& root = kMachineRoot);

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_EMULATED_HOST_MACHINE_FILE_H_
