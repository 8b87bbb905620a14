#include "tools/cli/command.h"

#include "absl/strings/str_cat.h"

namespace voidbox {

void AddFormat(FlagParser app, std::string& format) {
  app.Add("--format", format, "text for people, json for programs")
      .OneOf({"text", "json"})
      .ShowDefault();
}

absl::StatusOr<std::vector<std::string>> CommandOf(FlagParser app,
                                                   const std::vector<std::string>& after_dashes) {
  std::vector<std::string> command = app.Remaining();
  if (!command.empty() && command[0].size() > 1 && command[0][0] == '-') {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown flag ", command[0], "; see `voidbox ", app.name(), " --help`"));
  }
  if (!command.empty() && !after_dashes.empty()) command.push_back("--");
  command.insert(command.end(), after_dashes.begin(), after_dashes.end());
  return command;
}

}  // namespace voidbox
