#ifndef VOIDBOX_BASE_SECCOMP_COMPILER_H_
#define VOIDBOX_BASE_SECCOMP_COMPILER_H_

#include <seccomp.h>

#include <cstdint>

namespace voidbox {

// For the programs that compile seccomp filters while we are built, so that what is confined by
// them neither links libseccomp nor spends time on rules.

// Ends the program with what failed and the error: a negative one of libseccomp's, or errno.
[[noreturn]] void FailCompilation(const char* what, int error);

// An empty filter that does `action` where no rule says otherwise, and looks numbers up by a binary
// search instead of a list.
scmp_filter_ctx NewFilter(uint32_t action);

// Writes the filter to standard output as a C++ array `name` of its BPF instructions.
void WriteFilter(const char* name, scmp_filter_ctx filter);

}  // namespace voidbox

#endif  // VOIDBOX_BASE_SECCOMP_COMPILER_H_
