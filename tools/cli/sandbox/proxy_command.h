#ifndef VOIDBOX_TOOLS_CLI_SANDBOX_PROXY_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_SANDBOX_PROXY_COMMAND_H_

#include <cstdint>
#include <string>

#include "tools/cli/command.h"

namespace voidbox {

// `voidbox proxy`: a port of a guest as a socket of this machine.
class ProxyCommand final : public Command {
 public:
  FlagParser AddTo(FlagParser app) override;
  int Run(const Invocation& invocation) override;

 private:
  std::string name_, listen_;
  uint32_t port_ = 0;
  bool stdio_ = false;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_SANDBOX_PROXY_COMMAND_H_
