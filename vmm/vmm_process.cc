#include "vmm/vmm_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/event_loop.h"
#include "base/frame.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "vmm/arch/x86_64/layout.h"
#include "vmm/boot/loader.h"
#include "vmm/control_server.h"
#include "vmm/machine.h"
#include "vmm/seccomp/confine.h"
#include "vmm/startup_pages.h"

namespace voidbox {
namespace {

constexpr char kControlSocket[] = "control.sock";
constexpr size_t kMaxDisks = 8;
// By when most guests have booted: what only the start needed is given back then. A slow machine's
// guest boots longer, so the same is done after twice the time, and so on up to the last.
constexpr absl::Duration kBootTime = absl::Milliseconds(500);
constexpr absl::Duration kLastRelease = absl::Seconds(16);
constexpr size_t kMaxSerialBytes = 20;  // VIRTIO_BLK_ID_BYTES

// Opens the sandbox's directory and makes it the working directory, so that its sockets have short
// names.
absl::StatusOr<UniqueFd> EnterDirectory(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fchdir(fd.get()) != 0) return ErrnoStatus(absl::StrCat("sandbox directory ", path));
  return fd;
}

absl::Status MakeNonBlocking(int fd, absl::string_view what) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    return ErrnoStatus(absl::StrCat(what, " descriptor ", fd));
  }
  return absl::OkStatus();
}

// The machine, and everything from which it is told to end.
class VmmProcess {
 public:
  VmmProcess(const vmm::VmConfig& config, int directory, const EventSink& events,
             const HypervisorOpener& open)
      : config_(config), directory_(directory), events_(events), open_(open) {}

  // Until the guest runs: every error here means that it never ran.
  absl::Status Start();
  // Until it ends.
  void Run();

  vmm::Stopped::Reason reason() const { return reason_; }
  const std::string& message() const { return message_; }

 private:
  absl::Status WatchSignals();
  absl::Status WatchLifeline();
  void Stop(vmm::Stopped::Reason reason, std::string message);
  void HandleControl(const vmm::ControlRequest& request, const ControlServer::Reply& reply);
  vmm::ControlReply State() const;

  const vmm::VmConfig& config_;
  const int directory_;
  const EventSink& events_;
  const HypervisorOpener& open_;
  vmm::Stopped::Reason reason_ = vmm::Stopped::REASON_UNSPECIFIED;
  std::string message_;
  std::unique_ptr<EventLoop> loop_;
  UniqueFd signals_;
  EventLoop::Watch signal_watch_;
  EventLoop::Watch lifeline_watch_;
  std::unique_ptr<ControlServer> control_;
  std::unique_ptr<Machine> machine_;
};

absl::Status VmmProcess::Start() {
  RETURN_IF_ERROR(ValidateConfig(config_));
  ASSIGN_OR_RETURN(
      const BootFiles files,
      BootFiles::Open(config_.kernel_path(), config_.initramfs_path(), config_.memory_bytes()));
  ASSIGN_OR_RETURN(loop_, EventLoop::Create());
  if (config_.console_output_fd() > 0) {
    RETURN_IF_ERROR(MakeNonBlocking(config_.console_output_fd(), "console output"));
  }
  RETURN_IF_ERROR(WatchSignals());
  RETURN_IF_ERROR(Vcpu::InstallKickSignal());
  RETURN_IF_ERROR(WatchLifeline());
  ASSIGN_OR_RETURN(control_, ControlServer::Create(directory_, kControlSocket, *loop_,
                                                   [this](const vmm::ControlRequest& request,
                                                          const ControlServer::Reply& reply) {
                                                     HandleControl(request, reply);
                                                   }));
  const bool confined = config_.seccomp() != vmm::SECCOMP_OFF;
  if (confined) RETURN_IF_ERROR(PrepareConfinement());
  ASSIGN_OR_RETURN(
      machine_,
      Machine::Boot(config_, files, *loop_,
                    {.on_stop = [this](vmm::Stopped::Reason reason,
                                       std::string message) { Stop(reason, std::move(message)); },
                     .on_enter =
                         [this] {
                           vmm::VmEvent event;
                           event.mutable_started();
                           events_.Send(std::move(event));
                         },
                     .on_boot_mark =
                         [this](uint8_t value) {
                           vmm::VmEvent event;
                           event.mutable_mark()->set_value(value);
                           events_.Send(std::move(event));
                         },
                     .open_hypervisor = open_,
                     .confine =
                         [confined](ThreadKind kind) {
                           return confined ? ConfineThread(kind) : absl::OkStatus();
                         }}));
  return absl::OkStatus();
}

absl::Status VmmProcess::WatchSignals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGINT);
  ::sigaddset(&set, SIGHUP);
  // Inherited by every thread: these signals arrive here alone.
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return ErrnoStatus("sigprocmask");
  signals_.Reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) return ErrnoStatus("signalfd");
  ASSIGN_OR_RETURN(signal_watch_, loop_->Add(signals_.get(), EPOLLIN, [this](uint32_t) {
    signalfd_siginfo info;
    if (::read(signals_.get(), &info, sizeof(info)) != sizeof(info)) return;
    Stop(vmm::Stopped::REQUESTED, absl::StrCat("signal ", info.ssi_signo));
  }));
  return absl::OkStatus();
}

absl::Status VmmProcess::WatchLifeline() {
  if (config_.lifeline_fd() <= 0) return absl::OkStatus();
  // Nothing is ever written to it: any event is its end.
  ASSIGN_OR_RETURN(lifeline_watch_, loop_->Add(config_.lifeline_fd(), EPOLLIN, [this](uint32_t) {
    Stop(vmm::Stopped::ORPHANED, "the owner is gone");
  }));
  return absl::OkStatus();
}

void VmmProcess::Stop(vmm::Stopped::Reason reason, std::string message) {
  if (reason_ != vmm::Stopped::REASON_UNSPECIFIED) return;  // the first reason counts
  reason_ = reason;
  message_ = std::move(message);
  loop_->Stop();
}

vmm::ControlReply VmmProcess::State() const {
  vmm::ControlReply reply;
  reply.set_state(machine_->paused() ? vmm::ControlReply::PAUSED : vmm::ControlReply::RUNNING);
  return reply;
}

void VmmProcess::HandleControl(const vmm::ControlRequest& request,
                               const ControlServer::Reply& reply) {
  // A machine that fails after its first vCPU runs serves the loop while it ends.
  if (machine_ == nullptr) {
    vmm::ControlReply answer;
    answer.set_error("the machine did not start");
    return reply(answer);
  }
  switch (request.request_case()) {
    case vmm::ControlRequest::kStatus:
      return reply(State());
    case vmm::ControlRequest::kStop:
      reply(State());
      // After the reply has left.
      return loop_->Post([this] {
        loop_->Post([this] { Stop(vmm::Stopped::REQUESTED, "asked for on the control socket"); });
      });
    case vmm::ControlRequest::kPause:
      return machine_->Pause([this, reply] { reply(State()); });
    case vmm::ControlRequest::kResume:
      machine_->Resume();
      return reply(State());
    case vmm::ControlRequest::kMetrics: {
      vmm::ControlReply answer = State();
      *answer.mutable_metrics() = machine_->metrics();
      return reply(answer);
    }
    case vmm::ControlRequest::REQUEST_NOT_SET:
      break;
  }
  vmm::ControlReply answer = State();
  answer.set_error("unknown request");
  reply(answer);
}

void VmmProcess::Run() {
  // Not at once: the guest boots now, and has the processor.
  absl::Duration wait = kBootTime;
  EventLoop::Timer release;
  if (auto timer = loop_->AddTimer([&] {
        ReleaseStartupPages();
        wait *= 2;
        if (wait <= kLastRelease) release.Set(wait).IgnoreError();
      });
      timer.ok()) {
    release = *std::move(timer);
    release.Set(wait).IgnoreError();
  }
  if (absl::Status status = loop_->Run(); !status.ok()) {
    Stop(vmm::Stopped::FAILED, std::string(status.message()));
  }
  // First, since the machine serves the loop while it ends, and requests are about the machine.
  control_->Stop();
  // Before the loop, which its vCPUs may be waiting for.
  machine_.reset();
}

absl::Status ValidateDisk(const vmm::Disk& disk) {
  if (disk.serial().size() > kMaxSerialBytes) {
    return absl::InvalidArgumentError(absl::StrCat("serial number of disk ", disk.path(), " has ",
                                                   disk.serial().size(),
                                                   " bytes, expected at most ", kMaxSerialBytes));
  }
  const bool kept = !disk.overlay_path().empty();
  if (kept && disk.overlay_path()[0] != '/') {
    return absl::InvalidArgumentError(absl::StrCat("overlay '", disk.overlay_path(), "' of disk ",
                                                   disk.path(), " is not an absolute path"));
  }
  if (kept + disk.ephemeral() + disk.read_only() > 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "disk ", disk.path(), ": read-only, ephemeral and with an overlay exclude each other"));
  }
  if (disk.virtual_bytes() != 0 && !kept && !disk.ephemeral()) {
    return absl::InvalidArgumentError(
        absl::StrCat("disk ", disk.path(), ": a size of ", disk.virtual_bytes(),
                     " bytes takes an overlay, or an ephemeral disk"));
  }
  return absl::OkStatus();
}

}  // namespace

void EventSink::Send(vmm::VmEvent event) const {
  if (fd_ < 0) return;
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  event.set_time_ns(static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 +
                    static_cast<uint64_t>(now.tv_nsec));
  // An owner that does not listen any more is no reason to stop.
  [[maybe_unused]] const absl::Status ignored = WriteFrame(fd_, event);
}

absl::Status ValidateConfig(const vmm::VmConfig& config) {
  if (config.kernel_path().empty()) return absl::InvalidArgumentError("no kernel is given");
  if (config.vcpu_count() < 1 || config.vcpu_count() > layout::kMaxVcpus) {
    return absl::InvalidArgumentError(
        absl::StrCat(config.vcpu_count(), " vCPUs, expected 1 to ", layout::kMaxVcpus));
  }
  if (config.directory().empty() || config.directory()[0] != '/') {
    return absl::InvalidArgumentError(
        absl::StrCat("sandbox directory '", config.directory(), "' is not an absolute path"));
  }
  if (config.disks_size() > static_cast<int>(kMaxDisks)) {
    return absl::InvalidArgumentError(
        absl::StrCat(config.disks_size(), " disks, expected at most ", kMaxDisks));
  }
  for (const vmm::Disk& disk : config.disks()) RETURN_IF_ERROR(ValidateDisk(disk));
  return absl::OkStatus();
}

int RunVmm(const vmm::VmConfig& config, const EventSink& events, const HypervisorOpener& open) {
  ::signal(SIGPIPE, SIG_IGN);  // from the event sink, when its owner is gone
  vmm::VmEvent end;
  vmm::Stopped& stopped = *end.mutable_stopped();
  const auto refuse = [&stopped](const absl::Status& status) {
    stopped.set_reason(vmm::Stopped::REFUSED);
    stopped.set_message(std::string(status.message()));
  };
  if (auto directory = EnterDirectory(config.directory()); directory.ok()) {
    VmmProcess process(config, directory->get(), events, open);
    if (absl::Status status = process.Start(); status.ok()) {
      process.Run();
      stopped.set_reason(process.reason());
      stopped.set_message(process.message());
    } else {
      refuse(status);
    }
  } else {
    refuse(directory.status());
  }
  const bool failed = stopped.reason() >= vmm::Stopped::GUEST_CRASHED;
  if (failed) LogError(stopped.message());
  events.Send(std::move(end));
  return failed ? 1 : 0;
}

}  // namespace voidbox
