#include "tools/bench/running_vm.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/ports.h"
#include "base/errno_status.h"
#include "base/frame.h"
#include "base/io.h"
#include "base/pipe.h"
#include "base/status_macros.h"
#include "base/unix_socket.h"
#include "vmm/vmm.pb.h"

namespace voidbox::bench {
namespace {

// As the VMM sees them.
constexpr int kConfigFd = 3;
constexpr int kEventFd = 4;
constexpr int kConsoleFd = 1;

// For a guest that hangs: some minutes of an emulated host on a busy machine.
constexpr int kPollMs = 300'000;
constexpr size_t kConsoleLinesInErrors = 20;
// Of what a guest prints; none that is measured comes near it.
constexpr size_t kMaxConsoleBytes = 1 << 20;

bool HasVsock(VmmKind kind) { return kind != VmmKind::kQemuMicrovm; }

}  // namespace

Guest GuestOf(const Vmms& vmms, VmmKind kind) {
  Guest guest = vmms.guest;
  if (kind != VmmKind::kOtherVoidbox) return guest;
  guest.kernel = vmms.other_kernel;
  if (!guest.initramfs.empty()) guest.initramfs = vmms.other_initramfs;
  return guest;
}

int64_t MonotonicNs() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

bool SignReader::Append(absl::string_view text) {
  for (const char c : text) {
    if (!begun_) {
      begun_ = c == 'I';
    } else if (!clock_us_.has_value() && absl::ascii_isdigit(c)) {
      digits_.push_back(c);
    } else if (!clock_us_.has_value()) {
      uint64_t clock = 0;
      if (absl::SimpleAtoi(digits_, &clock)) {
        clock_us_ = clock;
      } else {
        begun_ = false;  // an I in a message of the kernel
      }
      digits_.clear();
    }
  }
  return begun_;
}

absl::StatusOr<std::unique_ptr<RunningVm>> RunningVm::Start(VmmKind kind, const Vmms& vmms,
                                                            const Stage& stage) {
  std::string directory = absl::StrCat(stage.path(), "/", JsonName(kind));
  if (::mkdir(directory.c_str(), 0700) != 0) return ErrnoStatus(directory);
  std::unique_ptr<RunningVm> vm(new RunningVm(kind, std::move(directory)));
  if (HasVsock(kind)) {
    ASSIGN_OR_RETURN(vm->ready_listener_,
                     ListenUnix(AT_FDCWD, absl::StrCat(vm->vsock_socket(), "_", kReadyPort)));
  }
  RETURN_IF_ERROR(vm->Spawn(vmms));
  return vm;
}

RunningVm::~RunningVm() {
  process_ = ChildProcess();  // ends it
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string RunningVm::vsock_socket() const {
  return absl::StrCat(directory_, "/", VsockSocketName(kind_));
}

absl::Status RunningVm::Spawn(const Vmms& vmms) {
  ASSIGN_OR_RETURN(Pipe console, NewPipe());
  ASSIGN_OR_RETURN(Pipe events, NewPipe());
  ASSIGN_OR_RETURN(Pipe config, NewPipe());
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return ErrnoStatus("/dev/null");
  SpawnOptions spawn;
  const Guest guest = GuestOf(vmms, kind_);
  spawn.descriptors = {{null.get(), 0}, {console.write.get(), kConsoleFd}, {null.get(), 2}};
  switch (kind_) {
    case VmmKind::kVoidbox:
    case VmmKind::kOtherVoidbox: {
      spawn.argv = VoidboxCommand(kind_ == VmmKind::kVoidbox ? vmms.voidbox : vmms.other_voidbox,
                                  kConfigFd, kEventFd);
      spawn.descriptors.push_back({config.read.get(), kConfigFd});
      spawn.descriptors.push_back({events.write.get(), kEventFd});
      // It is less than a pipe holds.
      RETURN_IF_ERROR(WriteFrame(config.write.get(), VoidboxConfig(guest, directory_, kConsoleFd)));
      break;
    }
    case VmmKind::kFirecracker: {
      const std::string file = absl::StrCat(directory_, "/config.json");
      RETURN_IF_ERROR(WriteFileAtomically(file, FirecrackerConfig(guest, directory_)));
      RETURN_IF_ERROR(WriteFileAtomically(absl::StrCat(directory_, "/log"), ""));
      spawn.argv = FirecrackerCommand(vmms.firecracker, directory_);
      break;
    }
    case VmmKind::kQemuMicrovm:
      spawn.argv = QemuMicrovmCommand(vmms.qemu, vmms.qemu_firmware, guest);
      break;
  }
  gives_sign_ = guest.gives_sign;
  times_.spawn = MonotonicNs();
  ASSIGN_OR_RETURN(process_, ChildProcess::Spawn(spawn));
  console_ = std::move(console.read);
  if (IsVoidbox(kind_)) events_ = std::move(events.read);
  return absl::OkStatus();
}

bool RunningVm::Ready() const {
  return (!gives_sign_ || sign_.clock_us().has_value()) &&
         (!ready_listener_ || times_.agent != 0) && (!IsVoidbox(kind_) || times_.enter != 0);
}

absl::Status RunningVm::AwaitReady() {
  return Await([this] { return Ready(); });
}

absl::StatusOr<std::string> RunningVm::AwaitConsole(absl::string_view end) {
  RETURN_IF_ERROR(Await([this, end] { return absl::StrContains(console_text_, end); }));
  return console_text_;
}

absl::Status RunningVm::Await(absl::FunctionRef<bool()> done) {
  while (!done()) {
    // A negative descriptor is not waited for.
    std::array<pollfd, 4> wait = {{{console_.get(), POLLIN, 0},
                                   {events_.get(), POLLIN, 0},
                                   {times_.agent == 0 ? ready_listener_.get() : -1, POLLIN, 0},
                                   {process_.pidfd(), POLLIN, 0}}};
    const int ready = ::poll(wait.data(), wait.size(), kPollMs);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return ErrnoStatus("poll");
    if (ready == 0) return Failed("the guest hangs");
    if (wait[0].revents != 0) RETURN_IF_ERROR(HandleConsole());
    if (wait[1].revents != 0) RETURN_IF_ERROR(HandleEvents());
    if (wait[2].revents != 0) RETURN_IF_ERROR(HandleAgent());
    if (wait[3].revents != 0 && !done()) return Failed("the VMM has ended");
  }
  return absl::OkStatus();
}

absl::Status RunningVm::HandleConsole() {
  char bytes[4096];
  const ssize_t got = ::read(console_.get(), bytes, sizeof(bytes));
  if (got < 0) return errno == EINTR ? absl::OkStatus() : ErrnoStatus("read of the console");
  if (got == 0) return Failed("the console was closed");
  const int64_t now = MonotonicNs();
  const absl::string_view text(bytes, static_cast<size_t>(got));
  console_tail_.Append(text);
  if (text.size() > kMaxConsoleBytes - console_text_.size()) return Failed("it prints no end");
  absl::StrAppend(&console_text_, text);
  if (!sign_.Append(text)) {
    times_.init = 0;
  } else if (times_.init == 0) {
    times_.init = now;
  }
  return absl::OkStatus();
}

absl::Status RunningVm::HandleEvents() {
  vmm::VmEvent event;
  if (!ReadFrame(events_.get(), event).ok()) {
    events_.Reset();
    return absl::OkStatus();
  }
  if (event.has_stopped()) return Failed(event.stopped().message());
  if (event.has_started()) times_.enter = static_cast<int64_t>(event.time_ns());
  return absl::OkStatus();
}

absl::Status RunningVm::HandleAgent() {
  ASSIGN_OR_RETURN(ready_connection_, AcceptUnix(ready_listener_.get()));
  if (ready_connection_) times_.agent = MonotonicNs();
  return absl::OkStatus();
}

absl::Status RunningVm::Failed(absl::string_view what) const {
  return absl::UnavailableError(absl::StrCat(DisplayName(kind_), ": ", what,
                                             "; the console's last lines:\n",
                                             console_tail_.LastLines(kConsoleLinesInErrors)));
}

absl::StatusOr<uint64_t> RunningVm::ReadExits() const {
  ASSIGN_OR_RETURN(const UniqueFd control,
                   ConnectUnix(AT_FDCWD, absl::StrCat(directory_, "/control.sock")));
  if (::fcntl(control.get(), F_SETFL, 0) != 0) return ErrnoStatus("fcntl(F_SETFL)");
  vmm::ControlRequest request;
  request.mutable_metrics();
  RETURN_IF_ERROR(WriteFrame(control.get(), request));
  vmm::ControlReply reply;
  RETURN_IF_ERROR(ReadFrame(control.get(), reply));
  if (!reply.error().empty()) return absl::InternalError(reply.error());
  return reply.metrics().vcpu_exits();
}

}  // namespace voidbox::bench
