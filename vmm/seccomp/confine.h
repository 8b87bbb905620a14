#ifndef VOIDBOX_VMM_SECCOMP_CONFINE_H_
#define VOIDBOX_VMM_SECCOMP_CONFINE_H_

#include "absl/status/status.h"

namespace voidbox {

// Kinds of threads, each with its own list of allowed system calls (compile_filters.cc).
enum class ThreadKind { kEventLoop, kVcpu, kBlockWorker };

// Once, before any filter: no privileges are gained from here on, and a system call that a filter
// does not allow writes one line that names it to the log and ends the process.
absl::Status PrepareConfinement();

// Limits the calling thread, and every thread that it starts afterwards, to its kind's system
// calls.
absl::Status ConfineThread(ThreadKind kind);

}  // namespace voidbox

#endif  // VOIDBOX_VMM_SECCOMP_CONFINE_H_
