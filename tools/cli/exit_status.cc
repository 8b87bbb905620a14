#include "tools/cli/exit_status.h"

#include <signal.h>

#include "absl/strings/str_cat.h"
#include "agent/error_frame.h"
#include "base/log.h"

namespace voidbox {

int ExitStatusOf(const agent::ExecEnded& ended) {
  switch (ended.reason()) {
    case agent::ExecEnded::EXITED:
      if (!ended.message().empty()) LogWarning("the command has ended; ", ended.message());
      return static_cast<int>(ended.exit_code() & 0xff);
    case agent::ExecEnded::SIGNALED:
      return kExitSignalBase + static_cast<int>(ended.signal() & 0x7f);
    case agent::ExecEnded::TIMED_OUT:
      LogError("the command was killed: its time was up");
      return kExitTimedOut;
    case agent::ExecEnded::OUT_OF_MEMORY:
      LogError("the command was killed for want of memory (see --memory)");
      return kExitSignalBase + SIGKILL;
    case agent::ExecEnded::NOT_STARTED:
      LogError("cannot start the command: ", MessageText(ended.message()));
      return static_cast<int>(ended.exit_code() & 0xff);
    default:
      LogError("the agent did not say how the command ended");
      return kExitOwnError;
  }
}

int ExitStatusOf(const absl::Status& error) {
  if (absl::IsCancelled(error)) return kExitSignalBase + SIGPIPE;
  absl::string_view message = error.message();
  while (!message.empty() && message.back() == '\n') message.remove_suffix(1);
  LogError(message);
  return kExitOwnError;
}

}  // namespace voidbox
