#include "tools/cli/version_command.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/version.h"

namespace voidbox {

FlagParser VersionCommand::AddTo(FlagParser app) {
  const FlagParser version = app.AddCommand("version", "Print the version");
  AddFormat(version, format_);
  return version;
}

int VersionCommand::Run(const Invocation&) {
  const std::string text = format_ == "json" ? nlohmann::json{{"version", kVersion}}.dump()
                                             : absl::StrCat("voidbox ", kVersion);
  std::puts(text.c_str());
  return 0;
}

}  // namespace voidbox
