#include "tools/cli/host_command.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/event_loop.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "sandbox/emulated_host/host_client.h"
#include "sandbox/home.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/run_in_host.h"

namespace voidbox {
namespace {

void Print(const std::string& text) { std::fputs(text.c_str(), stdout); }

void PrintStatus(const std::optional<host::Status>& status, bool json) {
  if (json) {
    nlohmann::json report = {{"running", status.has_value()}};
    if (status.has_value()) {
      report["state"] = status->state() == host::Status::RUNNING ? "running" : "starting";
      report["broker_pid"] = status->broker_pid();
      report["qemu_pid"] = status->qemu_pid();
      report["calls"] = status->calls();
      report["uptime_seconds"] = status->uptime_seconds();
      report["idle_limit_seconds"] = status->idle_limit_seconds();
      report["start_ms"] = status->start_ms();
      report["from_saved_state"] = status->from_saved_state();
    }
    return Print(report.dump(2) + "\n");
  }
  if (!status.has_value()) return Print("The emulated KVM host is not running.\n");
  if (status->state() != host::Status::RUNNING) {
    return Print("The emulated KVM host is starting.\n");
  }
  Print(absl::StrFormat(
      "The emulated KVM host is running (QEMU's pid %d, up %d s, %d calls now).\n"
      "It took %.1f s to start%s and ends after %d s without a call.\n",
      status->qemu_pid(), status->uptime_seconds(), status->calls(),
      static_cast<double>(status->start_ms()) / 1000,
      status->from_saved_state() ? " from its saved state" : "", status->idle_limit_seconds()));
}

absl::StatusOr<std::optional<host::Status>> Start(const HostFiles& files) {
  ASSIGN_OR_RETURN(const auto loop, EventLoop::Create());
  absl::Status result;
  HostCallOpener::Handlers handlers;
  handlers.progress = [](const std::string& progress) { LogInfo(progress); };
  handlers.opened = [&](const absl::StatusOr<UniqueFd>& stream) {
    result = stream.status();
    loop->Stop();
  };
  ASSIGN_OR_RETURN(const auto opener, HostCallOpener::Start(*loop, files, std::move(handlers)));
  RETURN_IF_ERROR(loop->Run());
  RETURN_IF_ERROR(result);
  return GetHostStatus(files.home);
}

int HostStart(const Installation& installation, bool json) {
  const auto home = VoidboxHome();
  if (!home.ok()) return ExitStatusOf(home.status());
  const auto files = FindHostFiles(installation, *home);
  if (!files.ok()) return ExitStatusOf(files.status());
  const auto status = Start(*files);
  if (!status.ok()) return ExitStatusOf(status.status());
  PrintStatus(*status, json);
  return 0;
}

int HostStop(bool json) {
  const auto home = VoidboxHome();
  if (!home.ok()) return ExitStatusOf(home.status());
  const auto stopped = StopHost(*home);
  if (!stopped.ok()) return ExitStatusOf(stopped.status());
  if (json) {
    Print(nlohmann::json{{"stopped", *stopped}}.dump(2) + "\n");
  } else {
    Print(*stopped ? "The emulated KVM host has been stopped.\n"
                   : "The emulated KVM host was not running.\n");
  }
  return 0;
}

int HostStatus(bool json) {
  const auto home = VoidboxHome();
  if (!home.ok()) return ExitStatusOf(home.status());
  const auto status = GetHostStatus(*home);
  if (!status.ok()) return ExitStatusOf(status.status());
  PrintStatus(*status, json);
  return 0;
}

int HostExec(const Installation& installation, const std::vector<std::string>& argv) {
  if (argv.empty()) {
    return ExitStatusOf(absl::InvalidArgumentError("no command to run in the host"));
  }
  const auto home = VoidboxHome();
  if (!home.ok()) return ExitStatusOf(home.status());
  const auto files = FindHostFiles(installation, *home);
  if (!files.ok()) return ExitStatusOf(files.status());
  return RunInHost(*files, argv);
}

}  // namespace

FlagParser HostCommand::AddTo(FlagParser app) {
  const FlagParser host = app.AddCommand("host", "The emulated KVM host of this user");
  host.RequireCommand();
  host.SetFooter(
      "It starts by itself when a sandbox needs it, and ends after 10 minutes without work "
      "(seconds in VOIDBOX_HOST_IDLE).");
  start_ = host.AddCommand("start", "Start it, if it is not running");
  stop_ = host.AddCommand("stop", "End it, with all that runs in it");
  const FlagParser status = host.AddCommand("status", "Say whether it is running");
  for (const FlagParser command : {start_, stop_, status}) AddFormat(command, format_);
  exec_ = host.AddCommand("exec", "Run a command of this machine inside it, as root");
  exec_.SetUsage("voidbox host exec -- COMMAND [ARGUMENTS...]");
  exec_.TakeCommand();
  return host;
}

int HostCommand::Run(const Invocation& invocation) {
  const bool json = format_ == "json";
  if (start_.parsed()) return HostStart(invocation.installation, json);
  if (stop_.parsed()) return HostStop(json);
  if (!exec_.parsed()) return HostStatus(json);
  const auto command = CommandOf(exec_, invocation.after_dashes);
  if (!command.ok()) return ExitStatusOf(command.status());
  return HostExec(invocation.installation, *command);
}

}  // namespace voidbox
