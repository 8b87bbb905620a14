// The guest's PID 1: makes the system usable, serves the host's calls, reaps orphans, and ends the
// machine when told to. Its log is the kernel's.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/agent.pb.h"
#include "agent/call_service.h"
#include "agent/exec_budget.h"
#include "agent/exec_runner.h"
#include "agent/files/file_worker.h"
#include "agent/files/file_workers.h"
#include "agent/files/workspace_path.h"
#include "agent/http/http_server.h"
#include "agent/kernel_modules.h"
#include "agent/late_links.h"
#include "agent/machine/machine_handlers.h"
#include "agent/mounts.h"
#include "agent/ping/ping.h"
#include "agent/root_file_system.h"
#include "agent/run_ts/run_ts_call.h"
#include "agent/switch_root.h"
#include "agent/system.h"
#include "agent/vsock.h"
#include "base/errno_status.h"
#include "base/event_loop.h"
#include "base/frame.h"
#include "base/io.h"
#include "base/kernel_module_list.h"
#include "base/log.h"
#include "base/loopback.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "base/version.h"
#include "devices/boot_mark.h"

namespace voidbox {
namespace {

// On the kernel's command line: write boot marks.
constexpr char kBootMarkOption[] = "voidbox.marks";
// There as well: the root file system has to grow to its disk (sandbox/boot_command_line.h).
constexpr char kMustGrowOption[] = "voidbox.must_grow";
constexpr char kHostName[] = "voidbox";
constexpr char kCgroups[] = "/sys/fs/cgroup";
// For the descriptors of CallService's connections at 9 each (a stream, a cgroup and two files of
// it, three pipes, two timers), of HttpServer's at 3 (a stream, a timer, its end of a call), of
// execs that keep their output and of those that left processes at 6 (a cgroup and two files of it,
// two pipes, a timer).
constexpr rlim_t kOwnDescriptors = 8192;
// What distributions give to programs.
constexpr rlimit kChildDescriptors = {.rlim_cur = 1024, .rlim_max = 524288};

uint64_t UptimeUs() {
  timespec now;
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
}

void LogFailure(const absl::Status& status) {
  if (!status.ok()) LogWarning(status.message());
}

bool HasKernelOption(absl::string_view option) {
  const absl::StatusOr<std::string> line = ReadFile("/proc/cmdline");
  if (!line.ok()) return false;
  for (const absl::string_view word : absl::StrSplit(*line, absl::ByAnyChar(" \n"))) {
    if (word == option) return true;
  }
  return false;
}

absl::StatusOr<std::unique_ptr<ExecRunner>> MakeRunner(EventLoop& loop) {
  const ExecBudget budget = MachineBudget();
  // The kernel counts the processes of a user, whatever his commands: the cgroups count those of
  // each command.
  const rlimit all_processes = {.rlim_cur = budget.all_processes, .rlim_max = budget.all_processes};
  ExecRunner::Options options = {
      .cgroups = {.parent = kCgroups,
                  .all_memory_bytes = budget.all_memory_bytes,
                  .all_processes = budget.all_processes,
                  .default_processes = budget.default_processes},
      .reap = ChildWatcher::Reap::kAll,
      .limits = {{RLIMIT_NOFILE, kChildDescriptors}, {RLIMIT_NPROC, all_processes}},
      .setting = {.isolates = true}};
  auto runner = ExecRunner::Create(loop, options);
  if (runner.ok()) return runner;
  // A kernel of the user's own may lack cgroups; commands still run.
  LogWarning(runner.status().message(), "; commands run without cgroups");
  options.cgroups.parent.clear();
  options.limits.back().value = {.rlim_cur = budget.default_processes,
                                 .rlim_max = budget.default_processes};
  return ExecRunner::Create(loop, options);
}

absl::StatusOr<std::unique_ptr<VsockMessage>> SendReady(EventLoop& loop, uint64_t init_us) {
  agent::Ready ready;
  ready.set_version(kVersion);
  ready.set_init_us(init_us);
  ready.set_ready_us(UptimeUs());
  std::string frame;
  RETURN_IF_ERROR(AppendFrame(ready, frame));
  return VsockMessage::Send(loop, kReadyPort, std::move(frame));
}

// What programs want and serving does not need: the host has been told, and its first call waits
// while this is done, so that every command finds it done.
void FinishSystem() {
  LogFailure(ProtectRootDirectory());
  for (const Mount& mount : OtherMounts()) LogFailure(MountOnce(mount));
  MakeDeviceLinks();
  LogFailure(MakeLateLinks(/*root=*/"").status());
  LogFailure(MakeLockDirectory());
  OpenVsockDevice();
  LogFailure(SetDefaultHostName(kHostName));
  LogFailure(NameHosts());
  LogFailure(BringUpLoopback());
  LogFailure(AllowPing());
}

// What `reboot`, `poweroff` and `halt` send to PID 1 (BusyBox, sysvinit): all end the machine.
class EndSignals {
 public:
  static absl::StatusOr<std::unique_ptr<EndSignals>> Create(EventLoop& loop) {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGUSR1, SIGUSR2}) ::sigaddset(&set, signal);
    if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return ErrnoStatus("sigprocmask");
    auto signals = std::make_unique<EndSignals>();
    signals->fd_.Reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals->fd_) return ErrnoStatus("signalfd");
    ASSIGN_OR_RETURN(signals->watch_,
                     loop.Add(signals->fd_.get(), EPOLLIN, [&loop](uint32_t) { loop.Stop(); }));
    return signals;
  }

 private:
  UniqueFd fd_;
  EventLoop::Watch watch_;
};

// A disk may be larger than its file system for reasons of its own, and be of a kind that cannot
// grow.
void GrowRootIfItCan() {
  if (const absl::Status status = GrowRoot(); !status.ok()) {
    LogWarning("the root file system keeps its size: ", status.message());
  }
}

// Before the host is told that the guest is ready, where it has asked for a size: it is told at
// once if that cannot be had.
absl::Status GrowRootAsAsked() {
  absl::Status status = GrowRoot();
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat("the root file system cannot grow to the size that was asked "
                                   "for: ",
                                   status.message()));
}

// A kernel that has its drivers as modules has none of the machine's devices before this, and with
// a root disk this is not the PID 1 that serves yet.
absl::Status PrepareModularKernel() {
  ASSIGN_OR_RETURN(const int modules, LoadKernelModules(kKernelModuleList, InsertKernelModule));
  return modules > 0 && HasNewRoot() ? SwitchRoot() : absl::OkStatus();
}

absl::Status RunAgent() {
  const uint64_t init_us = UptimeUs();
  ::umask(022);
  LogFailure(MakeRootWritable());
  for (const Mount& mount : EssentialMounts()) LogFailure(MountOnce(mount));
  const bool marks = HasKernelOption(kBootMarkOption);
  if (marks) WriteBootMark(kBootMarkInit);
  LogFailure(DetachFromConsole());
  RETURN_IF_ERROR(PrepareModularKernel());
  const rlimit descriptors = {.rlim_cur = kOwnDescriptors, .rlim_max = kChildDescriptors.rlim_max};
  if (::setrlimit(RLIMIT_NOFILE, &descriptors) != 0) LogWarning("setrlimit(RLIMIT_NOFILE) failed");

  const bool must_grow = HasKernelOption(kMustGrowOption);
  if (must_grow) RETURN_IF_ERROR(GrowRootAsAsked());

  ASSIGN_OR_RETURN(const auto loop, EventLoop::Create());
  ASSIGN_OR_RETURN(const auto runner, MakeRunner(*loop));
  const UniqueFd kernel_log(::open("/dev/kmsg", O_WRONLY | O_CLOEXEC));
  FileWorkers files(*loop, runner->trees(), runner->spawner(),
                    {.log_fd = kernel_log ? kernel_log.get() : STDERR_FILENO});
  const auto running_execs = [&runner] { return runner->running(); };
  CallHandlers handlers = runner->Handlers();
  handlers.merge(files.Handlers());
  handlers.merge(MachineHandlers([&runner](agent::Metrics& metrics) {
    const ExecTable::Left left = runner->left();
    metrics.set_running_execs(static_cast<uint32_t>(runner->running()));
    metrics.set_left_execs(static_cast<uint32_t>(left.execs));
    metrics.set_left_processes(left.processes);
  }));
  CallService* self = nullptr;  // once it is there
  handlers.emplace(agent::Request::kRunTs,
                   RunTsCall::Starter({.loop = *loop, .serve_call = [&self](UniqueFd stream) {
                                         self->Serve(std::move(stream));
                                       }}));
  CallService service(*loop, {.version = kVersion,
                              .handlers = std::move(handlers),
                              .running_execs = running_execs,
                              .shut_down = [&loop] { loop->Stop(); }});
  self = &service;
  ASSIGN_OR_RETURN(const auto listener,
                   VsockListener::Create(*loop, kAgentPort, [&service](UniqueFd stream) {
                     service.Serve(std::move(stream));
                   }));
  HttpServer http(
      *loop, {.serve_call = [&service](UniqueFd stream) { service.Serve(std::move(stream)); }});
  ASSIGN_OR_RETURN(const auto http_listener,
                   VsockListener::Create(*loop, kHttpPort, [&http](UniqueFd stream) {
                     http.Serve(std::move(stream));
                   }));
  const auto ready = SendReady(*loop, init_us);
  LogFailure(ready.status());
  if (marks) WriteBootMark(kBootMarkAgentReady);
  if (!must_grow) GrowRootIfItCan();
  FinishSystem();
  ASSIGN_OR_RETURN(const auto end_signals, EndSignals::Create(*loop));
  RETURN_IF_ERROR(loop->Run());
  return EndMachine();
}

}  // namespace
}  // namespace voidbox

// The name that this file was called by.
static absl::string_view ProgramName(int argc, char** argv) {
  const absl::string_view path = argc > 0 ? argv[0] : "";
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

int main(int argc, char** argv) {
  if (argc == 2 && absl::string_view(argv[1]) == voidbox::kFileWorkerMode) {
    return voidbox::RunFileWorker(voidbox::kWorkspace);
  }
  if (const absl::string_view name = ProgramName(argc, argv); name == "ping" || name == "ping6") {
    return voidbox::RunPing(name, std::span(argv + 1, static_cast<size_t>(argc - 1)));
  }
  if (::getpid() != 1) {
    voidbox::LogError("guest-agent runs as PID 1 of a guest only");
    return 1;
  }
  const absl::Status status = voidbox::RunAgent();
  voidbox::LogToConsole(absl::StrCat("the agent ends: ", status.message()));
  // PID 1's end would be the kernel's panic, which ends the machine too (panic=-1), but whose
  // backtrace would push the reason out of the console's last lines.
  static_cast<void>(voidbox::EndMachine());
  return 1;
}
