// voidbox: the command line.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/standard_streams.h"
#include "base/version.h"
#include "sandbox/installation.h"
#include "tools/cli/command.h"
#include "tools/cli/completion_command.h"
#include "tools/cli/doctor_command.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/flag_parser.h"
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

  const CommandLine command_line("voidbox", "Runs untrusted code in micro-VMs.");
  const FlagParser root = command_line.root();
  root.SetFooter(kFooter);
  root.RequireCommand();
  command_line.SetVersion(absl::StrCat("voidbox ", kVersion));
  const std::vector<std::unique_ptr<Command>> commands = AllCommands();
  std::vector<FlagParser> parsers;
  parsers.reserve(commands.size());
  for (const auto& command : commands) parsers.push_back(command->AddTo(root));

  const auto parsed = command_line.Parse(std::move(arguments));
  if (!parsed.ok()) return ExitStatusOf(parsed.status());
  if (!*parsed) return 0;  // --help, --version
  for (size_t i = 0; i < commands.size(); ++i) {
    if (parsers[i].parsed()) return RunParsed(*commands[i], invocation);
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
