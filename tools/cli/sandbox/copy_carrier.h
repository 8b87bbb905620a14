#ifndef VOIDBOX_TOOLS_CLI_SANDBOX_COPY_CARRIER_H_
#define VOIDBOX_TOOLS_CLI_SANDBOX_COPY_CARRIER_H_

#include <string>

#include "absl/status/status.h"
#include "tools/cli/command.h"
#include "tools/cli/sandbox/copy_paths.h"

namespace voidbox {

// How a tar stream came to or from a sandbox, wherever that is: over a connection of this process,
// or by the same program in the emulated host. Nothing was said of it yet.
struct Carried {
  int exit_status = 0;
  absl::Status status;  // in this process
  std::string said;     // by the program in the host

  bool ok() const { return exit_status == 0; }
  // The carrying itself was broken off, since nobody read or wrote the other end: whoever held that
  // knows why.
  bool is_broken_off() const;
  // Tells the user, and returns the exit status.
  int Tell() const;
};

// From a descriptor, to its end, into a directory of the sandbox, which is made when missing.
Carried CarryIn(const Invocation& invocation, const GuestPath& directory, int input);
// From the sandbox to a descriptor: the file or folder, or its contents (NameOfGuestSource).
Carried CarryOut(const Invocation& invocation, const GuestPath& path, int output);

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_SANDBOX_COPY_CARRIER_H_
