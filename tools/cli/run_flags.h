#ifndef VOIDBOX_TOOLS_CLI_RUN_FLAGS_H_
#define VOIDBOX_TOOLS_CLI_RUN_FLAGS_H_

#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "tools/cli/exec_flags.h"
#include "tools/cli/parse.h"

namespace voidbox {

// What the flags of `voidbox run` say, as text.
struct RunFlags {
  std::string image, kernel, initramfs, command_line, kvm_host, name;
  std::string cpus = "1";
  std::string memory = "512M";
  RootDiskFlags root_disk;
  std::vector<std::string> disks, labels;
  ExecFlags exec;
  bool console = false;
  bool detach = false;
  bool remove = false;
};

void AddRunFlags(CLI::App& run, RunFlags& flags);

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_RUN_FLAGS_H_
