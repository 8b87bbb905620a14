#include "tools/cli/run_command.h"

#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "sandbox/boot_command_line.h"
#include "sandbox/home.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/kvm_choice.h"
#include "tools/cli/parse.h"
#include "tools/cli/run_in_host.h"
#include "tools/cli/run_native.h"

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
  voidbox run --disk data.img,ro -- wc -c /dev/vda
  voidbox run --rootfs debian.ext4 --disk-size 4G -- df -h /
  voidbox run --kernel vmlinux --initramfs my.cpio --cmdline 'maxcpus=1' --console -- true)";

absl::StatusOr<RunOptions> ToOptions(const RunFlags& flags, const std::vector<std::string>& command,
                                     const Installation& installation) {
  RunOptions options;
  if (command.empty()) {
    return absl::InvalidArgumentError("no command to run; say `voidbox run -- COMMAND`");
  }
  for (const std::string& argument : command) options.exec.add_argv(argument);
  ASSIGN_OR_RETURN(options.sandbox.vcpu_count, ParseCpus(flags.cpus));
  ASSIGN_OR_RETURN(options.sandbox.memory_bytes, ParseMemory(flags.memory));
  if (!flags.timeout.empty()) {
    ASSIGN_OR_RETURN(options.timeout, ParseDuration(flags.timeout));
  }
  ASSIGN_OR_RETURN(const std::optional<Sandbox::Disk> root_disk, ParseRootDisk(flags.root_disk));
  if (root_disk.has_value()) options.sandbox.disks.push_back(*root_disk);
  for (const std::string& disk : flags.disks) {
    ASSIGN_OR_RETURN(Sandbox::Disk parsed, ParseDisk(disk));
    options.sandbox.disks.push_back(std::move(parsed));
  }
  for (const std::string& variable : flags.environment) {
    ASSIGN_OR_RETURN(*options.exec.add_environment(), ParseVariable(variable));
  }
  if (!flags.working_directory.empty() && flags.working_directory[0] != '/') {
    return absl::InvalidArgumentError(
        absl::StrCat("working directory '", flags.working_directory, "' is not absolute"));
  }
  options.exec.set_working_directory(flags.working_directory);
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
  options.sandbox.command_line = SandboxCommandLine(
      flags.console, root_disk.has_value() ? absl::StrCat(kRootDiskWords, " ", flags.command_line)
                                           : flags.command_line);
  return options;
}

// What the emulated host writes elsewhere ends with it, which is not what an overlay is for.
absl::Status CheckKeptInHost(const RunOptions& options, const std::string& home) {
  for (const Sandbox::Disk& disk : options.sandbox.disks) {
    if (disk.overlay.empty() || absl::StartsWith(disk.overlay, absl::StrCat(home, "/"))) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "overlay ", disk.overlay, " is outside ", home,
        ", the one directory that the emulated KVM host writes to; name a file there"));
  }
  return absl::OkStatus();
}

void AddRunFlags(CLI::App& run, RunFlags& flags) {
  run.add_option("--kernel", flags.kernel, "guest kernel: vmlinux (ELF) or bzImage")
      ->type_name("FILE");
  run.add_option("--initramfs", flags.initramfs, "guest initramfs, with an agent")
      ->type_name("FILE");
  run.add_option("--rootfs", flags.root_disk.path,
                 "root file system instead of an initramfs: an ext4 image with an agent as "
                 "/sbin/init; never written itself; /dev/vda")
      ->type_name("FILE");
  run.add_option("--disk-size", flags.root_disk.size,
                 "grow the root file system to this size, such as 4G")
      ->type_name("SIZE");
  run.add_option(
         "--overlay", flags.root_disk.overlay,
         "keep what the guest writes to its root file system in this file, made when missing")
      ->type_name("FILE");
  run.add_flag("--ephemeral", flags.root_disk.ephemeral,
               "throw it away with the sandbox (the default)");
  run.add_option("--cmdline", flags.command_line, "words to append to the kernel command line")
      ->type_name("WORDS");
  run.add_option("--cpus", flags.cpus, "virtual CPUs, 1 to 32")
      ->type_name("N")
      ->capture_default_str();
  run.add_option("--memory,-m", flags.memory, "guest memory, such as 512M or 2G")
      ->type_name("SIZE")
      ->capture_default_str();
  run.add_option("--timeout", flags.timeout, "kill the command after this time (5s, 500ms, 2m)")
      ->type_name("TIME");
  run.add_option("--disk", flags.disks, "attach a raw disk image, read-only with ,ro; repeatable")
      ->type_name("FILE[,ro]")
      ->allow_extra_args(false);
  run.add_flag("--console", flags.console, "show the guest kernel's console on stderr");
  run.add_option("-e,--env", flags.environment,
                 "set a variable of the command's environment; NAME alone passes on the value "
                 "that it has here; repeatable")
      ->type_name("NAME[=VALUE]")
      ->allow_extra_args(false);
  run.add_option("-w,--workdir", flags.working_directory, "directory in the guest to run it in")
      ->type_name("DIR");
  run.add_option("--kvm-host", flags.kvm_host,
                 "where: auto measures /dev/kvm; native uses it; emulated runs in QEMU's software "
                 "SVM (default: $VOIDBOX_KVM_HOST, or auto)")
      ->check(CLI::IsMember({"auto", "native", "emulated"}))
      ->type_name("HOST");
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

int RunCommand::Run(const Invocation& invocation) {
  const auto command = CommandOf(*app_, invocation.after_dashes);
  if (!command.ok()) return ExitStatusOf(command.status());
  const auto options = ToOptions(flags_, *command, invocation.installation);
  if (!options.ok()) return ExitStatusOf(options.status());
  const auto home = VoidboxHome();
  if (!home.ok()) return ExitStatusOf(home.status());
  const auto kvm = ChooseKvm(flags_.kvm_host);
  if (!kvm.ok()) return ExitStatusOf(kvm.status());
  if (!kvm->emulated) return RunNative(*home, *options);
  if (const absl::Status status = CheckKeptInHost(*options, *home); !status.ok()) {
    return ExitStatusOf(status);
  }
  const auto files = FindHostFiles(invocation.installation, *home);
  if (!files.ok()) return ExitStatusOf(files.status());
  std::vector<std::string> argv = {invocation.installation.executable()};
  argv.insert(argv.end(), invocation.arguments.begin(), invocation.arguments.end());
  return RunInHost(*files, argv, kvm->reason);
}

}  // namespace voidbox
