#ifndef VOIDBOX_TOOLS_CLI_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sandbox/installation.h"
#include "tools/cli/flag_parser.h"

namespace voidbox {

// How voidbox was called.
struct Invocation {
  Installation installation;
  std::vector<std::string> arguments;     // all of them, without the program's name
  std::vector<std::string> after_dashes;  // those behind "--", which belong to a command in a guest
};

// One command of voidbox, such as `voidbox run`. Used once, by the main thread: AddTo, then the
// parsing of the command line, then Run if this command was named.
class Command {
 public:
  virtual ~Command() = default;
  // Adds its subcommand, whose flags write into this object, to `app`, which owns the result.
  virtual FlagParser AddTo(FlagParser app) = 0;
  // Whether arguments behind "--" have a meaning to what was parsed.
  virtual bool TakesCommand() const { return false; }
  // Returns the exit status, having said on stderr what went wrong.
  virtual int Run(const Invocation& invocation) = 0;
};

// Adds --format to `app`: text or json, `format` being the default.
void AddFormat(FlagParser app, std::string& format);

// The command that follows the flags of `app`: after "--", or from the first word that is not a
// flag. INVALID_ARGUMENT when that word is an unknown flag.
absl::StatusOr<std::vector<std::string>> CommandOf(FlagParser app,
                                                   const std::vector<std::string>& after_dashes);

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_COMMAND_H_
