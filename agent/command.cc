#include "agent/command.h"

#include <cstdint>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr char kPath[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr char kJailPath[] = "/bin";
constexpr char kRoot[] = "/";

template <typename... Parts>
absl::Status Invalid(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

bool HasNul(absl::string_view text) { return text.find('\0') != absl::string_view::npos; }

// What execve(2) needs for one argument or variable of so many characters; adds it to `total`.
absl::Status CountString(absl::string_view field, int index, size_t characters, size_t& total) {
  const size_t bytes = characters + 1;
  if (bytes > kMaxStringBytes) {
    return Invalid(field, "[", index, "]: ", bytes, " bytes are more than the limit of ",
                   kMaxStringBytes);
  }
  total += bytes + sizeof(char*);
  if (total <= kMaxStringsBytes) return absl::OkStatus();
  return Invalid(field, "[", index,
                 "]: argv and environment, 8 bytes for each included, have more ",
                 "than the limit of ", kMaxStringsBytes, " bytes; pass it in a file or as input");
}

absl::Status ParseArguments(const agent::ExecRequest& request, Command& command, size_t& total) {
  if (request.argv().empty()) return Invalid("argv: empty");
  command.arguments.reserve(static_cast<size_t>(request.argv_size()));
  for (int i = 0; i < request.argv_size(); ++i) {
    const std::string& argument = request.argv(i);
    if (HasNul(argument)) return Invalid("argv[", i, "]: contains a NUL byte");
    RETURN_IF_ERROR(CountString("argv", i, argument.size(), total));
    command.arguments.push_back(argument);
  }
  if (command.arguments[0].empty()) return Invalid("argv[0]: empty");
  return absl::OkStatus();
}

absl::Status ParseEnvironment(const agent::ExecRequest& request, Command& command, size_t& total) {
  // Index in command.environment by name; views of the request and of constants.
  std::map<absl::string_view, size_t> index;
  auto set = [&](absl::string_view name, absl::string_view value) {
    const auto [found, is_new] = index.try_emplace(name, command.environment.size());
    if (is_new) command.environment.emplace_back();
    command.environment[found->second] = absl::StrCat(name, "=", value);
    if (name == "PATH") command.path = std::string(value);
  };
  command.base_path = command.jail.empty() ? kPath : kJailPath;
  set("PATH", command.base_path);
  set("HOME", command.home);
  if (command.account && !command.account->name.empty()) set("USER", command.account->name);
  set("TERM", "xterm");
  set("LANG", "C.UTF-8");
  for (const std::string& variable : command.environment) {
    total += variable.size() + 1 + sizeof(char*);
  }
  for (int i = 0; i < request.environment_size(); ++i) {
    const auto& variable = request.environment(i);
    if (variable.name().empty()) return Invalid("environment[", i, "]: empty name");
    if (variable.name().find('=') != std::string::npos) {
      return Invalid("environment[", i, "]: name contains '='");
    }
    if (HasNul(variable.name()) || HasNul(variable.value())) {
      return Invalid("environment[", i, "]: contains a NUL byte");
    }
    RETURN_IF_ERROR(
        CountString("environment", i, variable.name().size() + 1 + variable.value().size(), total));
    set(variable.name(), variable.value());
    command.requested.push_back(index.at(variable.name()));
  }
  return absl::OkStatus();
}

// Who it runs as, and what is its root.
absl::Status ParseIsolation(const agent::ExecRequest& request, const CommandSetting& setting,
                            Command& command) {
  const agent::Isolation isolation = request.isolation();
  if (isolation != agent::ISOLATION_UNSPECIFIED && isolation != agent::ROOTFS &&
      isolation != agent::JAIL) {
    return Invalid("isolation: ", static_cast<int>(isolation), " is neither ROOTFS nor JAIL");
  }
  if (!setting.isolates) {
    if (isolation == agent::JAIL) return Invalid("isolation: there is no jail here");
    if (!request.user().empty()) {
      return Invalid("user: commands run as root here; leave it empty");
    }
    command.home = RootAccount().home;
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(command.account, FindAccount(request.user(), setting.account_files));
  command.home = command.account->home;
  if (isolation == agent::JAIL) {
    command.jail = setting.jail;
    command.home = kRoot;
  }
  return absl::OkStatus();
}

// Whether ".." leads above the first directory of `path` on the way, links not looked at.
bool Climbs(absl::string_view path) {
  int depth = 0;
  for (const absl::string_view name : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    if (name == "..") {
      if (--depth < 0) return true;
    } else if (name != ".") {
      ++depth;
    }
  }
  return false;
}

absl::Status ParseWorkingDirectory(const agent::ExecRequest& request, Command& command) {
  const std::string& directory = request.working_directory();
  if (HasNul(directory)) return Invalid("working_directory: contains a NUL byte");
  if (directory.size() > kMaxWorkingDirectoryBytes) {
    return Invalid("working_directory: ", directory.size(), " bytes are more than the limit of ",
                   kMaxWorkingDirectoryBytes);
  }
  if (!directory.empty() && directory[0] != '/') {
    return Invalid("working_directory: ", directory, " is not absolute");
  }
  // The kernel would stop at the jail's root, which is hardly what was meant.
  if (!command.jail.empty() && Climbs(directory)) {
    return Invalid("working_directory: ", directory, " is outside of the jail");
  }
  command.working_directory = directory;
  return absl::OkStatus();
}

absl::Status ParseTerminal(const agent::ExecRequest& request, Command& command) {
  command.wants_input = request.stdin();
  if (!request.has_terminal()) return absl::OkStatus();
  command.wants_input = true;
  command.terminal.emplace();
  if (request.terminal().has_size()) {
    ASSIGN_OR_RETURN(command.terminal, ParseTerminalSize(request.terminal().size()));
  }
  return absl::OkStatus();
}

absl::Status ParseTimes(const agent::ExecRequest& request, Command& command) {
  const uint64_t max_timeout_ms = absl::ToInt64Milliseconds(kMaxTimeout);
  if (request.timeout_ms() > max_timeout_ms) {
    return Invalid("timeout_ms: ", request.timeout_ms(), " is more than the limit of ",
                   max_timeout_ms);
  }
  const uint64_t max_grace_ms = absl::ToInt64Milliseconds(kMaxKillGrace);
  if (request.kill_grace_ms() > max_grace_ms) {
    return Invalid("kill_grace_ms: ", request.kill_grace_ms(), " is more than the limit of ",
                   max_grace_ms);
  }
  if (request.timeout_ms() != 0) command.timeout = absl::Milliseconds(request.timeout_ms());
  command.kill_grace = absl::Milliseconds(request.kill_grace_ms());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Command> ParseCommand(const agent::ExecRequest& request,
                                     const CommandSetting& setting) {
  Command command;
  size_t total = 0;  // of the strings, as execve(2) counts them
  RETURN_IF_ERROR(ParseArguments(request, command, total));
  RETURN_IF_ERROR(ParseIsolation(request, setting, command));
  RETURN_IF_ERROR(ParseEnvironment(request, command, total));
  RETURN_IF_ERROR(ParseWorkingDirectory(request, command));
  RETURN_IF_ERROR(ParseTimes(request, command));
  RETURN_IF_ERROR(ParseTerminal(request, command));
  ASSIGN_OR_RETURN(command.limits, ParseLimits(request.limits()));
  command.keep = request.keep();
  command.kill_tree = request.kill_tree() || setting.kills_trees || command.terminal.has_value();
  return command;
}

absl::StatusOr<TerminalSize> ParseTerminalSize(const agent::WindowSize& size) {
  constexpr uint32_t kMost = UINT16_MAX;
  if (size.rows() < 1 || size.rows() > kMost || size.columns() < 1 || size.columns() > kMost) {
    return Invalid("size: ", size.rows(), " rows and ", size.columns(),
                   " columns are not both within 1 to ", kMost);
  }
  return TerminalSize{static_cast<uint16_t>(size.rows()), static_cast<uint16_t>(size.columns())};
}

}  // namespace voidbox
