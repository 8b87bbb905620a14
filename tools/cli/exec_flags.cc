#include "tools/cli/exec_flags.h"

#include <cmath>
#include <cstdint>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/status_macros.h"
#include "tools/cli/parse.h"

namespace voidbox {
namespace {

constexpr uint32_t kMaxProcesses = 1 << 22;  // Linux' PID_MAX_LIMIT

uint64_t MillisecondsUp(absl::Duration duration) {
  return static_cast<uint64_t>(
      absl::ToInt64Milliseconds(absl::Ceil(duration, absl::Milliseconds(1))));
}

}  // namespace

void AddExecFlags(FlagParser app, ExecFlags& flags) {
  app.Add("-e,--env", flags.environment,
          "set a variable of the command's environment; NAME alone passes on the value "
          "that it has here; repeatable")
      .Type("NAME[=VALUE]")
      .OneValueEach();
  app.Add("-w,--workdir", flags.working_directory, "directory in the guest to run it in")
      .Type("DIR");
  app.Add("-u,--user", flags.user,
          "user of the command: a name of the guest's /etc/passwd, UID or UID:GID "
          "(default: user, 1000)")
      .Type("USER");
  app.Add("--isolation", flags.isolation,
          "rootfs: the guest's whole file system (default); jail: /home/user alone, no "
          "capabilities, fewer system calls")
      .OneOf({"rootfs", "jail"})
      .Type("KIND");
  app.AddSwitch("-i,--interactive", flags.interactive, "pass standard input on");
  app.AddSwitch("-t,--tty", flags.terminal, "give it a terminal");
  app.Add("--timeout", flags.timeout, "kill the command after this time (5s, 500ms, 2m)")
      .Type("TIME");
  app.Add("--pids", flags.processes, "processes and threads that it may have at once").Type("N");
}

void AddExecLimitFlags(FlagParser app, ExecFlags& flags) {
  app.Add("--memory,-m", flags.memory, "memory of the command, such as 64M").Type("SIZE");
  app.Add("--cpus", flags.cpus, "processors of the command, such as 0.5").Type("N");
  app.AddSwitch(
      "--kill-tree", flags.kill_tree,
      "when the command has ended, kill what it started; otherwise that goes on, as on any "
      "machine (always killed: with -t, when its time is up, when it is killed)");
}

absl::StatusOr<agent::ExecLimits> ToExecLimits(const ExecFlags& flags) {
  agent::ExecLimits limits;
  if (!flags.processes.empty()) {
    uint32_t processes;
    if (!absl::SimpleAtoi(flags.processes, &processes) || processes < 1 ||
        processes > kMaxProcesses) {
      return absl::InvalidArgumentError(
          absl::StrCat("--pids '", flags.processes, "' is not a number from 1 to ", kMaxProcesses));
    }
    limits.set_processes(processes);
  }
  if (!flags.memory.empty()) {
    ASSIGN_OR_RETURN(const uint64_t bytes, ParseBytes("--memory", flags.memory));
    limits.set_memory_bytes(bytes);
  }
  if (!flags.cpus.empty()) {
    double cpus;
    if (!absl::SimpleAtod(flags.cpus, &cpus) || !(cpus >= 0.01) || !(cpus <= kMaxCpus)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--cpus '", flags.cpus, "' is not a number from 0.01 to ", kMaxCpus));
    }
    limits.set_cpu_millis(static_cast<uint32_t>(std::lround(cpus * 1000)));
  }
  return limits;
}

absl::StatusOr<agent::ExecRequest> ToExecRequest(const ExecFlags& flags,
                                                 const std::vector<std::string>& command) {
  agent::ExecRequest request;
  for (const std::string& argument : command) request.add_argv(argument);
  for (const std::string& variable : flags.environment) {
    ASSIGN_OR_RETURN(*request.add_environment(), ParseVariable(variable));
  }
  if (!flags.working_directory.empty() && flags.working_directory[0] != '/') {
    return absl::InvalidArgumentError(
        absl::StrCat("working directory '", flags.working_directory, "' is not absolute"));
  }
  request.set_working_directory(flags.working_directory);
  request.set_user(flags.user);
  request.set_kill_tree(flags.kill_tree);
  if (flags.isolation == "jail") request.set_isolation(agent::JAIL);
  if (flags.isolation == "rootfs") request.set_isolation(agent::ROOTFS);
  if (!flags.timeout.empty()) {
    ASSIGN_OR_RETURN(const absl::Duration timeout, ParseDuration(flags.timeout));
    request.set_timeout_ms(MillisecondsUp(timeout));
  }
  ASSIGN_OR_RETURN(*request.mutable_limits(), ToExecLimits(flags));
  return request;
}

}  // namespace voidbox
