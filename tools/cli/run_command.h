#ifndef VOIDBOX_TOOLS_CLI_RUN_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_RUN_COMMAND_H_

#include <string>
#include <vector>

#include "tools/cli/command.h"
#include "tools/cli/parse.h"

namespace voidbox {

// What the flags of `voidbox run` say, as text.
struct RunFlags {
  std::string kernel, initramfs, command_line, timeout, working_directory, kvm_host;
  std::string cpus = "1";
  std::string memory = "512M";
  RootDiskFlags root_disk;
  std::vector<std::string> disks, environment;
  bool console = false;
};

// `voidbox run`.
class RunCommand final : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override;
  bool TakesCommand() const override { return true; }
  int Run(const Invocation& invocation) override;

 private:
  CLI::App* app_ = nullptr;
  RunFlags flags_;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_RUN_COMMAND_H_
