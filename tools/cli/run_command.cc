#include "tools/cli/run_command.h"

#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "image/store/image_store.h"
#include "sandbox/detached_store.h"
#include "sandbox/home.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/kvm_choice.h"
#include "tools/cli/raw_terminal.h"
#include "tools/cli/run_in_host.h"
#include "tools/cli/run_native.h"
#include "tools/cli/run_options.h"
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
  voidbox run --image redis
  voidbox run --image redis --entrypoint -- redis-server --port 7000
  voidbox run --rootfs debian.ext4 --disk-size 4G -- df -h /
  voidbox run --kernel vmlinux --initramfs my.cpio --cmdline 'maxcpus=1' --console -- true
  voidbox run --console --cmdline rdinit=/bin/sh
  voidbox run -it -- sh
  voidbox run -d --name web --memory 1G -- httpd -f -p 8000)";

// Also those that have ended keep their names, until they are removed.
absl::Status CheckNameIsFree(const std::string& home, const std::string& name) {
  if (name.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const DetachedStore store, DetachedStore::Open(home));
  ASSIGN_OR_RETURN(const std::vector<SandboxRecord> detached, store.List());
  for (const SandboxRecord& record : detached) {
    if (record.name != name) continue;
    return absl::AlreadyExistsError(absl::StrCat("the name '", name, "' is that of sandbox ",
                                                 record.id, "; `voidbox rm ", name,
                                                 "` it, or choose another"));
  }
  return absl::OkStatus();
}

absl::Status NoCommand(const std::string& image) {
  const std::string why = image.empty() ? "" : absl::StrCat(", and image ", image, " has none");
  const std::string flag = image.empty() ? "" : absl::StrCat(" --image ", image);
  return absl::InvalidArgumentError(absl::StrCat("no command to run", why, "; say `voidbox run",
                                                 flag, " -- COMMAND`, or `voidbox run", flag,
                                                 " --console` to use the guest's console"));
}

}  // namespace

FlagParser RunCommand::AddTo(FlagParser app) {
  app_ = app.AddCommand("run", "Run a command in a new sandbox");
  app_.SetFooter(kRunFooter);
  app_.SetUsage(
      "voidbox run [FLAGS] -- COMMAND [ARGUMENTS...]\n"
      "       voidbox run [FLAGS] --image NAME        (runs what the image names)");
  app_.TakeCommand();
  AddRunFlags(app_, flags_);
  AddEntrypointFlag(app_, flags_);
  return app_;
}

int RunCommand::Run(const Invocation& invocation) {
  const auto command = CommandOf(app_, invocation.after_dashes);
  if (!command.ok()) return ExitStatusOf(command.status());
  if (command->empty() && flags_.image.empty() && !flags_.console && !flags_.detach) {
    return ExitStatusOf(NoCommand(""));
  }
  const auto home = VoidboxHome();
  if (!home.ok()) return ExitStatusOf(home.status());
  // Held while the sandbox runs, here or in the emulated host, so that its image stays.
  std::optional<ImageLease> lease;
  const auto options = ToRunOptions(flags_, *command, invocation.installation, *home, lease);
  if (!options.ok()) return ExitStatusOf(options.status());
  if (options->console_only() && !flags_.console && !flags_.detach) {
    return ExitStatusOf(NoCommand(flags_.image));
  }
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
  return RunSelfInHost(invocation.installation, invocation.arguments,
                       {.reason = kvm->reason,
                        .terminal = options->terminal,
                        .guest_variables = flags_.exec.environment,
                        .leaves_directory = IsSupervisor()});
}

}  // namespace voidbox
