#include "sandbox/emulated_host/emulated_host.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/errno_status.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/unix_socket.h"
#include "sandbox/emulated_host/host.pb.h"
#include "sandbox/emulated_host/hostd_up.h"
#include "sandbox/emulated_host/qemu_repair.h"

namespace voidbox {
namespace {

constexpr size_t kMaxConsoleLineBytes = 4096;
constexpr size_t kEntropyBytes = 64;
constexpr size_t kLastLines = 20;
// What goes wrong may be the first sign of QEMU's end, which comes soon then and says more.
constexpr absl::Duration kQemuEndGrace = absl::Seconds(1);

}  // namespace

absl::StatusOr<std::unique_ptr<EmulatedHost>> EmulatedHost::Start(EventLoop& loop, Options options,
                                                                  Handlers handlers) {
  UniqueFd state = std::move(options.state);
  const bool from_saved_state = static_cast<bool>(state);
  ASSIGN_OR_RETURN(RunningQemu qemu, StartQemu(options.machine, std::move(state)));
  // Before its first guest.
  if (const absl::Status repaired = RepairEventInjection(qemu.process.pid()); !repaired.ok()) {
    LogWarning("QEMU's injection of interrupts is not repaired, so that a guest may hang: ",
               repaired.message());
  }
  std::unique_ptr<EmulatedHost> host(new EmulatedHost(loop, std::move(options), from_saved_state,
                                                      std::move(handlers), std::move(qemu)));
  RETURN_IF_ERROR(host->Watch());
  if (from_saved_state) {
    // A QEMU that has ended already is one that ends on its state, like those that do so later.
    if (const absl::Status sent = host->SendSetup(); !sent.ok()) host->Expect(sent);
  }
  return host;
}

EmulatedHost::EmulatedHost(EventLoop& loop, Options options, bool from_saved_state,
                           Handlers handlers, RunningQemu qemu)
    : loop_(loop),
      home_(options.machine.home),
      from_saved_state_(from_saved_state),
      save_to_(std::move(options.save_to)),
      start_limit_(options.start_limit),
      handlers_(std::move(handlers)),
      qemu_(std::move(qemu)) {}

absl::Status EmulatedHost::Watch() {
  ASSIGN_OR_RETURN(end_timer_, loop_.AddTimer([this] {
    // It may destroy us, and what is ours.
    const auto ended = std::exchange(handlers_.ended, nullptr);
    const absl::Status why = end_;
    if (ended) ended(why);
  }));
  ASSIGN_OR_RETURN(start_timer_, loop_.AddTimer([this] {
    Expect(absl::DeadlineExceededError(
        absl::StrCat("not up after ", absl::FormatDuration(start_limit_))));
  }));
  RETURN_IF_ERROR(start_timer_.Set(start_limit_));
  ASSIGN_OR_RETURN(console_watch_,
                   loop_.Add(qemu_.console.get(), EPOLLIN, [this](uint32_t) { OnConsole(); }));
  ASSIGN_OR_RETURN(qemu_watch_,
                   loop_.Add(qemu_.process.pidfd(), EPOLLIN, [this](uint32_t) { OnQemuEnded(); }));
  ASSIGN_OR_RETURN(mux_, Mux::Create(loop_, std::move(qemu_.port), {}, nullptr,
                                     [this](const absl::Status& status) { Expect(status); }));
  mux_->set_count_handler([this](size_t) {
    if (running_ && handlers_.calls_changed) handlers_.calls_changed();
  });
  return absl::OkStatus();
}

void EmulatedHost::OnConsole() {
  char bytes[4096];
  for (;;) {
    const ssize_t got = ::read(qemu_.console.get(), bytes, sizeof(bytes));
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) console_watch_.Reset();
    if (got <= 0) return;
    const absl::string_view text(bytes, static_cast<size_t>(got));
    console_tail_.Append(text);
    if (hostd_up_ || from_saved_state_) continue;
    absl::StrAppend(&console_line_, text);
    if (absl::StrContains(console_line_, kHostdUp)) {
      OnHostdUp();
    } else if (console_line_.size() > kMaxConsoleLineBytes) {
      console_line_.erase(0, console_line_.size() - kMaxConsoleLineBytes / 2);
    }
  }
}

void EmulatedHost::OnQemuEnded() {
  qemu_watch_.Reset();
  OnConsole();  // its last words
  const auto status = qemu_.process.Wait();
  End(absl::UnavailableError(absl::StrCat(
          "QEMU has ended with ", status.ok() ? DescribeWaitStatus(*status) : "an unknown status")),
      absl::ZeroDuration());
}

void EmulatedHost::OnHostdUp() {
  hostd_up_ = true;
  console_line_.clear();
  if (!save_to_.has_value()) return Expect(SendSetup());
  auto writer = save_to_->Create();
  if (!writer.ok()) return OnStateSaved(writer.status());
  state_writer_.emplace(*std::move(writer));
  UniqueFd file(::fcntl(state_writer_->fd(), F_DUPFD_CLOEXEC, 0));
  auto saver = StateSaver::Start(loop_, std::move(qemu_.monitor), std::move(file),
                                 [this](const absl::Status& status) { OnStateSaved(status); });
  if (!saver.ok()) return OnStateSaved(saver.status());
  saver_ = *std::move(saver);
}

void EmulatedHost::OnStateSaved(const absl::Status& status) {
  // First: while the state goes to the disk, the machine sets itself up.
  Expect(SendSetup());
  absl::Status result = status;
  if (result.ok()) result = state_writer_->Commit();
  // Works without; the next start boots again.
  if (!result.ok()) LogWarning("state of the host: ", result.message());
  state_writer_.reset();
  saver_.reset();
}

absl::Status EmulatedHost::SendSetup() {
  host::HostSetup setup;
  setup.set_home(home_);
  setup.set_realtime_ns(static_cast<uint64_t>(absl::ToUnixNanos(absl::Now())));
  std::string entropy(kEntropyBytes, '\0');
  if (::getrandom(entropy.data(), entropy.size(), 0) != static_cast<ssize_t>(entropy.size())) {
    return ErrnoStatus("getrandom");
  }
  setup.set_entropy(entropy);
  ASSIGN_OR_RETURN(auto pair, UnixSocketPair());
  setup_stream_ = std::move(pair.second);
  RETURN_IF_ERROR(mux_->Open(std::move(pair.first)));
  RETURN_IF_ERROR(WriteFrame(setup_stream_.get(), setup));
  ASSIGN_OR_RETURN(setup_watch_, loop_.Add(setup_stream_.get(), EPOLLIN,
                                           [this](uint32_t) { Expect(OnSetupReply()); }));
  return absl::OkStatus();
}

absl::Status EmulatedHost::OnSetupReply() {
  char bytes[4096];
  const ssize_t got = ::read(setup_stream_.get(), bytes, sizeof(bytes));
  if (got < 0) return ErrnoStatus("read of the host's reply");
  if (got == 0) {
    setup_watch_.Reset();
    return absl::DataLossError("the host did not answer its set-up");
  }
  setup_reader_.Append(absl::string_view(bytes, static_cast<size_t>(got)));
  ASSIGN_OR_RETURN(const auto payload, setup_reader_.Next());
  if (!payload.has_value()) return absl::OkStatus();
  host::HostSetupReply reply;
  if (!reply.ParseFromArray(payload->data(), static_cast<int>(payload->size()))) {
    return absl::DataLossError("the host's answer to its set-up is not a message");
  }
  if (!reply.error().empty()) return absl::InternalError(reply.error());
  setup_watch_.Reset();
  setup_stream_.Reset();
  start_timer_.Cancel();
  running_ = true;
  handlers_.running();
  return absl::OkStatus();
}

void EmulatedHost::Expect(const absl::Status& status) {
  if (!status.ok() && end_.ok()) End(status, kQemuEndGrace);
}

void EmulatedHost::End(const absl::Status& status, absl::Duration grace) {
  end_ = status;
  start_timer_.Cancel();
  const absl::Status set = end_timer_.Set(grace);
  Check(set.ok(), set.message());
}

std::string EmulatedHost::LastLines() const { return console_tail_.LastLines(kLastLines); }

}  // namespace voidbox
