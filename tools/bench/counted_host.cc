#include "tools/bench/counted_host.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/unix_socket.h"

namespace voidbox::bench {
namespace {

constexpr int kExitSignalBase = 128;
// It takes half a minute on an idle machine.
constexpr absl::Duration kStartLimit = absl::Minutes(10);

}  // namespace

absl::StatusOr<int> CountedHost::Run(EmulatedMachine machine,
                                     const std::vector<std::string>& argv) {
  LogInfo(
      "no KVM that could be measured here: starting an emulated KVM host whose clock counts "
      "instructions (half a minute, or some on a busy machine)");
  EmulatedHost::Options options;
  options.machine = std::move(machine);
  options.machine.clock = EmulatedMachine::Clock::kCounted;
  options.start_limit = kStartLimit;
  EmulatedHost::Handlers handlers;
  handlers.running = [this, &argv] {
    if (const absl::Status started = StartCommand(argv); !started.ok()) Finish(started);
  };
  handlers.ended = [this](const absl::Status& why) {
    Finish(absl::Status(why.code(), absl::StrCat(why.message(), "\n", host_->LastLines())));
  };
  ASSIGN_OR_RETURN(host_, EmulatedHost::Start(loop_, std::move(options), std::move(handlers)));
  RETURN_IF_ERROR(loop_.Run());
  return result_.value_or(absl::InternalError("the loop ended early"));
}

absl::Status CountedHost::StartCommand(const std::vector<std::string>& argv) {
  LogInfo("the emulated host is up");
  ASSIGN_OR_RETURN(auto pair, UnixSocketPair());
  RETURN_IF_ERROR(host_->Open(std::move(pair.first)));
  agent::Request request;
  for (const std::string& argument : argv) request.mutable_exec()->add_argv(argument);
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

void CountedHost::Finish(absl::StatusOr<int> result) {
  if (!result_.has_value()) result_ = std::move(result);
  loop_.Stop();
}

}  // namespace voidbox::bench
