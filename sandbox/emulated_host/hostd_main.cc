// voidbox-hostd: PID 1 of the emulated KVM host. Says on its console when it is as far as a saved
// state can be, then serves the streams that the broker opens: the first one sets the host up, the
// others are calls to run commands.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "agent/call_service.h"
#include "agent/exec_runner.h"
#include "base/event_loop.h"
#include "base/frame.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/unix_socket.h"
#include "base/version.h"
#include "sandbox/emulated_host/host.pb.h"
#include "sandbox/emulated_host/hostd_sandboxes.h"
#include "sandbox/emulated_host/hostd_system.h"
#include "sandbox/emulated_host/hostd_up.h"
#include "sandbox/emulated_host/mux.h"

namespace voidbox {
namespace {

// The broker's streams. Belongs to the loop's thread.
class Hostd {
 public:
  explicit Hostd(EventLoop& loop) : loop_(loop) {}

  absl::Status Start() {
    ASSIGN_OR_RETURN(runner_, ExecRunner::Create(loop_, {.cgroups = {.parent = "/sys/fs/cgroup"},
                                                         .reap = ChildWatcher::Reap::kAll,
                                                         .setting = {.kills_trees = true}}));
    service_ = std::make_unique<CallService>(
        loop_, CallService::Options{.version = kVersion, .handlers = runner_->Handlers()});
    ASSIGN_OR_RETURN(UniqueFd port, OpenBrokerPort());
    ASSIGN_OR_RETURN(mux_, Mux::Create(
                               loop_, std::move(port), {},
                               [this](absl::string_view purpose) { return Accept(purpose); },
                               [this](const absl::Status& status) {
                                 LogError("connection to the broker: ", status.message());
                                 loop_.Stop();
                               }));
    return absl::OkStatus();
  }

 private:
  // The Mux' end of a new stream.
  UniqueFd Accept(absl::string_view purpose) {
    if (!purpose.empty()) return ready_ ? sandboxes_->Answer(purpose) : UniqueFd();
    auto pair = UnixSocketPair();
    if (!pair.ok()) {
      LogError("new stream: ", pair.status().message());
      return UniqueFd();
    }
    if (ready_) {
      ForgetCachedFiles();
      service_->Serve(std::move(pair->second));
    } else {
      ReadSetup(std::move(pair->second));
    }
    return std::move(pair->first);
  }

  void ReadSetup(UniqueFd stream) {
    setup_watch_.Reset();
    setup_stream_ = std::move(stream);
    setup_reader_ = FrameReader();
    auto watch = loop_.Add(setup_stream_.get(), EPOLLIN, [this](uint32_t) { OnSetup(); });
    if (watch.ok()) setup_watch_ = *std::move(watch);
  }

  void OnSetup() {
    char bytes[4096];
    const ssize_t got = ::read(setup_stream_.get(), bytes, sizeof(bytes));
    if (got <= 0) return EndSetup();
    setup_reader_.Append(absl::string_view(bytes, static_cast<size_t>(got)));
    const auto payload = setup_reader_.Next();
    if (!payload.ok()) return EndSetup();
    if (!payload->has_value()) return;
    host::HostSetup setup;
    if (!setup.ParseFromArray((*payload)->data(), static_cast<int>((*payload)->size()))) {
      return EndSetup();
    }
    const absl::Status status = SetUp(setup);
    ready_ = status.ok();
    sandboxes_.emplace(loop_, absl::StrCat(setup.home(), "/sandboxes"));
    host::HostSetupReply reply;
    reply.set_error(std::string(status.message()));
    const absl::Status written = WriteFrame(setup_stream_.get(), reply);
    if (!written.ok()) LogError("reply to the broker: ", written.message());
    EndSetup();
  }

  void EndSetup() {
    setup_watch_.Reset();
    setup_stream_.Reset();
  }

  EventLoop& loop_;
  std::unique_ptr<ExecRunner> runner_;
  std::unique_ptr<CallService> service_;
  std::optional<HostdSandboxes> sandboxes_;  // once set up
  std::unique_ptr<Mux> mux_;
  bool ready_ = false;  // set up
  UniqueFd setup_stream_;
  FrameReader setup_reader_;
  EventLoop::Watch setup_watch_;
};

absl::Status Run() {
  RETURN_IF_ERROR(PrepareMachine());
  ASSIGN_OR_RETURN(const std::unique_ptr<EventLoop> loop, EventLoop::Create());
  Hostd hostd(*loop);
  RETURN_IF_ERROR(hostd.Start());
  LogInfo(kHostdUp);
  return loop->Run();
}

}  // namespace
}  // namespace voidbox

int main() {
  voidbox::SetLogTarget(STDERR_FILENO, "voidbox-hostd");
  const absl::Status status = voidbox::Run();
  if (!status.ok()) voidbox::LogError(status.message());
  voidbox::PowerOff();
}
