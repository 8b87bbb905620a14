#include "tools/cli/run_options.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "image/store/preflight.h"
#include "sandbox/boot_command_line.h"
#include "sandbox/emulated_host/machine_file.h"
#include "tools/cli/parse.h"
#include "tools/cli/run_image.h"

namespace voidbox {
namespace {

absl::StatusOr<Sandbox::Label> ToLabel(const RunFlags& flags,
                                       const std::vector<std::string>& command) {
  Sandbox::Label label = {.name = flags.name, .command = command, .detached = flags.detach};
  if (!flags.name.empty()) RETURN_IF_ERROR(CheckSandboxName(flags.name));
  for (const std::string& text : flags.labels) {
    const size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return absl::InvalidArgumentError(absl::StrCat("label '", text, "' is not NAME=VALUE"));
    }
    label.labels[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return label;
}

// For the kernel and the agent, the user's last.
std::string KernelWords(const RunFlags& flags, const std::optional<Sandbox::Disk>& root_disk) {
  if (!root_disk.has_value()) return flags.command_line;
  const bool must_grow = root_disk->virtual_bytes != 0;
  return absl::StrCat(kRootDiskWords, must_grow ? " " : "", must_grow ? kMustGrowWord : "",
                      flags.command_line.empty() ? "" : " ", flags.command_line);
}

// Whether the guest kernel can use them, as far as that is known before it runs.
absl::Status CheckBootFiles(const RunFlags& flags, const std::optional<Sandbox::Disk>& root_disk) {
  if (flags.own_kernel && flags.image.empty() && !flags.initramfs.empty()) {
    ASSIGN_OR_RETURN(const std::string initramfs, ReadableFile(flags.initramfs, "initramfs"));
    RETURN_IF_ERROR(CheckOwnKernelUnpacks(initramfs));
  }
  if (!root_disk.has_value()) return absl::OkStatus();
  return CheckRootDisk(root_disk->path, {.own_kernel = flags.own_kernel,
                                         .disk_bytes = root_disk->virtual_bytes,
                                         .words = flags.command_line});
}

absl::StatusOr<RunOptions> ToOptions(const RunFlags& flags, const std::vector<std::string>& command,
                                     const Installation& installation) {
  RunOptions options;
  if (flags.detach && (flags.exec.terminal || flags.exec.interactive)) {
    return absl::InvalidArgumentError(
        "--detach has no terminal and no input; start it without -t and -i, then use "
        "`voidbox exec -it ID -- COMMAND`");
  }
  ASSIGN_OR_RETURN(options.exec, ToExecRequest(flags.exec, command));
  // Its guest ends with it too.
  options.exec.set_kill_tree(true);
  ASSIGN_OR_RETURN(options.sandbox.label, ToLabel(flags, command));
  options.terminal = flags.exec.terminal;
  options.remove = flags.remove;
  ASSIGN_OR_RETURN(options.sandbox.vcpu_count, ParseCpus(flags.cpus));
  ASSIGN_OR_RETURN(options.sandbox.memory_bytes, ParseMemory(flags.memory));
  if (!flags.exec.timeout.empty()) {
    ASSIGN_OR_RETURN(options.timeout, ParseDuration(flags.exec.timeout));
  }
  ASSIGN_OR_RETURN(const std::optional<Sandbox::Disk> root_disk, ParseRootDisk(flags.root_disk));
  if (root_disk.has_value()) options.sandbox.disks.push_back(*root_disk);
  for (const std::string& disk : flags.disks) {
    ASSIGN_OR_RETURN(Sandbox::Disk parsed, ParseDisk(disk));
    options.sandbox.disks.push_back(std::move(parsed));
  }
  RETURN_IF_ERROR(CheckBootFiles(flags, root_disk));
  if (flags.kernel.empty()) {
    ASSIGN_OR_RETURN(options.sandbox.kernel, installation.Path(Installation::Item::kGuestKernel));
  } else {
    ASSIGN_OR_RETURN(options.sandbox.kernel, ReadableFile(flags.kernel, "kernel"));
  }
  if (flags.initramfs.empty() && !root_disk.has_value()) {
    ASSIGN_OR_RETURN(options.sandbox.initramfs,
                     installation.Path(Installation::Item::kGuestInitramfs));
  } else if (!flags.initramfs.empty()) {
    ASSIGN_OR_RETURN(options.sandbox.initramfs, ReadableFile(flags.initramfs, "initramfs"));
  }
  ASSIGN_OR_RETURN(options.sandbox.vmm, installation.Path(Installation::Item::kVmm));
  options.show_console = flags.console;
  // Without a command, it lives until it is stopped or powers off.
  if (flags.detach && command.empty()) options.sandbox.power_off = Sandbox::PowerOff::kOnceReady;
  options.sandbox.command_line =
      SandboxCommandLine(flags.own_kernel ? GuestKernel::kOwn : GuestKernel::kOther, flags.console,
                         KernelWords(flags, root_disk));
  return options;
}

}  // namespace

absl::StatusOr<RunOptions> ToRunOptions(const RunFlags& flags,
                                        const std::vector<std::string>& command,
                                        const Installation& installation, const std::string& home,
                                        std::optional<ImageLease>& lease) {
  if (flags.image.empty()) {
    RunFlags plain = flags;
    plain.own_kernel = flags.kernel.empty();
    return ToOptions(plain, command, installation);
  }
  ASSIGN_OR_RETURN(const ImageStore store, ImageStore::Open(home));
  ASSIGN_OR_RETURN(lease, store.Use(flags.image));
  ASSIGN_OR_RETURN(const RunFlags with_image, WithImage(flags, store, lease->image));
  const ImageConfig& config = lease->image.manifest.config;
  ASSIGN_OR_RETURN(RunOptions options,
                   ToOptions(with_image, CommandFor(flags, config, command), installation));
  options.sandbox.image = {.name = flags.image,
                           .digest = lease->image.digest.ToString(),
                           .lease = lease->descriptor.get()};
  return options;
}

absl::Status CheckMachineFiles(const Sandbox::Options& options) {
  RETURN_IF_ERROR(CheckMachineFile(options.kernel, "kernel"));
  if (!options.initramfs.empty()) {
    RETURN_IF_ERROR(CheckMachineFile(options.initramfs, "initramfs"));
  }
  for (const Sandbox::Disk& disk : options.disks) {
    RETURN_IF_ERROR(CheckMachineFile(disk.path, "disk"));
  }
  return absl::OkStatus();
}

}  // namespace voidbox
