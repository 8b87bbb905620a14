#include "agent/exec_policy.h"

#include <array>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
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

// What programs need to speak to people, and what run-ts sets itself.
constexpr std::array<absl::string_view, 4> kDefaultEnvironment = {"LANG", "LC_*", "TERM", "TZ"};
constexpr std::array<absl::string_view, 4> kRunTsEnvironment = {
    "DENO_DIR=/home/user/.cache/deno", "DENO_NO_UPDATE_CHECK=1", "HOME=/home/user", "NO_COLOR=1"};
constexpr absl::string_view kDefaultDirectory = "/home/user";

bool IsBeneath(absl::string_view path, absl::string_view directory) {
  while (absl::ConsumeSuffix(&directory, "/")) {
  }
  return absl::ConsumePrefix(&path, directory) && (path.empty() || path[0] == '/');
}

bool HasDotDot(absl::string_view path) {
  for (const absl::string_view part : absl::StrSplit(path, '/')) {
    if (part == "..") return true;
  }
  return false;
}

// A list of a ConfigureRequest, each of whose entries is checked by `check`.
template <typename List, typename Check>
absl::StatusOr<std::vector<std::string>> ParseList(absl::string_view field, const List& list,
                                                   size_t most, const Check& check) {
  if (list.size() > static_cast<int>(most)) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": ", list.size(), " are more than the limit of ", most));
  }
  size_t bytes = 0;
  for (int i = 0; i < list.size(); ++i) {
    if (const char* const fault = check(list[i]); fault != nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(field, "[", i, "]: ", list[i], fault));
    }
    bytes += list[i].size();
  }
  if (bytes > ExecPolicy::kMaxAllowedBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        field, ": ", bytes, " bytes are more than the limit of ", ExecPolicy::kMaxAllowedBytes));
  }
  return std::vector<std::string>(list.begin(), list.end());
}

const char* FaultOfCommand(absl::string_view name) {
  if (name.empty()) return "empty";
  if (name.find('\0') != absl::string_view::npos) return "contains a NUL byte";
  if (name[0] != '/' && name.find('/') != absl::string_view::npos) {
    return " is neither a name without a slash nor an absolute path";
  }
  return nullptr;
}

const char* FaultOfVariable(absl::string_view name) {
  if (name.empty()) return "empty";
  const bool good = name.find_first_of(absl::string_view("=\0", 2)) == absl::string_view::npos;
  return good ? nullptr : " is no name of a variable";
}

const char* FaultOfDirectory(absl::string_view path) {
  const bool good =
      absl::StartsWith(path, "/") && path.find('\0') == absl::string_view::npos && !HasDotDot(path);
  return good ? nullptr : " is no absolute path without \"..\"";
}

}  // namespace

absl::Status ExecPolicy::Configure(const agent::ConfigureRequest& request) {
  if (configured_) {
    return absl::FailedPreconditionError(
        "configure: this guest has its configuration already, which is final; start another guest");
  }
  ASSIGN_OR_RETURN(const auto commands, ParseList("allowed_commands", request.allowed_commands(),
                                                  kMaxAllowedCommands, FaultOfCommand));
  ASSIGN_OR_RETURN(auto environment, ParseList("allowed_environment", request.allowed_environment(),
                                               kMaxAllowedNames, FaultOfVariable));
  ASSIGN_OR_RETURN(auto directories, ParseList("allowed_directories", request.allowed_directories(),
                                               kMaxAllowedNames, FaultOfDirectory));
  ASSIGN_OR_RETURN(const ExecLimits most, ParseLimits(request.limits()));
  const uint64_t max_timeout_ms = absl::ToInt64Milliseconds(kMaxTimeout);
  if (request.max_timeout_ms() > max_timeout_ms) {
    return absl::InvalidArgumentError(absl::StrCat("max_timeout_ms: ", request.max_timeout_ms(),
                                                   " is more than the limit of ", max_timeout_ms));
  }
  if (request.max_timeout_ms() != 0) max_timeout_ = absl::Milliseconds(request.max_timeout_ms());
  most_ = most;
  allowed_commands_ = {commands.begin(), commands.end()};
  if (environment.empty()) environment = {kDefaultEnvironment.begin(), kDefaultEnvironment.end()};
  allowed_environment_ = std::move(environment);
  if (directories.empty()) directories.emplace_back(kDefaultDirectory);
  allowed_directories_ = std::move(directories);
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
  if (!allowed_commands_.empty()) {
    RETURN_IF_ERROR(CheckProgram(command));
    RETURN_IF_ERROR(CheckEnvironment(command));
    RETURN_IF_ERROR(ApplyDirectories(command));
  }
  if (forbid_root_ && (!command.account || command.account->uid != DefaultAccount().uid ||
                       command.account->gid != DefaultAccount().gid)) {
    return Denied("user: this guest's configuration allows none but uid 1000; leave it empty");
  }
  RETURN_IF_ERROR(ApplyTimeout(command));
  return ApplyLimits(command);
}

absl::Status ExecPolicy::CheckProgram(const Command& command) const {
  const std::string& name = command.arguments[0];
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

absl::Status ExecPolicy::CheckEnvironment(const Command& command) const {
  const auto allows = [](absl::string_view allowed, absl::string_view name) {
    return absl::ConsumeSuffix(&allowed, "*") ? absl::StartsWith(name, allowed) : name == allowed;
  };
  for (const size_t i : command.requested) {
    const absl::string_view variable = command.environment[i];
    if (absl::c_linear_search(kRunTsEnvironment, variable)) continue;
    const absl::string_view name = variable.substr(0, variable.find('='));
    if (absl::c_any_of(allowed_environment_,
                       [&](absl::string_view allowed) { return allows(allowed, name); })) {
      continue;
    }
    return Denied("environment: ", name,
                  " is not among the variables that this guest's configuration allows beside its "
                  "commands (allowed_environment); leave it out");
  }
  return absl::OkStatus();
}

// What is named is checked here, and where that leads when the command is there.
absl::Status ExecPolicy::ApplyDirectories(Command& command) const {
  // The home, which nobody has chosen.
  if (command.working_directory.empty()) return absl::OkStatus();
  const std::string place = absl::StrCat(command.jail, command.working_directory);
  const auto has = [&](absl::string_view path) {
    return absl::c_any_of(allowed_directories_,
                          [&](absl::string_view allowed) { return IsBeneath(path, allowed); });
  };
  if (HasDotDot(place) || !has(place)) {
    return Denied("working_directory: ", command.working_directory,
                  " is not beneath one that this guest's configuration allows beside its commands "
                  "(allowed_directories); leave it empty or name one of those");
  }
  if (!command.jail.empty() && has(command.jail)) return absl::OkStatus();
  // As the command will see them.
  for (absl::string_view allowed : allowed_directories_) {
    while (absl::ConsumeSuffix(&allowed, "/")) {
    }
    if (absl::ConsumePrefix(&allowed, command.jail)) {
      command.allowed_directories.emplace_back(allowed);
    }
  }
  return absl::OkStatus();
}

absl::Status ExecPolicy::ApplyTimeout(Command& command) const {
  command.max_tree_time = max_timeout_;
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
