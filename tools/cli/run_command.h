#ifndef VOIDBOX_TOOLS_CLI_RUN_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_RUN_COMMAND_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "image/store/image_store.h"
#include "tools/cli/command.h"
#include "tools/cli/run_flags.h"
#include "tools/cli/run_native.h"

namespace voidbox {

// `voidbox run`.
class RunCommand final : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override;
  bool TakesCommand() const override { return true; }
  int Run(const Invocation& invocation) override;

 private:
  // What to run; with an image, `lease` is set.
  absl::StatusOr<RunOptions> Options(const std::string& home,
                                     const std::vector<std::string>& command,
                                     const Installation& installation,
                                     std::optional<ImageLease>& lease) const;

  CLI::App* app_ = nullptr;
  RunFlags flags_;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_RUN_COMMAND_H_
