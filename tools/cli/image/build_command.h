#ifndef VOIDBOX_TOOLS_CLI_IMAGE_BUILD_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_IMAGE_BUILD_COMMAND_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "image/builder/build.h"
#include "image/builder/flavour_definition.h"
#include "tools/cli/command.h"

namespace voidbox {

// `voidbox image build`.
class BuildCommand final : public Command {
 public:
  FlagParser AddTo(FlagParser app) override;
  int Run(const Invocation& invocation) override;

 private:
  absl::StatusOr<BuildOptions> Options(const Installation& installation) const;
  absl::Status BuildOut(const FlavourDefinition& flavour, const BuildOptions& options,
                        Progress& progress) const;
  absl::Status BuildImage(const FlavourDefinition& flavour, const BuildOptions& options,
                          Progress& progress) const;

  std::string flavour_ = "minimal";
  std::string out_, name_, base_, mirror_, busybox_, format_;
  bool no_busybox_ = false;
  bool no_deno_ = false;
  bool with_claude_code_ = false;
  bool quiet_ = false;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_IMAGE_BUILD_COMMAND_H_
