#ifndef VOIDBOX_AGENT_PROGRAM_INTERPRETER_H_
#define VOIDBOX_AGENT_PROGRAM_INTERPRETER_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace voidbox {

// As much of a program's beginning as is looked at: linkers put the name of the interpreter right
// behind the program headers.
inline constexpr size_t kProgramHeadBytes = 4096;

// What execve(2) needs to run a program beside itself, as the program's first bytes name it: a
// script's interpreter (of "#!", Linux fs/binfmt_script.c) or an ELF file's loader (PT_INTERP).
// Empty when they name none. A part of `head`; any bytes but NUL.
absl::string_view InterpreterOf(absl::string_view head);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_PROGRAM_INTERPRETER_H_
