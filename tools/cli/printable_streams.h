#ifndef VOIDBOX_TOOLS_CLI_PRINTABLE_STREAMS_H_
#define VOIDBOX_TOOLS_CLI_PRINTABLE_STREAMS_H_

#include <unistd.h>

#include "sandbox/exec_session.h"
#include "tools/cli/output_format.h"

namespace voidbox {

// The streams of a command that has no terminal: where they come to the user's all the same, the
// command does not command it.
inline ExecSession::Streams PrintableOnTerminals(ExecSession::Streams streams) {
  streams.printable_output = streams.output == STDOUT_FILENO && OutputIsTerminal();
  streams.printable_error = streams.error == STDERR_FILENO && ErrorIsTerminal();
  return streams;
}

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_PRINTABLE_STREAMS_H_
