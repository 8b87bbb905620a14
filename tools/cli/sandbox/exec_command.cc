#include "tools/cli/sandbox/exec_command.h"

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/sandbox/exec_run.h"
#include "tools/cli/sandbox/sandboxes.h"

namespace voidbox {
namespace {

constexpr char kFooter[] =
    R"(The exit status is the command's own, or 124 to 128+N as `voidbox run` has it.
Arguments and environment may have what Linux takes: 2 MiB together, 128 KiB each. What a command
leaves running in the background goes on; `voidbox stats` shows how much that is.

Examples:
  voidbox exec web -- cat /etc/os-release
  voidbox exec -it web -- sh
  voidbox exec web -- sh -c 'httpd -p 8000 &'
  voidbox exec --kill-tree web -- make test
  printf 'a\nb\n' | voidbox exec -i web -- wc -l
  voidbox exec --isolation jail --memory 64M --pids 20 --timeout 10s web -- sh -c 'ls /')";

struct Words {
  std::string sandbox;
  std::vector<std::string> command;
};

// ID -- COMMAND..., or ID COMMAND...
absl::StatusOr<Words> Split(const FlagParser app, const std::vector<std::string>& after_dashes) {
  std::vector<std::string> words = app.Remaining();
  if (words.empty()) {
    return absl::InvalidArgumentError(
        "no sandbox given; say `voidbox exec ID -- COMMAND`, see `voidbox ps`");
  }
  if (words[0].size() > 1 && words[0][0] == '-') {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown flag ", words[0], "; see `voidbox exec --help`"));
  }
  Words result = {.sandbox = words[0], .command = {words.begin() + 1, words.end()}};
  if (!after_dashes.empty()) {
    if (!result.command.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", result.command[0], "' stands before --; flags come before the ID"));
    }
    result.command = after_dashes;
  }
  if (result.command.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("no command; say `voidbox exec ", result.sandbox,
                                                   " -- COMMAND`, or `voidbox shell ",
                                                   result.sandbox, "`"));
  }
  return result;
}

}  // namespace

FlagParser ExecCommand::AddTo(FlagParser app) {
  app_ = app.AddCommand("exec", "Run a command in a sandbox that runs");
  app_.SetFooter(kFooter);
  app_.SetUsage("voidbox exec [FLAGS] ID -- COMMAND [ARGUMENTS...]");
  app_.TakeCommand();
  AddExecFlags(app_, flags_);
  AddExecLimitFlags(app_, flags_);
  app_.AddSwitch("-d,--detach", detach_,
                 "leave it running, and print its number for `voidbox attach`");
  return app_;
}

int ExecCommand::Run(const Invocation& invocation) {
  const auto words = Split(app_, invocation.after_dashes);
  if (!words.ok()) return ExitStatusOf(words.status());
  auto exec = ToExecRequest(flags_, words->command);
  if (!exec.ok()) return ExitStatusOf(exec.status());
  exec->set_keep(detach_);
  agent::Request request;
  *request.mutable_exec() = *std::move(exec);
  ExecRunOptions options = {.terminal = flags_.terminal};
  if (!flags_.interactive) options.streams.input = -1;
  if (detach_) {
    options.detach = [](const agent::ExecStarted& started) {
      std::puts(absl::StrCat(started.id()).c_str());
    };
  }
  auto vsock = ConnectToVsockOf(words->sandbox);
  if (!vsock.ok()) return ExitStatusOf(vsock.status());
  return RunExec(*std::move(vsock), std::move(request), options);
}

}  // namespace voidbox
