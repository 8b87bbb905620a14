#include "image/builder/flavours.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "image/builder/base_steps.h"
#include "image/builder/guest_steps.h"
#include "image/builder/minimal_flavour.h"
#include "image/builder/npm_steps.h"

namespace voidbox {

std::vector<FlavourDefinition> Flavours() {
  return {
      MinimalFlavour(),
      {.name = "debian",
       .description = "Debian 12 with python3, git and curl, and Deno",
       .form = ImageForm::kRootfs,
       .has_npm_programs = true,
       .steps = {AddDebianBase, AddAgentAndUser, AddPing, AddToolchain, AddDeno, AddClaudeCode}},
      {.name = "alpine",
       .description = "a musl userland: Alpine's minirootfs",
       .form = ImageForm::kRootfs,
       .steps = {AddAlpineBase, AddAgentAndUser, AddPing, AddToolchain, AddClaudeCodeMock}},
      {.name = "agents",
       .description = "debian with Node.js and npm, and Claude Code if asked for",
       .form = ImageForm::kRootfs,
       .has_npm_programs = true,
       .steps = {AddAgentsBase, AddAgentAndUser, AddPing, AddToolchain, AddDeno, AddClaudeCode}},
  };
}

absl::StatusOr<FlavourDefinition> FindFlavour(absl::string_view name) {
  std::vector<std::string> names;
  for (FlavourDefinition& flavour : Flavours()) {
    if (flavour.name == name) return flavour;
    names.push_back(flavour.name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("there is no flavour '", name, "'; there are ", absl::StrJoin(names, ", ")));
}

}  // namespace voidbox
