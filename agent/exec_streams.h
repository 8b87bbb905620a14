#ifndef VOIDBOX_AGENT_EXEC_STREAMS_H_
#define VOIDBOX_AGENT_EXEC_STREAMS_H_

#include "absl/status/statusor.h"
#include "agent/command.h"
#include "base/unique_fd.h"

namespace voidbox {

// The standard streams of a command: three pipes, or a terminal for all.
struct ExecStreams {
  // Our ends, which do not block. No input when the command wants none; no error with a terminal,
  // of which input and output are two descriptors.
  UniqueFd our_input, our_output, our_error;
  // The command's: greater than 2, and closed by what it executes. With a terminal only output.
  UniqueFd input, output, error;
};

absl::StatusOr<ExecStreams> OpenExecStreams(const Command& command);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_EXEC_STREAMS_H_
