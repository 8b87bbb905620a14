#include "tools/cli/sandbox/remove_command.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/sandbox/sandboxes.h"

namespace voidbox {
namespace {

absl::Status RemoveOne(Sandboxes& sandboxes, const std::string& name, bool force) {
  ASSIGN_OR_RETURN(const SandboxRecord record, sandboxes.Find(name));
  if (!HasEnded(record)) {
    if (!force) {
      return absl::FailedPreconditionError(
          absl::StrCat("sandbox ", name, " runs; stop it first, or use --force"));
    }
    RETURN_IF_ERROR(sandboxes.End(record, /*orderly=*/false, absl::ZeroDuration()));
  }
  RETURN_IF_ERROR(sandboxes.detached().Remove(record.id));
  std::puts(name.c_str());
  return absl::OkStatus();
}

}  // namespace

FlagParser RemoveSandboxCommand::AddTo(FlagParser app) {
  const FlagParser command =
      app.AddCommand("rm", "Forget sandboxes that have ended, and their logs");
  command.Add("ID", names_, "names, ids or beginnings of ids");
  command.AddSwitch("-f,--force", force_, "kill those that run");
  command.AddSwitch("-a,--all", all_, "all that have ended");
  command.SetFooter("Examples:\n  voidbox rm -f web\n  voidbox rm --all");
  return command;
}

int RemoveSandboxCommand::Remove() const {
  auto sandboxes = Sandboxes::Open();
  if (!sandboxes.ok()) return ExitStatusOf(sandboxes.status());
  std::vector<std::string> names = names_;
  if (all_) {
    const auto records = sandboxes->All();
    if (!records.ok()) return ExitStatusOf(records.status());
    for (const SandboxRecord& record : *records) {
      if (HasEnded(record)) names.push_back(record.id);
    }
  } else if (names.empty()) {
    return ExitStatusOf(
        absl::InvalidArgumentError("no sandbox given; say `voidbox rm ID`, see `voidbox ps`"));
  }
  int result = 0;
  for (const std::string& name : names) {
    const absl::Status status = RemoveOne(*sandboxes, name, force_);
    if (!status.ok()) result = ExitStatusOf(status);
  }
  return result;
}

int RemoveSandboxCommand::Run(const Invocation&) { return Remove(); }

}  // namespace voidbox
