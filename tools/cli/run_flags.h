#ifndef VOIDBOX_TOOLS_CLI_RUN_FLAGS_H_
#define VOIDBOX_TOOLS_CLI_RUN_FLAGS_H_

#include <optional>
#include <string>
#include <vector>

#include "tools/cli/exec_flags.h"
#include "tools/cli/flag_parser.h"
#include "tools/cli/parse.h"

namespace voidbox {

// What the flags of `voidbox run` say, as text.
struct RunFlags {
  std::string image, kernel, initramfs, command_line, kvm_host, name;
  std::string cpus = "1";
  std::string memory = "512M";
  RootDiskFlags root_disk;
  std::vector<std::string> disks, labels;
  // Goes before the command: a program, kImagesEntrypoint, or nothing at all.
  std::optional<std::string> entrypoint;
  ExecFlags exec;
  bool own_kernel = true;  // not a flag: the kernel is one of image/kernel
  bool console = false;
  bool detach = false;
  bool remove = false;
};

// What --entrypoint means without a program.
inline constexpr char kImagesEntrypoint[] = "the image's";

void AddRunFlags(FlagParser run, RunFlags& flags);
// --entrypoint, for commands that run what an image says; AddRunFlags comes first.
void AddEntrypointFlag(FlagParser run, RunFlags& flags);

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_RUN_FLAGS_H_
