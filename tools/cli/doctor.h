#ifndef VOIDBOX_TOOLS_CLI_DOCTOR_H_
#define VOIDBOX_TOOLS_CLI_DOCTOR_H_

#include "sandbox/installation.h"

namespace voidbox {

// Prints what this machine can do and what to do about the rest; the exit status is 0 when
// sandboxes can run.
int Doctor(const Installation& installation, bool json);

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_DOCTOR_H_
