#ifndef VOIDBOX_VMM_SECCOMP_OWN_PROCESS_H_
#define VOIDBOX_VMM_SECCOMP_OWN_PROCESS_H_

#include <cstdint>

namespace voidbox {

// Stands in the compiled filters for the process's id, which ConfineThread puts in its place. No
// process has it: pid_max is at most 2^22 (proc(5)).
inline constexpr uint32_t kOwnProcess = 0x7fedcba9;

}  // namespace voidbox

#endif  // VOIDBOX_VMM_SECCOMP_OWN_PROCESS_H_
