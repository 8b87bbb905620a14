#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/pipe.h"
#include "base/status_macros.h"
#include "base/unix_socket.h"
#include "devices/boot_mark.h"
#include "sandbox/process_identity.h"

namespace voidbox {
namespace {

// Read at one time of what never needs to end, a guest's console for one: more than a pipe holds.
constexpr size_t kMaxDrainBytes = 256 << 10;
// A console comes in small pieces: passing each on at once would wake every process on the way to
// the reader.
constexpr absl::Duration kGather = absl::Milliseconds(20);

// As the VMM sees them.
constexpr int kConfigFd = 3;
constexpr int kEventFd = 4;
constexpr int kLifelineFd = 5;
constexpr int kConsoleFd = 6;
constexpr int kConsoleInputFd = 7;
constexpr int kImageLeaseFd = 8;

constexpr char kReadySocket[] = "vsock.sock_1235";  // host port 1235, see agent.proto
constexpr size_t kMaxReadyBytes = 4096;
// How Linux begins the message of its end, at the level that every console shows; it resets the
// machine afterwards, as for a reboot (kernel/panic.c).
constexpr char kPanic[] = "Kernel panic - not syncing";
constexpr size_t kConsoleLinesInErrors = 20;

// For the VMM to end by itself.
constexpr absl::Duration kStopLimit = absl::Seconds(5);

absl::Status SetNonBlocking(int fd) {
  if (::fcntl(fd, F_SETFL, O_NONBLOCK) != 0) return ErrnoStatus("fcntl(F_SETFL)");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Sandbox>> Sandbox::Start(EventLoop& loop, Registry& registry,
                                                        const Options& options, Handlers handlers) {
  ASSIGN_OR_RETURN(SandboxDirectory directory, registry.Create(options.label.name));
  std::unique_ptr<Sandbox> sandbox(
      new Sandbox(loop, std::move(directory), options, std::move(handlers)));
  RETURN_IF_ERROR(sandbox->Listen());
  RETURN_IF_ERROR(sandbox->Spawn());
  RETURN_IF_ERROR(sandbox->Watch());
  return sandbox;
}

Sandbox::Sandbox(EventLoop& loop, SandboxDirectory directory, const Options& options,
                 Handlers handlers)
    : loop_(loop),
      options_(options),
      handlers_(std::move(handlers)),
      directory_(std::move(directory)),
      panic_(kPanic) {}

absl::Status Sandbox::Listen() {
  // Before the guest runs, so that its agent finds somebody.
  ASSIGN_OR_RETURN(UniqueFd listener, ListenUnix(directory_.fd(), kReadySocket));
  ASSIGN_OR_RETURN(ready_acceptor_,
                   Acceptor::Create(loop_, std::move(listener), [this](UniqueFd connection) {
                     OnAgentConnects(std::move(connection));
                   }));
  return absl::OkStatus();
}

absl::Status Sandbox::Spawn() {
  vmm::VmConfig config;
  config.set_kernel_path(options_.kernel);
  config.set_initramfs_path(options_.initramfs);
  config.set_kernel_command_line(options_.command_line);
  config.set_vcpu_count(options_.vcpu_count);
  config.set_memory_bytes(options_.memory_bytes);
  for (const Disk& disk : options_.disks) {
    vmm::Disk& wanted = *config.add_disks();
    wanted.set_path(disk.path);
    wanted.set_read_only(disk.read_only);
    wanted.set_overlay_path(disk.overlay);
    wanted.set_ephemeral(disk.ephemeral);
    wanted.set_virtual_bytes(disk.virtual_bytes);
  }
  config.set_directory(directory_.path());
  config.set_console_output_fd(kConsoleFd);
  if (options_.console_input >= 0) config.set_console_input_fd(kConsoleInputFd);
  config.set_lifeline_fd(kLifelineFd);

  ASSIGN_OR_RETURN(Pipe config_pipe, NewPipe());
  ASSIGN_OR_RETURN(Pipe events, NewPipe());
  ASSIGN_OR_RETURN(Pipe lifeline, NewPipe());
  ASSIGN_OR_RETURN(Pipe console, NewPipe());
  ASSIGN_OR_RETURN(Pipe log, NewPipe());
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return ErrnoStatus("/dev/null");

  SpawnOptions spawn = {
      .argv = {options_.vmm, "--config-fd", absl::StrCat(kConfigFd), "--event-fd",
               absl::StrCat(kEventFd)},
      .descriptors = {{null.get(), 0},
                      {null.get(), 1},
                      {log.write.get(), 2},
                      {config_pipe.read.get(), kConfigFd},
                      {events.write.get(), kEventFd},
                      {lifeline.read.get(), kLifelineFd},
                      {console.write.get(), kConsoleFd}},
      // The terminal's signals are for us alone.
      .new_session = true,
  };
  if (options_.image.lease >= 0) {
    spawn.descriptors.push_back({options_.image.lease, kImageLeaseFd});
  }
  if (options_.console_input >= 0) {
    spawn.descriptors.push_back({options_.console_input, kConsoleInputFd});
  }
  ASSIGN_OR_RETURN(vmm_, ChildProcess::Spawn(spawn));
  config_pipe.read.Reset();
  lifeline_ = std::move(lifeline.write);
  events_ = std::move(events.read);
  console_ = std::move(console.read);
  log_ = std::move(log.read);
  for (const int fd : {events_.get(), console_.get(), log_.get()}) {
    RETURN_IF_ERROR(SetNonBlocking(fd));
  }
  record_.id = directory_.id();
  ASSIGN_OR_RETURN(record_.vmm, IdentifyProcess(vmm_.pid()));
  ASSIGN_OR_RETURN(record_.owner, IdentifyProcess(::getpid()));
  record_.kernel = options_.kernel;
  record_.image = options_.image.name;
  record_.image_digest = options_.image.digest;
  record_.vcpu_count = options_.vcpu_count;
  record_.memory_bytes = options_.memory_bytes;
  record_.created_unix_seconds = ::time(nullptr);
  record_.name = options_.label.name;
  record_.labels = options_.label.labels;
  record_.command = options_.label.command;
  record_.detached = options_.label.detached;
  RETURN_IF_ERROR(directory_.Publish(record_));
  // A VMM that cannot read it has ended, and that is told with its reason below.
  static_cast<void>(WriteFrame(config_pipe.write.get(), config));
  return absl::OkStatus();
}

absl::Status Sandbox::Watch() {
  ASSIGN_OR_RETURN(events_watch_,
                   loop_.Add(events_.get(), EPOLLIN, [this](uint32_t) { OnEvents(); }));
  ASSIGN_OR_RETURN(console_watch_, loop_.Add(console_.get(), EPOLLIN, [this](uint32_t events) {
    if ((events & EPOLLHUP) != 0) return DrainConsole();
    if (!console_watch_.SetEvents(0).ok() || !console_gather_.Set(kGather).ok()) {
      DrainConsole();
    }
  }));
  ASSIGN_OR_RETURN(console_gather_, loop_.AddTimer([this] { DrainConsole(); }));
  ASSIGN_OR_RETURN(log_watch_, loop_.Add(log_.get(), EPOLLIN, [this](uint32_t) {
    if (!Drain(log_.get(), [this](absl::string_view text) { log_tail_.Append(text); })) {
      log_watch_.Reset();
    }
  }));
  ASSIGN_OR_RETURN(vmm_watch_,
                   loop_.Add(vmm_.pidfd(), EPOLLIN, [this](uint32_t) { OnVmmEnded(); }));
  ASSIGN_OR_RETURN(deadline_, loop_.AddTimer([this] {
    if (stopping_) {
      if (agent_asked_) return StopVmm();
      ending_unasked_ = false;
      return vmm_.Signal(SIGKILL);
    }
    Kill(absl::DeadlineExceededError(
        absl::StrCat("the guest was not ready after ", absl::FormatDuration(options_.boot_limit))));
  }));
  if (options_.boot_limit == absl::InfiniteDuration()) return absl::OkStatus();
  return deadline_.Set(options_.boot_limit);
}

bool Sandbox::Drain(int fd, const std::function<void(absl::string_view)>& take) {
  char bytes[16 << 10];
  for (size_t taken = 0; taken < kMaxDrainBytes;) {
    const ssize_t got = ::read(fd, bytes, sizeof(bytes));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN;
    if (got == 0) return false;
    taken += static_cast<size_t>(got);
    take(absl::string_view(bytes, static_cast<size_t>(got)));
  }
  return true;
}

void Sandbox::DrainConsole() {
  const bool open = Drain(console_.get(), [this](absl::string_view text) {
    console_tail_.Append(text);
    panic_.Append(text);
    if (handlers_.console) handlers_.console(text);
  });
  if (!open) return console_watch_.Reset();
  console_watch_.SetEvents(EPOLLIN).IgnoreError();
}

void Sandbox::OnEvents() {
  const bool open =
      Drain(events_.get(), [this](absl::string_view bytes) { event_reader_.Append(bytes); });
  if (!open) events_watch_.Reset();
  for (;;) {
    const auto payload = event_reader_.Next();
    if (payload.ok() && !payload->has_value()) return;
    vmm::VmEvent event;
    if (!payload.ok() ||
        !event.ParseFromArray((*payload)->data(), static_cast<int>((*payload)->size()))) {
      return events_watch_.Reset();  // nothing more is read; the VMM's own end will be told
    }
    if (event.has_started()) started_ = true;
    if (event.has_mark() && event.mark().value() == kBootMarkInit) init_ = true;
    if (event.has_stopped()) stopped_ = event.stopped();
  }
}

void Sandbox::OnAgentConnects(UniqueFd connection) {
  // The first is the agent; a guest that opens more is not served.
  ready_acceptor_->SetFull(true);
  ready_connection_ = std::move(connection);
  ready_reader_ = FrameReader(kMaxReadyBytes);
  auto watch = loop_.Add(ready_connection_.get(), EPOLLIN, [this](uint32_t) { OnReadyBytes(); });
  if (!watch.ok()) return Kill(watch.status());
  ready_watch_ = *std::move(watch);
}

bool Sandbox::ReadReady(agent::Ready& ready) {
  char bytes[kMaxReadyBytes];
  const ssize_t got = ::read(ready_connection_.get(), bytes, sizeof(bytes));
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (got <= 0) return true;
  ready_reader_.Append(absl::string_view(bytes, static_cast<size_t>(got)));
  const auto payload = ready_reader_.Next();
  if (payload.ok() && !payload->has_value()) return false;
  ready_ = payload.ok() &&
           ready.ParseFromArray((*payload)->data(), static_cast<int>((*payload)->size()));
  return true;
}

void Sandbox::OnReadyBytes() {
  agent::Ready ready;
  if (!ReadReady(ready)) return;
  ready_watch_.Reset();
  ready_connection_.Reset();
  ready_acceptor_.reset();  // once is enough
  if (!ready_) return Kill(absl::DataLossError("the guest's agent did not say that it is ready"));
  if (stopping_) return;
  deadline_.Cancel();
  if (handlers_.ready) handlers_.ready(ready);
}

absl::StatusOr<UniqueFd> Sandbox::ConnectVsock() const {
  return ConnectUnix(directory_.fd(), kVsockSocket);
}

void Sandbox::Stop(bool orderly) {
  if (stopping_) return;
  stopping_ = true;
  // Nothing else of a guest outlives it: its agent would end its processes as hard as the VMM does.
  const bool keeps_writes = std::any_of(options_.disks.begin(), options_.disks.end(),
                                        [](const Disk& disk) { return disk.keeps_writes(); });
  agent_asked_ = orderly && ready_ && keeps_writes && AskAgentToEnd();
  if (agent_asked_ && deadline_.Set(options_.orderly_limit).ok()) return;
  StopVmm();
}

bool Sandbox::AskAgentToEnd() {
  agent::Request request;
  request.mutable_shutdown();
  auto stream = ConnectVsock();
  if (!stream.ok()) return false;
  auto call = AgentCall::Start(loop_, *std::move(stream), kAgentPort, request,
                               {.frame = [](const agent::ServerFrame&) {},
                                // The agent waits for us to hang up, so that its answer arrives.
                                .ended = [this](const absl::Status&) { shutdown_call_.reset(); },
                                .room = nullptr});
  if (!call.ok()) return false;
  shutdown_call_ = *std::move(call);
  return true;
}

void Sandbox::StopVmm() {
  agent_asked_ = false;
  shutdown_call_.reset();
  vmm::ControlRequest request;
  request.mutable_stop();
  auto control = ConnectUnix(directory_.fd(), kControlSocket);
  // Nobody serves a socket that is there: the VMM is ending by itself, and its reason is worth
  // telling.
  ending_unasked_ = absl::IsUnavailable(control.status());
  const bool asked = control.ok() && WriteFrame(control->get(), request).ok();
  if ((!asked && !ending_unasked_) || !deadline_.Set(kStopLimit).ok()) vmm_.Signal(SIGKILL);
}

void Sandbox::Kill(const absl::Status& reason) {
  if (!killed_because_.has_value()) killed_because_ = reason;
  vmm_.Signal(SIGKILL);
}

void Sandbox::OnVmmEnded() {
  vmm_watch_.Reset();
  deadline_.Cancel();
  OnEvents();
  // What it said last may come in the same turn as its end.
  if (agent::Ready ready; ready_connection_) static_cast<void>(ReadReady(ready));
  DrainConsole();
  Drain(log_.get(), [this](absl::string_view text) { log_tail_.Append(text); });
  const auto wait_status = vmm_.Wait();
  absl::Status status = absl::OkStatus();
  if (killed_because_.has_value()) {
    status = Explained(*killed_because_);
  } else if (!stopping_ || ending_unasked_) {
    status = wait_status.ok() ? WhyEnded(*wait_status) : wait_status.status();
  }
  const auto ended = handlers_.ended;  // it may destroy us
  ended(status);
}

absl::Status Sandbox::WhyEnded(int wait_status) const {
  if (!stopped_.has_value()) {
    return Explained(absl::UnavailableError(
        absl::StrCat("the VMM ended with ", DescribeWaitStatus(wait_status))));
  }
  const absl::string_view message = stopped_->message();
  switch (stopped_->reason()) {
    case vmm::Stopped::REFUSED:
      return absl::InvalidArgumentError(message);  // the guest never ran: no stage, no console
    case vmm::Stopped::GUEST_RESET:
      if (panic_.seen()) return Explained(absl::UnavailableError(WhyPanicked()));
      if (options_.power_off == PowerOff::kAtAnyTime) return absl::OkStatus();
      if (options_.power_off == PowerOff::kOnceReady && ready_) return absl::OkStatus();
      return Explained(absl::UnavailableError("the guest powered off or reset its machine"));
    case vmm::Stopped::GUEST_CRASHED:
      return Explained(absl::UnavailableError(absl::StrCat("the guest crashed: ", message)));
    default:
      return Explained(absl::UnavailableError(absl::StrCat("the VMM ended: ", message)));
  }
}

std::string Sandbox::WhyPanicked() const {
  std::string why = "the guest's kernel panicked";
  if (!ready_ && !init_ && !options_.initramfs.empty()) {
    absl::StrAppend(&why, " before it started /init of the initramfs ", options_.initramfs,
                    " (is the agent there, and the file whole?)");
  }
  return why;
}

absl::Status Sandbox::Explained(const absl::Status& status) const {
  const absl::string_view stage = ready_     ? "while it ran"
                                  : init_    ? "while its init started"
                                  : started_ ? "while its kernel started"
                                             : "before it started";
  std::string text = absl::StrCat(status.message(), ", ", stage);
  const std::string console = console_tail_.LastLines(kConsoleLinesInErrors);
  const std::string log = log_tail_.LastLines(kConsoleLinesInErrors);
  if (!log.empty()) absl::StrAppend(&text, "; the VMM's log:\n", log);
  if (!console.empty()) {
    absl::StrAppend(&text, log.empty() ? "; " : "", "its last console lines:\n", console);
  }
  if (log.empty() && console.empty()) {
    absl::StrAppend(&text, "; it printed nothing on its console");
  }
  return absl::Status(status.code(), text);
}

}  // namespace voidbox
