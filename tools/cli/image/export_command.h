#ifndef VOIDBOX_TOOLS_CLI_IMAGE_EXPORT_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_IMAGE_EXPORT_COMMAND_H_

#include <string>

#include "tools/cli/command.h"

namespace voidbox {

// `voidbox image export`.
class ExportCommand final : public Command {
 public:
  FlagParser AddTo(FlagParser app) override;
  int Run(const Invocation& invocation) override;

 private:
  std::string name_, directory_, format_;
  bool force_ = false;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_IMAGE_EXPORT_COMMAND_H_
