#include "agent/run_ts/run_ts_command.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/files/workspace_path.h"
#include "base/status_macros.h"
#include "base/tar/beneath.h"

namespace voidbox {
namespace {

void SetVariable(agent::ExecRequest& exec, const std::string& name, const std::string& value) {
  agent::EnvironmentVariable& variable = *exec.add_environment();
  variable.set_name(name);
  variable.set_value(value);
}

// Standard input or a path, as Deno takes it.
absl::StatusOr<std::string> ProgramArgument(const agent::RunTsRequest& request) {
  switch (request.program_case()) {
    case agent::RunTsRequest::kCode:
      if (request.code().size() > kMaxCodeBytes) {
        return absl::ResourceExhaustedError(absl::StrCat(
            "code: ", request.code().size(), " bytes are more than the limit of ", kMaxCodeBytes));
      }
      if (request.stdin()) {
        return absl::InvalidArgumentError(
            "stdin: a program that is given as code comes by it itself: give a path");
      }
      return std::string("-");
    case agent::RunTsRequest::kPath: {
      ASSIGN_OR_RETURN(const auto parts, ParseWorkspacePath(request.path()));
      if (parts.empty()) return absl::InvalidArgumentError("path '': is the workspace itself");
      return absl::StrCat(kWorkspace, "/", JoinPath(parts));
    }
    case agent::RunTsRequest::PROGRAM_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("program: neither code nor path");
}

// The names that Deno can be told: its list is separated by commas.
std::string AllowedVariables(const agent::RunTsRequest& request) {
  std::vector<std::string> names;
  for (const agent::EnvironmentVariable& variable : request.environment()) {
    if (!variable.name().empty() && variable.name().find(',') == std::string::npos) {
      names.push_back(variable.name());
    }
  }
  return absl::StrJoin(names, ",");
}

}  // namespace

absl::StatusOr<agent::ExecRequest> RunTsCommand(const agent::RunTsRequest& request,
                                                const std::string& preload) {
  ASSIGN_OR_RETURN(const std::string program, ProgramArgument(request));
  agent::ExecRequest exec;
  std::vector<std::string> arguments = {kDeno, "run",
                                        // Nobody is asked, and nothing is looked for around the
                                        // program or checked before it runs.
                                        "--no-prompt", "--no-config", "--no-lock", "--no-check",
                                        absl::StrCat("--allow-read=", kWorkspace),
                                        absl::StrCat("--allow-write=", kWorkspace)};
  if (const std::string names = AllowedVariables(request); !names.empty()) {
    arguments.push_back(absl::StrCat("--allow-env=", names));
  }
  if (request.allow_net()) {
    arguments.emplace_back("--allow-net");
  } else {
    arguments.insert(arguments.end(), {"--no-remote", "--no-npm"});
  }
  arguments.insert(arguments.end(), {"--preload", preload, program});
  for (const std::string& argument : arguments) exec.add_argv(argument);
  for (const std::string& argument : request.arguments()) exec.add_argv(argument);
  SetVariable(exec, "DENO_NO_UPDATE_CHECK", "1");
  // Compiled code is kept there.
  SetVariable(exec, "DENO_DIR", absl::StrCat(kWorkspace, "/.cache/deno"));
  SetVariable(exec, "HOME", kWorkspace);
  // Deno colours what it writes to pipes as well.
  SetVariable(exec, "NO_COLOR", "1");
  for (const agent::EnvironmentVariable& variable : request.environment()) {
    *exec.add_environment() = variable;
  }
  exec.set_working_directory(kWorkspace);
  exec.set_timeout_ms(request.timeout_ms());
  exec.set_stdin(request.stdin() || request.program_case() == agent::RunTsRequest::kCode);
  exec.set_isolation(agent::ROOTFS);
  *exec.mutable_limits() = request.limits();
  return exec;
}

}  // namespace voidbox
