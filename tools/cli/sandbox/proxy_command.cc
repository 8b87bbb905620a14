#include "tools/cli/sandbox/proxy_command.h"

#include <signal.h>
#include <unistd.h>

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/acceptor.h"
#include "base/descriptor_limit.h"
#include "base/event_loop.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "sandbox/vsock_dial.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/relay.h"
#include "tools/cli/sandbox/proxy_listener.h"
#include "tools/cli/sandbox/sandboxes.h"
#include "tools/cli/signal_source.h"

namespace voidbox {
namespace {

// Clients beyond them wait for their turn.
constexpr size_t kMaxClients = 256;
// A client, and its way to the guest; and what the proxy itself needs.
constexpr uint64_t kDescriptors = 2 * kMaxClients + 64;

// One client's way to the port, through the VMM's socket. Ends by calling what it was made with.
class Passage {
 public:
  Passage(EventLoop& loop, Relay::Ends client, std::function<void(const absl::Status&)> done)
      : loop_(loop), client_(client), done_(std::move(done)) {}

  absl::Status Start(UniqueFd vsock, uint32_t port) {
    ASSIGN_OR_RETURN(dial_, VsockDial::Start(loop_, std::move(vsock), port,
                                             [this](absl::StatusOr<UniqueFd> stream) {
                                               OnStream(std::move(stream));
                                             }));
    return absl::OkStatus();
  }

 private:
  void OnStream(absl::StatusOr<UniqueFd> stream) {
    absl::Status status = stream.status();
    if (status.ok()) {
      stream_ = *std::move(stream);
      relay_.emplace(loop_, client_, Relay::Ends{stream_.get(), stream_.get()},
                     [this] { done_(absl::OkStatus()); });
      status = relay_->Start();
    }
    if (!status.ok()) done_(status);
  }

  EventLoop& loop_;
  const Relay::Ends client_;
  const std::function<void(const absl::Status&)> done_;
  std::unique_ptr<VsockDial> dial_;
  UniqueFd stream_;
  std::optional<Relay> relay_;
};

// Accepts clients until a signal ends it. Belongs to the loop's thread.
class Proxy {
 public:
  Proxy(EventLoop& loop, ProxyListener listener, std::string sandbox, uint32_t port)
      : loop_(loop), listener_(std::move(listener)), sandbox_(std::move(sandbox)), port_(port) {}

  absl::Status Start() {
    ASSIGN_OR_RETURN(signals_, SignalSource::Create(loop_, [this](int number) {
                       exit_status_ = number == SIGTERM ? 0 : kExitSignalBase + number;
                       loop_.Stop();
                     }));
    ASSIGN_OR_RETURN(acceptor_,
                     Acceptor::Create(loop_, listener_.TakeSocket(),
                                      [this](UniqueFd fd) { AddClient(std::move(fd)); }));
    LogInfo("listening at ", listener_.address(), "; Ctrl-C ends it");
    return absl::OkStatus();
  }
  int exit_status() const { return exit_status_; }

 private:
  struct Client {
    UniqueFd socket;
    std::unique_ptr<Passage> passage;
  };

  void AddClient(UniqueFd socket) {
    clients_.push_back({.socket = std::move(socket)});
    if (clients_.size() >= kMaxClients) acceptor_->SetFull(true);
    const auto client = std::prev(clients_.end());
    client->passage =
        std::make_unique<Passage>(loop_, Relay::Ends{client->socket.get(), client->socket.get()},
                                  [this, client](const absl::Status& status) {
                                    if (!status.ok()) LogWarning(status.message());
                                    // Not from inside the passage.
                                    loop_.Post([this, client] { Remove(client); });
                                  });
    auto vsock = ConnectToVsockOf(sandbox_);
    absl::Status status = vsock.status();
    if (status.ok()) status = client->passage->Start(*std::move(vsock), port_);
    if (status.ok()) return;
    LogWarning(status.message());
    Remove(client);
  }

  void Remove(std::list<Client>::iterator client) {
    clients_.erase(client);
    acceptor_->SetFull(false);
  }

  EventLoop& loop_;
  ProxyListener listener_;
  const std::string sandbox_;
  const uint32_t port_;
  int exit_status_ = 0;
  std::list<Client> clients_;
  std::unique_ptr<SignalSource> signals_;
  std::unique_ptr<Acceptor> acceptor_;
};

// Standard input and output are the client.
int JoinStandardStreams(const std::string& name, uint32_t port) {
  auto vsock = ConnectToVsockOf(name);
  if (!vsock.ok()) return ExitStatusOf(vsock.status());
  auto loop = EventLoop::Create();
  if (!loop.ok()) return ExitStatusOf(loop.status());
  absl::Status end;
  Passage passage(**loop, {STDIN_FILENO, STDOUT_FILENO}, [&](const absl::Status& status) {
    end = status;
    (*loop)->Stop();
  });
  absl::Status status = passage.Start(*std::move(vsock), port);
  if (status.ok()) status = (*loop)->Run();
  if (status.ok()) status = end;
  return status.ok() ? 0 : ExitStatusOf(status);
}

int RunProxy(ProxyListener listener, const std::string& sandbox, uint32_t port) {
  if (const auto limit = RaiseDescriptorLimit(kDescriptors); !limit.ok()) {
    return ExitStatusOf(limit.status());
  }
  auto loop = EventLoop::Create();
  if (!loop.ok()) return ExitStatusOf(loop.status());
  Proxy proxy(**loop, std::move(listener), sandbox, port);
  absl::Status status = proxy.Start();
  if (status.ok()) status = (*loop)->Run();
  return status.ok() ? proxy.exit_status() : ExitStatusOf(status);
}

}  // namespace

FlagParser ProxyCommand::AddTo(FlagParser app) {
  const FlagParser proxy =
      app.AddCommand("proxy", "Make a vsock port of a sandbox a socket of this machine");
  proxy.Add("ID", name_, "name, id or beginning of an id").Required();
  proxy.Add("PORT", port_, "the guest's vsock port; the agent's HTTP is on 8080").Required();
  const Flag listen =
      proxy.Add("--listen", listen_, "unix:PATH, or tcp:127.0.0.1:PORT (0 chooses one)")
          .Type("ADDRESS");
  proxy.AddSwitch("--stdio", stdio_, "join standard input and output to it instead")
      .Excludes(listen);
  proxy.SetFooter(
      "Example:\n"
      "  voidbox proxy web 8080 --listen unix:/tmp/web.sock &\n"
      "  curl --unix-socket /tmp/web.sock http://web/health");
  return proxy;
}

int ProxyCommand::Run(const Invocation&) {
  if (stdio_) return JoinStandardStreams(name_, port_);
  if (listen_.empty()) {
    return ExitStatusOf(absl::InvalidArgumentError(
        "say where: --listen unix:PATH, --listen tcp:127.0.0.1:PORT, or --stdio"));
  }
  auto listener = ProxyListener::Open(listen_);
  if (!listener.ok()) return ExitStatusOf(listener.status());
  auto sandboxes = Sandboxes::Open();
  if (!sandboxes.ok()) return ExitStatusOf(sandboxes.status());
  if (const auto record = sandboxes->FindLiving(name_); !record.ok()) {
    return ExitStatusOf(record.status());
  }
  return RunProxy(*std::move(listener), name_, port_);
}

}  // namespace voidbox
