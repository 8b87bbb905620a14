#include "agent/exec_policy.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/accounts.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

template <typename... Parts>
absl::Status Denied(const Parts&... parts) {
  return absl::PermissionDeniedError(absl::StrCat(parts...));
}

template <typename Number>
absl::Status ApplyLimit(absl::string_view field, Number most, Number& value) {
  if (most == 0) return absl::OkStatus();
  if (value == 0) value = most;
  if (value <= most) return absl::OkStatus();
  return Denied("limits.", field, ": ", value, " is more than this guest's configuration allows, ",
                most, "; ask for that or less");
}

absl::Status CheckAllowedCommand(absl::string_view name, int index) {
  const std::string field = absl::StrCat("allowed_commands[", index, "]: ");
  if (name.empty()) return absl::InvalidArgumentError(absl::StrCat(field, "empty"));
  if (name.find('\0') != absl::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat(field, "contains a NUL byte"));
  }
  if (name[0] != '/' && name.find('/') != absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, name, " is neither a name without a slash nor an absolute path"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::set<std::string, std::less<>>> ParseAllowedCommands(
    const agent::ConfigureRequest& request) {
  if (request.allowed_commands_size() > static_cast<int>(ExecPolicy::kMaxAllowedCommands)) {
    return absl::InvalidArgumentError(
        absl::StrCat("allowed_commands: ", request.allowed_commands_size(),
                     " are more than the limit of ", ExecPolicy::kMaxAllowedCommands));
  }
  std::set<std::string, std::less<>> commands;
  size_t bytes = 0;
  for (int i = 0; i < request.allowed_commands_size(); ++i) {
    RETURN_IF_ERROR(CheckAllowedCommand(request.allowed_commands(i), i));
    bytes += request.allowed_commands(i).size();
    commands.insert(request.allowed_commands(i));
  }
  if (bytes > ExecPolicy::kMaxAllowedCommandBytes) {
    return absl::InvalidArgumentError(absl::StrCat("allowed_commands: ", bytes,
                                                   " bytes are more than the limit of ",
                                                   ExecPolicy::kMaxAllowedCommandBytes));
  }
  return commands;
}

}  // namespace

absl::Status ExecPolicy::Configure(const agent::ConfigureRequest& request) {
  if (configured_) {
    return absl::FailedPreconditionError(
        "configure: this guest has its configuration already, which is final; start another guest");
  }
  ASSIGN_OR_RETURN(auto commands, ParseAllowedCommands(request));
  ASSIGN_OR_RETURN(const ExecLimits most, ParseLimits(request.limits()));
  const uint64_t max_timeout_ms = absl::ToInt64Milliseconds(kMaxTimeout);
  if (request.max_timeout_ms() > max_timeout_ms) {
    return absl::InvalidArgumentError(absl::StrCat("max_timeout_ms: ", request.max_timeout_ms(),
                                                   " is more than the limit of ", max_timeout_ms));
  }
  if (request.max_timeout_ms() != 0) max_timeout_ = absl::Milliseconds(request.max_timeout_ms());
  most_ = most;
  allowed_commands_ = std::move(commands);
  max_execs_ = request.max_execs();
  forbid_root_ = request.forbid_root();
  configured_ = true;
  return absl::OkStatus();
}

absl::Status ExecPolicy::Apply(size_t running, Command& command) const {
  if (max_execs_ != 0 && running >= max_execs_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("max_execs: ", running,
                     " run already, which is this guest's limit; wait for "
                     "one to end or kill one"));
  }
  RETURN_IF_ERROR(CheckProgram(command));
  if (forbid_root_ && (!command.account || command.account->uid != DefaultAccount().uid ||
                       command.account->gid != DefaultAccount().gid)) {
    return Denied("user: this guest's configuration allows none but uid 1000; leave it empty");
  }
  RETURN_IF_ERROR(ApplyTimeout(command));
  return ApplyLimits(command);
}

absl::Status ExecPolicy::CheckProgram(const Command& command) const {
  const std::string& name = command.arguments[0];
  if (allowed_commands_.empty()) return absl::OkStatus();
  if (allowed_commands_.find(name) == allowed_commands_.end()) {
    return Denied("argv[0]: ", name,
                  " is not among the commands that this guest's configuration allows; run one of "
                  "those");
  }
  if (command.path != command.base_path && name[0] != '/') {
    return Denied(
        "environment: with a list of allowed commands, a name is not looked up in a PATH of the "
        "request; leave PATH out or give an absolute path that is allowed");
  }
  return absl::OkStatus();
}

absl::Status ExecPolicy::ApplyTimeout(Command& command) const {
  if (command.timeout == absl::InfiniteDuration()) command.timeout = max_timeout_;
  if (command.timeout <= max_timeout_) return absl::OkStatus();
  const int64_t most_ms = absl::ToInt64Milliseconds(max_timeout_);
  return Denied("timeout_ms: ", absl::ToInt64Milliseconds(command.timeout),
                " is more than this guest's configuration allows, ", most_ms,
                "; ask for that or less");
}

absl::Status ExecPolicy::ApplyLimits(Command& command) const {
  ExecLimits& limits = command.limits;
  RETURN_IF_ERROR(ApplyLimit("memory_bytes", most_.memory_bytes, limits.memory_bytes));
  RETURN_IF_ERROR(ApplyLimit("processes", most_.processes, limits.processes));
  RETURN_IF_ERROR(ApplyLimit("cpu_millis", most_.cpu_millis, limits.cpu_millis));
  RETURN_IF_ERROR(ApplyLimit("file_bytes", most_.file_bytes, limits.file_bytes));
  return ApplyLimit("open_files", most_.open_files, limits.open_files);
}

}  // namespace voidbox
