#include "tools/cli/sandbox/stop_command.h"

#include <cstdio>

#include "absl/time/time.h"
#include "base/status_macros.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/parse.h"
#include "tools/cli/sandbox/sandboxes.h"

namespace voidbox {
namespace {

absl::Status EndOne(Sandboxes& sandboxes, const std::string& name, bool orderly,
                    absl::Duration patience) {
  ASSIGN_OR_RETURN(const SandboxRecord record, sandboxes.FindLiving(name));
  RETURN_IF_ERROR(sandboxes.End(record, orderly, patience));
  std::puts(name.c_str());
  return absl::OkStatus();
}

}  // namespace

FlagParser StopCommand::AddTo(FlagParser app) {
  const FlagParser command =
      orderly_ ? app.AddCommand("stop", "End sandboxes in order: disks are written")
               : app.AddCommand("kill", "End sandboxes at once");
  command.Add("ID", names_, "names, ids or beginnings of ids").Required();
  if (orderly_) {
    command.Add("--timeout", timeout_, "kill what has not ended after this time")
        .Type("TIME")
        .ShowDefault();
    command.SetFooter("Example:\n  voidbox stop web");
  } else {
    command.SetFooter("Example:\n  voidbox ps -q | xargs voidbox kill");
  }
  return command;
}

int StopCommand::Run(const Invocation&) {
  const auto patience = ParseDuration(timeout_);
  if (!patience.ok()) return ExitStatusOf(patience.status());
  auto sandboxes = Sandboxes::Open();
  if (!sandboxes.ok()) return ExitStatusOf(sandboxes.status());
  int result = 0;
  for (const std::string& name : names_) {
    const absl::Status status = EndOne(*sandboxes, name, orderly_, *patience);
    if (!status.ok()) result = ExitStatusOf(status);
  }
  return result;
}

}  // namespace voidbox
