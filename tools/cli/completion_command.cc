#include "tools/cli/completion_command.h"

#include <cstdio>

#include "tools/cli/completion.h"
#include "tools/cli/exit_status.h"

namespace voidbox {

CLI::App* CompletionCommand::AddTo(CLI::App& app) {
  app_ = &app;
  CLI::App* const completion =
      app.add_subcommand("completion", "Print a completion script for bash, zsh or fish");
  completion->add_option("shell", shell_)->required()->type_name("bash|zsh|fish");
  completion->footer("Example:\n  source <(voidbox completion bash)");
  return completion;
}

int CompletionCommand::Run(const Invocation&) {
  const auto script = CompletionScript(shell_, *app_);
  if (!script.ok()) return ExitStatusOf(script.status());
  std::fputs(script->c_str(), stdout);
  return 0;
}

}  // namespace voidbox
