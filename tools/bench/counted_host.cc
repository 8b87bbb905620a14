#include "tools/bench/counted_host.h"

#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/errno_status.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/unix_socket.h"
#include "sandbox/emulated_host/host.pb.h"
#include "sandbox/emulated_host/hostd_up.h"
#include "tools/bench/qemu_repair.h"

namespace voidbox::bench {
namespace {

constexpr size_t kEntropyBytes = 64;
constexpr size_t kConsoleLinesInErrors = 20;
constexpr int kExitSignalBase = 128;

}  // namespace

absl::StatusOr<int> CountedHost::Run(EmulatedMachine machine,
                                     const std::vector<std::string>& argv) {
  machine.clock = EmulatedMachine::Clock::kCounted;
  home_ = machine.home;
  argv_ = argv;
  RETURN_IF_ERROR(Start(machine));
  RETURN_IF_ERROR(loop_.Run());
  return result_.value_or(absl::InternalError("the loop ended early"));
}

absl::Status CountedHost::Start(const EmulatedMachine& machine) {
  LogInfo(
      "no KVM that could be measured here: starting an emulated KVM host whose clock counts "
      "instructions (half a minute, or some on a busy machine)");
  ASSIGN_OR_RETURN(RunningQemu qemu, StartQemu(machine, UniqueFd()));
  qemu_.emplace(std::move(qemu));
  ASSIGN_OR_RETURN(console_watch_, loop_.Add(qemu_->console.get(), EPOLLIN,
                                             [this](uint32_t) { Expect(OnConsole()); }));
  ASSIGN_OR_RETURN(qemu_watch_, loop_.Add(qemu_->process.pidfd(), EPOLLIN, [this](uint32_t) {
    qemu_watch_.Reset();
    Expect(OnConsole());
    const auto status = qemu_->process.Wait();
    Finish(absl::UnavailableError(
        absl::StrCat("QEMU has ended: ", status.ok() ? DescribeWaitStatus(*status) : "unknown",
                     "\n", console_tail_.LastLines(kConsoleLinesInErrors))));
  }));
  ASSIGN_OR_RETURN(mux_, Mux::Create(loop_, std::move(qemu_->port), {}, nullptr,
                                     [this](const absl::Status& status) { Expect(status); }));
  return absl::OkStatus();
}

absl::Status CountedHost::OnConsole() {
  char bytes[4096];
  for (;;) {
    const ssize_t got = ::read(qemu_->console.get(), bytes, sizeof(bytes));
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) console_watch_.Reset();
    if (got <= 0) return absl::OkStatus();
    const absl::string_view text(bytes, static_cast<size_t>(got));
    console_tail_.Append(text);
    if (up_) continue;
    absl::StrAppend(&console_text_, text);
    if (!absl::StrContains(console_text_, kHostdUp)) continue;
    up_ = true;
    console_text_.clear();
    if (const absl::Status repaired = RepairEventInjection(qemu_->process.pid()); !repaired.ok()) {
      LogWarning("QEMU's injection of interrupts is not repaired, so that a guest may hang: ",
                 repaired.message());
    }
    RETURN_IF_ERROR(SendSetup());
  }
}

absl::Status CountedHost::SendSetup() {
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

absl::Status CountedHost::OnSetupReply() {
  char bytes[4096];
  const ssize_t got = ::read(setup_stream_.get(), bytes, sizeof(bytes));
  if (got < 0) return ErrnoStatus("read of the host's reply");
  if (got == 0) return absl::DataLossError("the emulated host did not answer its set-up");
  setup_reader_.Append(absl::string_view(bytes, static_cast<size_t>(got)));
  ASSIGN_OR_RETURN(const auto payload, setup_reader_.Next());
  if (!payload.has_value()) return absl::OkStatus();
  host::HostSetupReply reply;
  if (!reply.ParseFromArray(payload->data(), static_cast<int>(payload->size()))) {
    return absl::DataLossError("the emulated host's answer to its set-up is not a message");
  }
  if (!reply.error().empty()) return absl::InternalError(reply.error());
  setup_watch_.Reset();
  setup_stream_.Reset();
  return StartCommand();
}

absl::Status CountedHost::StartCommand() {
  LogInfo("the emulated host is up");
  ASSIGN_OR_RETURN(auto pair, UnixSocketPair());
  RETURN_IF_ERROR(mux_->Open(std::move(pair.first)));
  agent::Request request;
  for (const std::string& argument : argv_) request.mutable_exec()->add_argv(argument);
  ASSIGN_OR_RETURN(
      session_,
      ExecSession::Start(
          loop_, std::move(pair.second), std::nullopt, std::move(request), {.input = -1},
          {.ended = [this](const absl::StatusOr<agent::ExecEnded>& ended) { OnEnded(ended); }}));
  return absl::OkStatus();
}

void CountedHost::OnEnded(const absl::StatusOr<agent::ExecEnded>& ended) {
  if (!ended.ok()) return Finish(ended.status());
  switch (ended->reason()) {
    case agent::ExecEnded::EXITED:
      return Finish(static_cast<int>(ended->exit_code()));
    case agent::ExecEnded::NOT_STARTED:
      return Finish(absl::UnavailableError(ended->message()));
    default:
      return Finish(kExitSignalBase + static_cast<int>(ended->signal()));
  }
}

void CountedHost::Expect(const absl::Status& status) {
  if (!status.ok()) Finish(status);
}

void CountedHost::Finish(absl::StatusOr<int> result) {
  if (!result_.has_value()) result_ = std::move(result);
  loop_.Stop();
}

}  // namespace voidbox::bench
