// voidbox: the command line.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/standard_streams.h"
#include "base/version.h"
#include "sandbox/installation.h"
#include "tools/cli/command.h"
#include "tools/cli/completion_command.h"
#include "tools/cli/doctor_command.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/host_command.h"
#include "tools/cli/image/image_command.h"
#include "tools/cli/run_command.h"
#include "tools/cli/sandbox/attach_command.h"
#include "tools/cli/sandbox/cp_command.h"
#include "tools/cli/sandbox/exec_command.h"
#include "tools/cli/sandbox/inspect_command.h"
#include "tools/cli/sandbox/logs_command.h"
#include "tools/cli/sandbox/proxy_command.h"
#include "tools/cli/sandbox/ps_command.h"
#include "tools/cli/sandbox/remove_command.h"
#include "tools/cli/sandbox/run_ts_command.h"
#include "tools/cli/sandbox/shell_command.h"
#include "tools/cli/sandbox/stats_command.h"
#include "tools/cli/sandbox/stop_command.h"
#include "tools/cli/version_command.h"

namespace voidbox {
namespace {

constexpr char kFooter[] = R"(Examples:
  voidbox run -- echo hello
  printf 'a\nb\n' | voidbox run -- wc -l
  voidbox run --cpus 2 --memory 512M --timeout 5s -- nproc
  voidbox run -d --name web && voidbox shell web
  voidbox doctor

`voidbox COMMAND --help` says more about each command.)";

// `bazel run` starts programs elsewhere and says where the person is.
void EnterWorkingDirectory() {
  if (std::getenv("BUILD_WORKSPACE_DIRECTORY") == nullptr) return;
  const char* directory = std::getenv("BUILD_WORKING_DIRECTORY");
  if (directory != nullptr && ::chdir(directory) == 0) {
    ::unsetenv("BUILD_WORKING_DIRECTORY");
    ::unsetenv("BUILD_WORKSPACE_DIRECTORY");
  }
}

// In the order of the help.
std::vector<std::unique_ptr<Command>> AllCommands() {
  std::vector<std::unique_ptr<Command>> commands;
  commands.push_back(std::make_unique<RunCommand>());
  commands.push_back(std::make_unique<RunTsCommand>());
  commands.push_back(std::make_unique<ShellCommand>());
  commands.push_back(std::make_unique<PsCommand>());
  commands.push_back(std::make_unique<ExecCommand>());
  commands.push_back(std::make_unique<AttachCommand>());
  commands.push_back(std::make_unique<CpCommand>());
  commands.push_back(std::make_unique<LogsCommand>());
  commands.push_back(std::make_unique<StatsCommand>());
  commands.push_back(std::make_unique<InspectSandboxCommand>());
  commands.push_back(std::make_unique<ProxyCommand>());
  commands.push_back(std::make_unique<StopCommand>(/*orderly=*/true));
  commands.push_back(std::make_unique<StopCommand>(/*orderly=*/false));
  commands.push_back(std::make_unique<RemoveSandboxCommand>());
  commands.push_back(std::make_unique<ImageCommand>());
  commands.push_back(std::make_unique<DoctorCommand>());
  commands.push_back(std::make_unique<HostCommand>());
  commands.push_back(std::make_unique<VersionCommand>());
  commands.push_back(std::make_unique<CompletionCommand>());
  return commands;
}

// INVALID_ARGUMENT when a word stands where a command's name should, and is none.
absl::Status CheckNames(CLI::App& app, const std::vector<std::string>& arguments) {
  CLI::App* parser = &app;
  std::string path;
  for (const std::string& word : arguments) {
    const auto commands = parser->get_subcommands([](CLI::App*) { return true; });
    if (commands.empty() || word.empty() || word[0] == '-') return absl::OkStatus();
    const auto named = std::find_if(commands.begin(), commands.end(),
                                    [&](CLI::App* one) { return one->get_name() == word; });
    if (named == commands.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown command ", path, word, "; see `voidbox ", path, "--help`"));
    }
    parser = *named;
    absl::StrAppend(&path, word, " ");
  }
  return absl::OkStatus();
}

int RunParsed(Command& command, const Invocation& invocation) {
  if (!invocation.after_dashes.empty() && !command.TakesCommand()) {
    return ExitStatusOf(absl::InvalidArgumentError("this command takes none behind --"));
  }
  return command.Run(invocation);
}

int Main(std::vector<std::string> arguments) {
  EnterWorkingDirectory();
  auto installation = Installation::Find();
  if (!installation.ok()) return ExitStatusOf(installation.status());

  Invocation invocation = {*std::move(installation), arguments, {}};
  // What follows "--" is the command's, whatever it looks like.
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  if (dashes != arguments.end()) invocation.after_dashes.assign(dashes + 1, arguments.end());
  arguments.erase(dashes, arguments.end());

  CLI::App app("Runs untrusted code in micro-VMs.", "voidbox");
  app.footer(kFooter);
  app.require_subcommand(1);
  app.set_version_flag("--version", absl::StrCat("voidbox ", kVersion));
  const std::vector<std::unique_ptr<Command>> commands = AllCommands();
  std::vector<CLI::App*> parsers;
  parsers.reserve(commands.size());
  for (const auto& command : commands) parsers.push_back(command->AddTo(app));

  if (const absl::Status known = CheckNames(app, arguments); !known.ok()) {
    return ExitStatusOf(known);
  }
  try {
    std::reverse(arguments.begin(), arguments.end());  // CLI11 wants them so
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    LogError(error.what());
    return kExitOwnError;
  }
  for (size_t i = 0; i < commands.size(); ++i) {
    if (parsers[i]->parsed()) return RunParsed(*commands[i], invocation);
  }
  return kExitOwnError;  // not reached: one of them is required
}

}  // namespace
}  // namespace voidbox

int main(int argc, char** argv) {
  // Nothing could be said of a failure.
  if (!voidbox::OpenStandardStreams().ok()) return voidbox::kExitOwnError;
  ::signal(SIGPIPE, SIG_IGN);
  return voidbox::Main(std::vector<std::string>(argv + 1, argv + argc));
}
