#include "tools/cli/sandbox/shell_command.h"

#include <unistd.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/sandbox/exec_run.h"
#include "tools/cli/sandbox/sandboxes.h"

namespace voidbox {
namespace {

// The best one that there is.
const std::vector<std::string>& Shell() {
  static const auto* const shell = new std::vector<std::string>{
      "/bin/sh", "-c", "if [ -x /bin/bash ]; then exec /bin/bash -i; else exec /bin/sh -i; fi"};
  return *shell;
}

}  // namespace

FlagParser ShellCommand::AddTo(FlagParser app) {
  const FlagParser shell = app.AddCommand("shell", "Open a shell in a sandbox");
  const Flag name = shell.Add("ID", name_, "name, id or beginning of an id");
  shell.Add("--image", image_, "make a sandbox of this image for it, and end it afterwards")
      .Type("NAME")
      .Excludes(name);
  shell.Add("-e,--env", flags_.environment, "set a variable; repeatable")
      .Type("NAME[=VALUE]")
      .OneValueEach();
  shell.Add("-w,--workdir", flags_.working_directory, "directory to begin in").Type("DIR");
  shell.Add("-u,--user", flags_.user, "user (default: user, 1000)").Type("USER");
  shell.Add("--isolation", flags_.isolation, "rootfs (default) or jail")
      .OneOf({"rootfs", "jail"})
      .Type("KIND");
  shell.SetFooter(
      "Without ID and --image, the sandbox is that of `voidbox run`.\n\n"
      "Examples:\n"
      "  voidbox shell web\n"
      "  voidbox shell --image debian -u root");
  return shell;
}

int ShellCommand::InSandbox() const {
  auto exec = ToExecRequest(flags_, Shell());
  if (!exec.ok()) return ExitStatusOf(exec.status());
  auto vsock = ConnectToVsockOf(name_);
  if (!vsock.ok()) return ExitStatusOf(vsock.status());
  agent::Request request;
  *request.mutable_exec() = *std::move(exec);
  return RunExec(*std::move(vsock), std::move(request), {.terminal = true});
}

int ShellCommand::Run(const Invocation& invocation) {
  if (::isatty(STDIN_FILENO) != 1) {
    return ExitStatusOf(absl::FailedPreconditionError(
        "standard input is no terminal; use `voidbox run -- sh` or `voidbox exec -i ID -- sh`"));
  }
  if (!name_.empty()) return InSandbox();
  std::vector<std::string> arguments = {"voidbox", "run", "-it"};
  const auto add = [&](const char* flag, const std::string& value) {
    if (!value.empty()) arguments.insert(arguments.end(), {flag, value});
  };
  add("--image", image_);
  add("--workdir", flags_.working_directory);
  add("--user", flags_.user);
  add("--isolation", flags_.isolation);
  for (const std::string& variable : flags_.environment) add("--env", variable);
  arguments.push_back("--");
  arguments.insert(arguments.end(), Shell().begin(), Shell().end());
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  ::execv(invocation.installation.executable().c_str(), pointers.data());
  return ExitStatusOf(absl::InternalError("cannot start voidbox run"));
}

}  // namespace voidbox
