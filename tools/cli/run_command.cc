#include "tools/cli/run_command.h"

#include <unistd.h>

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "sandbox/boot_command_line.h"
#include "sandbox/detached_store.h"
#include "sandbox/emulated_host/machine_file.h"
#include "sandbox/home.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/kvm_choice.h"
#include "tools/cli/parse.h"
#include "tools/cli/raw_terminal.h"
#include "tools/cli/run_image.h"
#include "tools/cli/run_in_host.h"
#include "tools/cli/run_native.h"
#include "tools/cli/start_supervisor.h"
#include "tools/cli/supervisor.h"

namespace voidbox {
namespace {

constexpr char kRunFooter[] = R"(The exit status is the command's own, or
  124  its time was up
  125  voidbox itself failed, or a flag is wrong
  126  the command cannot be run
  127  there is no such command
  128+N  signal N ended it
INT, TERM, HUP and QUIT are passed on to the command; a second INT ends the sandbox.

Examples:
  voidbox run -- sh -c 'echo hello | tr a-z A-Z'
  voidbox run --timeout 5s -- sleep 60
  voidbox run -e NAME=world -w /tmp -- sh -c 'echo hello $NAME from $PWD'
  voidbox run --disk data.img,ro -u root -- wc -c /dev/vda
  voidbox run --image mine -- cat /etc/os-release
  voidbox run --rootfs debian.ext4 --disk-size 4G -- df -h /
  voidbox run --kernel vmlinux --initramfs my.cpio --cmdline 'maxcpus=1' --console -- true
  voidbox run --console --cmdline rdinit=/bin/sh
  voidbox run -it -- sh
  voidbox run -d --name web --memory 1G -- httpd -f -p 8000)";

// Also those that have ended keep their names, until they are removed.
absl::Status CheckNameIsFree(const std::string& home, const std::string& name) {
  if (name.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const DetachedStore store, DetachedStore::Open(home));
  for (const SandboxRecord& record : store.List()) {
    if (record.name != name) continue;
    return absl::AlreadyExistsError(absl::StrCat("the name '", name, "' is that of sandbox ",
                                                 record.id, "; `voidbox rm ", name,
                                                 "` it, or choose another"));
  }
  return absl::OkStatus();
}

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

absl::StatusOr<RunOptions> ToOptions(const RunFlags& flags, const std::vector<std::string>& command,
                                     const Installation& installation) {
  RunOptions options;
  if (command.empty() && !flags.console && !flags.detach) {
    return absl::InvalidArgumentError(
        "no command to run; say `voidbox run -- COMMAND`, or `voidbox run --console` to use the "
        "guest's console");
  }
  if (flags.detach && (flags.exec.terminal || flags.exec.interactive)) {
    return absl::InvalidArgumentError(
        "--detach has no terminal and no input; start it without -t and -i, then use "
        "`voidbox exec -it ID -- COMMAND`");
  }
  ASSIGN_OR_RETURN(options.exec, ToExecRequest(flags.exec, command));
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
  options.sandbox.may_power_off = flags.detach && command.empty();
  options.sandbox.command_line = SandboxCommandLine(
      flags.console, root_disk.has_value() ? absl::StrCat(kRootDiskWords, " ", flags.command_line)
                                           : flags.command_line);
  return options;
}

// Whether the emulated host can open the files of the machine that are named in `options`.
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

}  // namespace

CLI::App* RunCommand::AddTo(CLI::App& app) {
  app_ = app.add_subcommand("run", "Run a command in a new sandbox");
  app_->footer(kRunFooter);
  SetUsage(*app_, "voidbox run [FLAGS] -- COMMAND [ARGUMENTS...]");
  app_->prefix_command();
  AddRunFlags(*app_, flags_);
  return app_;
}

absl::StatusOr<RunOptions> RunCommand::Options(const std::string& home,
                                               const std::vector<std::string>& command,
                                               const Installation& installation,
                                               std::optional<ImageLease>& lease) const {
  if (flags_.image.empty()) return ToOptions(flags_, command, installation);
  ASSIGN_OR_RETURN(const ImageStore store, ImageStore::Open(home));
  ASSIGN_OR_RETURN(lease, store.Use(flags_.image));
  ASSIGN_OR_RETURN(const RunFlags flags, WithImage(flags_, store, lease->image));
  ASSIGN_OR_RETURN(RunOptions options, ToOptions(flags, command, installation));
  options.sandbox.image = {.name = flags_.image,
                           .digest = lease->image.digest.ToString(),
                           .lease = lease->descriptor.get()};
  return options;
}

int RunCommand::Run(const Invocation& invocation) {
  const auto command = CommandOf(*app_, invocation.after_dashes);
  if (!command.ok()) return ExitStatusOf(command.status());
  const auto home = VoidboxHome();
  if (!home.ok()) return ExitStatusOf(home.status());
  // Held while the sandbox runs, here or in the emulated host, so that its image stays.
  std::optional<ImageLease> lease;
  const auto options = Options(*home, *command, invocation.installation, lease);
  if (!options.ok()) return ExitStatusOf(options.status());
  if (flags_.detach && !IsSupervisor()) {
    const absl::Status free = CheckNameIsFree(*home, flags_.name);
    return free.ok() ? StartSupervisor(invocation) : ExitStatusOf(free);
  }
  const auto kvm = ChooseKvm(flags_.kvm_host);
  if (!kvm.ok()) return ExitStatusOf(kvm.status());
  std::optional<RawTerminal> console;
  if (!flags_.detach && options->console_only() &&
      console.emplace(STDIN_FILENO, RawTerminal::Keys::kAllButLeave).active()) {
    LogInfo("the guest's console; Ctrl-] ends it");
  }
  if (!kvm->emulated) {
    return flags_.detach ? Supervise(*home, *options) : RunNative(*home, *options);
  }
  if (const absl::Status status = CheckMachineFiles(options->sandbox); !status.ok()) {
    return ExitStatusOf(status);
  }
  const auto files = FindHostFiles(invocation.installation, *home);
  if (!files.ok()) return ExitStatusOf(files.status());
  std::vector<std::string> argv = {invocation.installation.executable()};
  argv.insert(argv.end(), invocation.arguments.begin(), invocation.arguments.end());
  return RunInHost(*files, argv, {.reason = kvm->reason, .terminal = options->terminal});
}

}  // namespace voidbox
