#include "agent/exec_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include "agent/terminal.h"
#include "base/errno_status.h"
#include "base/pipe.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

// `ours` is made non-blocking: the other end's processes must not see that, and a process that
// opens /proc/self/fd/1 could otherwise leave us waiting for what it has read itself. The pipe
// belongs to `owner`, who could not open that file otherwise.
absl::StatusOr<Pipe> MakePipe(UniqueFd Pipe::*ours, const std::optional<Account>& owner) {
  ASSIGN_OR_RETURN(Pipe pipe, NewPipe());
  const int fd = (pipe.*ours).get();
  if (::fcntl(fd, F_SETFL, O_NONBLOCK) != 0) return ErrnoStatus("fcntl(F_SETFL)");
  if (owner && owner->uid != 0 && ::fchown(fd, owner->uid, owner->gid) != 0) {
    return ErrnoStatus("fchown of a pipe");
  }
  return pipe;
}

absl::StatusOr<ExecStreams> OpenPipes(const Command& command) {
  ASSIGN_OR_RETURN(Pipe out, MakePipe(&Pipe::read, command.account));
  ASSIGN_OR_RETURN(Pipe err, MakePipe(&Pipe::read, command.account));
  Pipe in;
  if (command.wants_input) {
    ASSIGN_OR_RETURN(in, MakePipe(&Pipe::write, command.account));
  }
  return ExecStreams{std::move(in.write), std::move(out.read),  std::move(err.read),
                     std::move(in.read),  std::move(out.write), std::move(err.write)};
}

absl::StatusOr<ExecStreams> OpenTerminalStreams(const Command& command) {
  ASSIGN_OR_RETURN(Terminal terminal, OpenTerminal(*command.terminal, command.account));
  ExecStreams streams;
  // An event loop watches a descriptor once, and these for different events.
  streams.our_input.Reset(::fcntl(terminal.ours.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!streams.our_input) return ErrnoStatus("fcntl(F_DUPFD_CLOEXEC)");
  streams.our_output = std::move(terminal.ours);
  streams.output = std::move(terminal.commands);
  return streams;
}

}  // namespace

absl::StatusOr<ExecStreams> OpenExecStreams(const Command& command) {
  return command.terminal ? OpenTerminalStreams(command) : OpenPipes(command);
}

}  // namespace voidbox
