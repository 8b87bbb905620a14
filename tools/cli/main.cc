// voidbox: the command line.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/standard_streams.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "sandbox/boot_command_line.h"
#include "sandbox/home.h"
#include "sandbox/installation.h"
#include "tools/cli/completion.h"
#include "tools/cli/doctor.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/host_command.h"
#include "tools/cli/kvm_choice.h"
#include "tools/cli/parse.h"
#include "tools/cli/run_in_host.h"
#include "tools/cli/run_native.h"

namespace voidbox {
namespace {

constexpr char kFooter[] = R"(Examples:
  voidbox run -- echo hello
  printf 'a\nb\n' | voidbox run -- wc -l
  voidbox run --cpus 2 --memory 512M --timeout 5s -- nproc
  voidbox doctor

`voidbox COMMAND --help` says more about each command.)";

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
  voidbox run --kernel vmlinux --initramfs my.cpio --cmdline 'maxcpus=1' --console -- true)";

// What the flags say, as text.
struct RunFlags {
  std::string kernel, initramfs, command_line, timeout, working_directory, kvm_host;
  std::string cpus = "1";
  std::string memory = "512M";
  std::vector<std::string> disks, environment;
  bool console = false;
};

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
  if (flags.initramfs.empty()) {
    ASSIGN_OR_RETURN(options.sandbox.initramfs,
                     installation.Path(Installation::Item::kGuestInitramfs));
  } else {
    ASSIGN_OR_RETURN(options.sandbox.initramfs, ReadableFile(flags.initramfs, "initramfs"));
  }
  ASSIGN_OR_RETURN(options.sandbox.vmm, installation.Path(Installation::Item::kVmm));
  options.show_console = flags.console;
  options.sandbox.command_line = SandboxCommandLine(flags.console, flags.command_line);
  return options;
}

int Run(const RunFlags& flags, const std::vector<std::string>& command,
        const std::vector<std::string>& own_arguments, const Installation& installation) {
  const auto options = ToOptions(flags, command, installation);
  if (!options.ok()) return ExitStatusOf(options.status());
  const auto home = VoidboxHome();
  if (!home.ok()) return ExitStatusOf(home.status());
  const auto kvm = ChooseKvm(flags.kvm_host);
  if (!kvm.ok()) return ExitStatusOf(kvm.status());
  if (!kvm->emulated) return RunNative(*home, *options);
  const auto files = FindHostFiles(installation, *home);
  if (!files.ok()) return ExitStatusOf(files.status());
  std::vector<std::string> argv = {installation.executable()};
  argv.insert(argv.end(), own_arguments.begin(), own_arguments.end());
  return RunInHost(*files, argv, kvm->reason);
}

int PrintVersion(bool json) {
  const std::string text =
      json ? nlohmann::json{{"version", kVersion}}.dump() : absl::StrCat("voidbox ", kVersion);
  std::puts(text.c_str());
  return 0;
}

// `bazel run` starts programs elsewhere and says where the person is.
void EnterWorkingDirectory() {
  if (std::getenv("BUILD_WORKSPACE_DIRECTORY") == nullptr) return;
  const char* directory = std::getenv("BUILD_WORKING_DIRECTORY");
  if (directory != nullptr && ::chdir(directory) == 0) {
    ::unsetenv("BUILD_WORKING_DIRECTORY");
    ::unsetenv("BUILD_WORKSPACE_DIRECTORY");
  }
}

// Help with a usage line of our own: CLI11 does not know of the command that follows the flags.
class FixedUsage final : public CLI::Formatter {
 public:
  explicit FixedUsage(std::string usage) : usage_(std::move(usage)) {}
  std::string make_usage(const CLI::App*, std::string) const override {
    return absl::StrCat("Usage: ", usage_, "\n");
  }

 private:
  const std::string usage_;
};

void AddFormat(CLI::App& app, std::string& format) {
  app.add_option("--format", format, "text for people, json for programs")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}

void AddRunFlags(CLI::App& run, RunFlags& flags) {
  run.add_option("--kernel", flags.kernel, "guest kernel: vmlinux (ELF) or bzImage")
      ->type_name("FILE");
  run.add_option("--initramfs", flags.initramfs, "guest initramfs, with an agent")
      ->type_name("FILE");
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

// The command that follows the flags: after "--", or from the first word that is not a flag.
absl::StatusOr<std::vector<std::string>> CommandOf(const CLI::App& app,
                                                   const std::vector<std::string>& after_dashes) {
  std::vector<std::string> command = app.remaining();
  if (!command.empty() && command[0].size() > 1 && command[0][0] == '-') {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown flag ", command[0], "; see `voidbox ", app.get_name(), " --help`"));
  }
  if (!command.empty() && !after_dashes.empty()) command.push_back("--");
  command.insert(command.end(), after_dashes.begin(), after_dashes.end());
  return command;
}

int Main(std::vector<std::string> arguments) {
  EnterWorkingDirectory();
  const auto installation = Installation::Find();
  if (!installation.ok()) return ExitStatusOf(installation.status());

  // What follows "--" is the command's, whatever it looks like.
  const std::vector<std::string> own_arguments = arguments;
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  const bool has_dashes = dashes != arguments.end();
  const std::vector<std::string> after_dashes(has_dashes ? dashes + 1 : dashes, arguments.end());
  arguments.erase(dashes, arguments.end());

  CLI::App app("Runs untrusted code in micro-VMs.", "voidbox");
  app.footer(kFooter);
  app.require_subcommand(1);
  app.set_version_flag("--version", absl::StrCat("voidbox ", kVersion));
  RunFlags run_flags;
  std::string format = "text";
  std::string shell;

  CLI::App& run = *app.add_subcommand("run", "Run a command in a new sandbox");
  run.footer(kRunFooter);
  run.formatter(std::make_shared<FixedUsage>("voidbox run [FLAGS] -- COMMAND [ARGUMENTS...]"));
  run.prefix_command();
  AddRunFlags(run, run_flags);

  CLI::App& doctor =
      *app.add_subcommand("doctor", "Say what this machine can do, and what to do about the rest");
  AddFormat(doctor, format);

  CLI::App& host = *app.add_subcommand("host", "The emulated KVM host of this user");
  host.require_subcommand(1);
  host.footer(
      "It starts by itself when a sandbox needs it, and ends after 10 minutes without work "
      "(seconds in VOIDBOX_HOST_IDLE).");
  CLI::App& start = *host.add_subcommand("start", "Start it, if it is not running");
  CLI::App& stop = *host.add_subcommand("stop", "End it, with all that runs in it");
  CLI::App& status = *host.add_subcommand("status", "Say whether it is running");
  for (CLI::App* command : {&start, &stop, &status}) AddFormat(*command, format);
  CLI::App& exec = *host.add_subcommand("exec", "Run a command of this machine inside it, as root");
  exec.formatter(std::make_shared<FixedUsage>("voidbox host exec -- COMMAND [ARGUMENTS...]"));
  exec.prefix_command();

  CLI::App& version = *app.add_subcommand("version", "Print the version");
  AddFormat(version, format);

  CLI::App& completion =
      *app.add_subcommand("completion", "Print a completion script for bash, zsh or fish");
  completion.add_option("shell", shell)->required()->type_name("bash|zsh|fish");
  completion.footer("Example:\n  source <(voidbox completion bash)");

  if (!arguments.empty() && arguments[0][0] != '-' &&
      app.get_subcommands([&](CLI::App* one) { return one->get_name() == arguments[0]; }).empty()) {
    return ExitStatusOf(absl::InvalidArgumentError(
        absl::StrCat("unknown command ", arguments[0], "; see `voidbox --help`")));
  }
  try {
    std::reverse(arguments.begin(), arguments.end());  // CLI11 wants them so
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    LogError(error.what());
    return kExitOwnError;
  }

  const bool json = format == "json";
  if (run.parsed() || exec.parsed()) {
    const auto command = CommandOf(run.parsed() ? run : exec, after_dashes);
    if (!command.ok()) return ExitStatusOf(command.status());
    if (run.parsed()) return Run(run_flags, *command, own_arguments, *installation);
    if (command->empty()) {
      return ExitStatusOf(absl::InvalidArgumentError("no command to run in the host"));
    }
    return HostExec(*installation, *command);
  }
  if (!after_dashes.empty()) {
    return ExitStatusOf(absl::InvalidArgumentError("only run and host exec take a command"));
  }
  if (doctor.parsed()) return Doctor(*installation, json);
  if (start.parsed()) return HostStart(*installation, json);
  if (stop.parsed()) return HostStop(json);
  if (status.parsed()) return HostStatus(json);
  if (version.parsed()) return PrintVersion(json);
  const auto script = CompletionScript(shell);
  if (!script.ok()) return ExitStatusOf(script.status());
  std::fputs(script->c_str(), stdout);
  return 0;
}

}  // namespace
}  // namespace voidbox

int main(int argc, char** argv) {
  // Nothing could be said of a failure.
  if (!voidbox::OpenStandardStreams().ok()) return voidbox::kExitOwnError;
  ::signal(SIGPIPE, SIG_IGN);
  return voidbox::Main(std::vector<std::string>(argv + 1, argv + argc));
}
