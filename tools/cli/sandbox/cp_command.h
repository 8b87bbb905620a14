#ifndef VOIDBOX_TOOLS_CLI_SANDBOX_CP_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_SANDBOX_CP_COMMAND_H_

#include <string>

#include "absl/status/statusor.h"
#include "tools/cli/command.h"
#include "tools/cli/run_in_host.h"

namespace voidbox {

// A path in a sandbox' workspace, written ID:PATH.
struct GuestPath {
  std::string sandbox;
  std::string path;  // may be empty: the workspace itself
};
// Whether `text` is one: a colon with something before it that is no path.
bool IsGuestPath(const std::string& text);
GuestPath ParseGuestPath(const std::string& text);

// `voidbox cp`.
class CpCommand final : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override;
  int Run(const Invocation& invocation) override;

 private:
  int ToGuest(const Invocation& invocation) const;
  int FromGuest(const Invocation& invocation) const;
  // The stream's way between a descriptor here and the sandbox, wherever that is.
  int CarryIn(const Invocation& invocation, const GuestPath& directory, int input) const;
  int CarryOut(const Invocation& invocation, const GuestPath& path, int output) const;
  // Exit status 0 when it is a directory, 1 when not.
  int AskWhetherDirectory(const Invocation& invocation, const GuestPath& path) const;

  std::string source_, destination_;
  bool quiet_ = false;
  bool is_directory_ = false;  // only that question is to be answered
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_SANDBOX_CP_COMMAND_H_
