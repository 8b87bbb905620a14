#include "tools/cli/completion_command.h"

#include <cstdio>

#include "tools/cli/completion.h"
#include "tools/cli/exit_status.h"

namespace voidbox {

FlagParser CompletionCommand::AddTo(FlagParser app) {
  app_ = app;
  const FlagParser completion =
      app.AddCommand("completion", "Print a completion script for bash, zsh or fish");
  completion.Add("shell", shell_).Required().Type("bash|zsh|fish");
  completion.SetFooter("Example:\n  source <(voidbox completion bash)");
  return completion;
}

int CompletionCommand::Run(const Invocation&) {
  const auto script = CompletionScript(shell_, app_);
  if (!script.ok()) return ExitStatusOf(script.status());
  std::fputs(script->c_str(), stdout);
  return 0;
}

}  // namespace voidbox
