#include "tools/cli/sandbox/attach_command.h"

#include <cstdint>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/sandbox/exec_run.h"
#include "tools/cli/sandbox/sandboxes.h"

namespace voidbox {

FlagParser AttachCommand::AddTo(FlagParser app) {
  const FlagParser attach =
      app.AddCommand("attach", "Join a command that `voidbox exec -d` left running");
  attach.Add("ID", name_, "name, id or beginning of an id").Required();
  attach.Add("EXEC", exec_, "number that `voidbox exec -d` printed").Required();
  attach.AddSwitch("--new", skip_output_, "leave out what it wrote before");
  attach.SetFooter(
      "Example:\n  voidbox attach web $(voidbox exec -d web -- sh -c 'sleep 5; date')");
  return attach;
}

int AttachCommand::Run(const Invocation&) {
  agent::Request request;
  uint64_t id;
  if (!absl::SimpleAtoi(exec_, &id) || id == 0) {
    return ExitStatusOf(
        absl::InvalidArgumentError(absl::StrCat("'", exec_, "' is not a command's number")));
  }
  request.mutable_attach()->set_id(id);
  request.mutable_attach()->set_skip_kept_output(skip_output_);
  ExecSession::Streams streams;
  streams.input = -1;
  auto vsock = ConnectToVsockOf(name_);
  if (!vsock.ok()) return ExitStatusOf(vsock.status());
  return RunExec(*std::move(vsock), std::move(request), {.streams = streams});
}

}  // namespace voidbox
