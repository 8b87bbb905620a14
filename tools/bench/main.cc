// bench: measures voidbox and its peers. See --help.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/event_loop.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "sandbox/boot_command_line.h"
#include "sandbox/home.h"
#include "sandbox/installation.h"
#include "sandbox/kvm_probe.h"
#include "tools/bench/boot_bench.h"
#include "tools/bench/counted_host.h"
#include "tools/bench/disk_bench.h"
#include "tools/bench/exec_bench.h"
#include "tools/bench/files_bench.h"
#include "tools/bench/flags.h"
#include "tools/bench/stage.h"
#include "tools/bench/vsock_bench.h"

namespace voidbox::bench {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

constexpr char kQemu[] = "/usr/bin/qemu-system-x86_64";
// Debian's packages qemu-system-x86, qemu-system-common and seabios; the first that has a file.
constexpr const char* kFirmwareDirectories[] = {"/usr/share/qemu", "/usr/share/seabios"};
constexpr const char* kFirmwareFiles[] = {"bios-microvm.bin", "qboot.rom", "linuxboot_dma.bin",
                                          "pvh.bin"};

constexpr char kFooter[] =
    R"(Times repeat to some thousandths: where /dev/kvm cannot run a guest's kernel at speed, all is measured
inside an emulated KVM host whose clock counts instructions. All files are copied to RAM first, and
one round goes unmeasured. Progress is told on standard error.

Examples:
  ./bazelw run //tools:bench -- boot
  ./bazelw run //tools:bench -- boot --rounds 9 --peer firecracker=/usr/local/bin/firecracker
  ./bazelw run //tools:bench -- exec --peer voidbox=$PWD/old-bazel-bin
  ./bazelw run //tools:bench -- exec --count 200 --peer firecracker=$PWD/firecracker --format json
  ./bazelw run //tools:bench -- vsock --bytes 64M --format json
  ./bazelw run //tools:bench -- files --bytes 200M
  ./bazelw run //tools:bench -- disk --peer firecracker=$PWD/firecracker)";

// Bazel's output tree is one level higher than for programs that lie in tools/ itself.
absl::StatusOr<Installation> FindInstallation() {
  ASSIGN_OR_RETURN(const Installation own, Installation::Find());
  return Installation::Of(std::filesystem::path(own.executable()).parent_path().string());
}

// What the guests have beside a build's own initramfs: the same for all builds.
std::string LayerOf(const Installation& installation, const std::string& what) {
  return absl::StrCat(installation.executable(), "/bench_layer_",
                      what == "vsock" || what == "files" ? "vsock" : "boot", ".cpio");
}

// Those that compare builds; the others are about one.
bool MeasuresOtherVoidbox(const std::string& what) {
  return what == "boot" || what == "exec" || what == "vsock";
}

// The others are about vsock, which QEMU has not without /dev/vhost-vsock.
bool MeasuresQemu(const std::string& what) { return what == "boot" || what == "disk"; }

absl::Status StageQemu(Stage& stage, Vmms& vmms) {
  ASSIGN_OR_RETURN(vmms.qemu, stage.AddProgram(kQemu, "qemu"));
  ASSIGN_OR_RETURN(vmms.qemu_firmware, stage.AddDirectory("firmware"));
  for (const std::string file : kFirmwareFiles) {
    for (const std::string directory : kFirmwareDirectories) {
      const std::string source = absl::StrCat(directory, "/", file);
      if (::access(source.c_str(), R_OK) != 0) continue;
      RETURN_IF_ERROR(stage.AddFile(source, absl::StrCat("firmware/", file)).status());
      break;
    }
  }
  return absl::OkStatus();
}

// Another build: its VMM and its guest.
absl::Status StageOtherVoidbox(const std::string& directory, const std::string& layer, Stage& stage,
                               Vmms& vmms) {
  const Installation other = Installation::Of(absl::StrCat(directory, "/tools/voidbox"));
  ASSIGN_OR_RETURN(const std::string vmm, other.Path(Installation::Item::kVmm));
  ASSIGN_OR_RETURN(const std::string kernel, other.Path(Installation::Item::kGuestKernel));
  ASSIGN_OR_RETURN(const std::string initramfs, other.Path(Installation::Item::kGuestInitramfs));
  ASSIGN_OR_RETURN(vmms.other_kernel, stage.AddFile(kernel, "other-vmlinux"));
  ASSIGN_OR_RETURN(vmms.other_initramfs, stage.AddJoined({initramfs, layer}, "other-initramfs"));
  ASSIGN_OR_RETURN(vmms.other_voidbox, stage.AddProgram(vmm, "other-voidbox-vmm"));
  return absl::OkStatus();
}

absl::StatusOr<Vmms> StageVmms(const std::string& what, const Settings& settings, Stage& stage) {
  LogInfo("copying all files to RAM");
  ASSIGN_OR_RETURN(const Installation installation, FindInstallation());
  ASSIGN_OR_RETURN(const std::string vmm, installation.Path(Installation::Item::kVmm));
  ASSIGN_OR_RETURN(const std::string kernel, installation.Path(Installation::Item::kGuestKernel));
  Vmms vmms;
  ASSIGN_OR_RETURN(vmms.guest.kernel, stage.AddFile(kernel, "vmlinux"));
  ASSIGN_OR_RETURN(const std::string initramfs,
                   installation.Path(Installation::Item::kGuestInitramfs));
  const std::string layer = LayerOf(installation, what);
  ASSIGN_OR_RETURN(vmms.guest.initramfs, stage.AddJoined({initramfs, layer}, "initramfs"));
  vmms.guest.command_line = absl::StrCat(kBootCommandLine, " ", kOwnKernelWords);
  ASSIGN_OR_RETURN(vmms.voidbox, stage.AddProgram(vmm, "voidbox-vmm"));
  if (!settings.firecracker.empty()) {
    ASSIGN_OR_RETURN(vmms.firecracker, stage.AddProgram(settings.firecracker, "firecracker.bin"));
  }
  if (MeasuresQemu(what)) RETURN_IF_ERROR(StageQemu(stage, vmms));
  if (MeasuresOtherVoidbox(what) && !settings.other_voidbox.empty()) {
    RETURN_IF_ERROR(StageOtherVoidbox(settings.other_voidbox, layer, stage, vmms));
  }
  return vmms;
}

absl::StatusOr<std::string> Measure(const std::string& what, const Settings& settings) {
  ASSIGN_OR_RETURN(Stage stage, Stage::Create());
  ASSIGN_OR_RETURN(const Vmms vmms, StageVmms(what, settings, stage));
  std::vector<VmmKind> kinds = {VmmKind::kVoidbox};
  if (!vmms.other_voidbox.empty()) kinds.push_back(VmmKind::kOtherVoidbox);
  if (MeasuresQemu(what)) kinds.push_back(VmmKind::kQemuMicrovm);
  if (!vmms.firecracker.empty()) kinds.push_back(VmmKind::kFirecracker);
  if (what == "boot") {
    std::string rootfs;
    if (!settings.rootfs.empty()) {
      ASSIGN_OR_RETURN(rootfs, stage.AddFile(settings.rootfs, "rootfs.ext4"));
    }
    ASSIGN_OR_RETURN(const BootResult result,
                     RunBootBench(vmms, stage, kinds, rootfs, settings.rounds));
    return settings.json ? BootJson(result) : BootText(result);
  }
  if (what == "disk") {
    ASSIGN_OR_RETURN(const DiskResult result, RunDiskBench(vmms, stage, kinds, settings.rounds));
    return settings.json ? DiskJson(result) : DiskText(result);
  }
  if (what == "exec") {
    ASSIGN_OR_RETURN(const ExecResult result,
                     RunExecBench(vmms, stage, kinds, settings.rounds, settings.count));
    return settings.json ? ExecJson(result) : ExecText(result);
  }
  if (what == "files") {
    Vmms larger = vmms;
    larger.guest.memory_mib = kFilesGuestMemoryMib;
    ASSIGN_OR_RETURN(const FilesResult result,
                     RunFilesBench(larger, stage, settings.rounds, settings.bytes));
    return settings.json ? FilesJson(result) : FilesText(result);
  }
  ASSIGN_OR_RETURN(const VsockResult result,
                   RunVsockBench(vmms, stage, kinds, settings.rounds, settings.bytes));
  return settings.json ? VsockJson(result) : VsockText(result);
}

absl::StatusOr<int> MeasureInHost(const std::vector<std::string>& argv) {
  ASSIGN_OR_RETURN(const Installation installation, FindInstallation());
  EmulatedMachine machine;
  ASSIGN_OR_RETURN(machine.kernel, installation.Path(Installation::Item::kHostKernel));
  ASSIGN_OR_RETURN(machine.initramfs, installation.Path(Installation::Item::kHostInitramfs));
  ASSIGN_OR_RETURN(machine.home, VoidboxHome());
  RETURN_IF_ERROR(CreatePrivateDirectory(machine.home));
  ASSIGN_OR_RETURN(const auto loop, EventLoop::Create());
  CountedHost host(*loop);
  return host.Run(machine, argv);
}

absl::StatusOr<int> Run(const std::string& what, const Flags& flags) {
  const absl::StatusOr<Settings> settings = CheckFlags(flags);
  if (!settings.ok()) {
    LogError(settings.status().message());
    return kExitUsage;
  }
  const bool emulated = !flags.inside && flags.kvm_host != "native" &&
                        (flags.kvm_host == "emulated" || !ProbeKvm().usable);
  if (emulated) {
    ASSIGN_OR_RETURN(const Installation own, Installation::Find());
    return MeasureInHost(InsideCommand(own.executable(), what, flags, *settings));
  }
  ASSIGN_OR_RETURN(const std::string report, Measure(what, *settings));
  std::fputs(report.c_str(), stdout);
  return 0;
}

void AddFlags(CLI::App& command, Flags& flags) {
  command.add_option("--rounds", flags.rounds, "measured rounds, 5 or more")
      ->type_name("N")
      ->capture_default_str();
  command
      .add_option("--peer", flags.peers,
                  "measure this Firecracker too, or the voidbox whose files are below a directory "
                  "as below bazel-bin (boot, exec and vsock)")
      ->type_name("firecracker=PATH|voidbox=DIRECTORY")
      ->allow_extra_args(false);
  command.add_option("--format", flags.format, "text for people, json for programs")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("text|json")
      ->capture_default_str();
  command
      .add_option("--kvm-host", flags.kvm_host,
                  "where: auto measures /dev/kvm; native uses it; emulated counts instructions")
      ->check(CLI::IsMember({"auto", "native", "emulated"}))
      ->type_name("HOST")
      ->capture_default_str();
  command.add_flag("--inside", flags.inside)->group("");  // for our own use
}

// `bazel run` starts programs elsewhere and says where the person is.
void EnterWorkingDirectory() {
  const char* directory = std::getenv("BUILD_WORKING_DIRECTORY");
  if (directory != nullptr && ::chdir(directory) != 0) LogWarning("cannot enter ", directory);
}

int Main(int argc, char** argv) {
  EnterWorkingDirectory();
  CLI::App app("Measures voidbox beside QEMU's microvm and Firecracker.", "bench");
  app.footer(kFooter);
  app.require_subcommand(1);
  Flags flags;
  CLI::App& boot = *app.add_subcommand(
      "boot", "Time from process start to init, agent and first command; the VMM's memory");
  CLI::App& exec = *app.add_subcommand("exec", "Round trips of a command in a running guest");
  CLI::App& vsock = *app.add_subcommand("vsock", "Bulk transfer between host and guest");
  CLI::App& disk = *app.add_subcommand("disk", "Reads and writes of a virtio-blk disk by fio");
  CLI::App& files =
      *app.add_subcommand("files", "Upload and download of a tree of files, beside raw vsock");
  for (CLI::App* command : {&boot, &exec, &vsock, &disk, &files}) {
    AddFlags(*command, flags);
    command->footer(kFooter);
  }
  boot.add_option("--rootfs", flags.rootfs,
                  "boot voidbox from this ext4 image too, whose /sbin/init is the agent")
      ->type_name("FILE");
  exec.add_option("--count", flags.count, "commands, one after the other")
      ->type_name("N")
      ->capture_default_str();
  vsock.add_option("--bytes", flags.bytes, "to transfer each way, such as 64M")
      ->type_name("SIZE")
      ->capture_default_str();
  files.add_option("--bytes", flags.bytes, "in files, such as 200M")->type_name("SIZE");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    LogError(error.what());
    return kExitUsage;
  }
  const auto status = Run(app.get_subcommands()[0]->get_name(), flags);
  if (status.ok()) return *status;
  LogError(status.status().message());
  return kExitFailure;
}

}  // namespace
}  // namespace voidbox::bench

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  voidbox::SetLogTarget(STDERR_FILENO, "bench");
  return voidbox::bench::Main(argc, argv);
}
