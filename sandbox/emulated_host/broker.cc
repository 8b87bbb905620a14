#include "sandbox/emulated_host/broker.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/unix_socket.h"

namespace voidbox {
namespace {

constexpr size_t kMaxRequestBytes = 64 << 10;

host::HostReply ErrorReply(const absl::Status& status) {
  host::HostReply reply;
  reply.set_error(std::string(status.message()));
  return reply;
}

// Replies are small and come one by one: they fit in the socket's buffer, or the command has
// stopped reading and goes without.
void Send(int socket, const host::HostReply& reply) {
  const absl::Status status = WriteFrame(socket, reply);
  if (!status.ok()) LogWarning("reply to a command: ", status.message());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Broker>> Broker::Start(EventLoop& loop, UniqueFd listener,
                                                      Options options, EndHandler ended) {
  std::unique_ptr<Broker> broker(new Broker(loop, std::move(options), std::move(ended)));
  Broker* const self = broker.get();
  ASSIGN_OR_RETURN(broker->idle_timer_, loop.AddTimer([self] { self->End(absl::OkStatus()); }));
  ASSIGN_OR_RETURN(broker->slow_timer_, loop.AddTimer([self] {
    self->TellProgress("the emulated KVM host is still starting, which takes minutes at most");
  }));
  ASSIGN_OR_RETURN(broker->acceptor_,
                   Acceptor::Create(loop, std::move(listener), [self](UniqueFd socket) {
                     self->AddClient(std::move(socket));
                   }));
  broker->UpdateIdle();
  return broker;
}

Broker::Broker(EventLoop& loop, Options options, EndHandler ended)
    : loop_(loop), options_(std::move(options)), ended_(std::move(ended)) {}

absl::Status Broker::StartHost(From from) {
  ASSIGN_OR_RETURN(const std::string key, StateKey(options_.machine, options_.image_digest));
  saved_state_.emplace(options_.cache, key);
  EmulatedHost::Options options;
  options.machine = options_.machine;
  if (from == From::kSavedStateIfAny) {
    auto state = saved_state_->Open();
    if (!state.ok()) LogWarning("saved state: ", state.status().message());
    if (state.ok() && state->has_value()) options.state = **std::move(state);
  }
  from_saved_state_ = static_cast<bool>(options.state);
  options.start_limit = from_saved_state_ ? options_.state_start_limit : options_.boot_limit;
  options.save_to = saved_state_;
  if (from == From::kSavedStateIfAny) {
    TellProgress(from_saved_state_
                     ? "starting the emulated KVM host"
                     : "starting the emulated KVM host; this first time takes some 20 s");
  }
  RETURN_IF_ERROR(slow_timer_.Set(options_.slow_after));
  EmulatedHost::Handlers handlers;
  handlers.running = [this] { OnRunning(); };
  handlers.ended = [this](const absl::Status& status) { OnHostEnded(status); };
  handlers.calls_changed = [this] {
    UpdateIdle();
    acceptor_->Freed();
  };
  ASSIGN_OR_RETURN(host_, EmulatedHost::Start(loop_, std::move(options), std::move(handlers)));
  UpdateIdle();
  return absl::OkStatus();
}

void Broker::OnHostEnded(const absl::Status& status) {
  if (!ended_) return;
  if (running() || !from_saved_state_) return End(status);
  // Whatever is wrong with the state, it would be so the next time.
  LogWarning("from the saved state: ", status.message(), "\n", host_->LastLines());
  host_.reset();
  const absl::Status removed = saved_state_->Remove();
  if (!removed.ok()) LogWarning("saved state: ", removed.message());
  TellProgress(absl::StrCat("the saved state of the emulated KVM host does not start (",
                            status.message(), "); it is removed, and the host boots afresh"));
  const absl::Status started = StartHost(From::kBoot);
  if (!started.ok()) End(started);
}

void Broker::OnRunning() {
  start_took_ = absl::Now() - started_;
  slow_timer_.Cancel();
  LogInfo(from_saved_state_ ? "started from the saved state in " : "booted in ",
          absl::FormatDuration(start_took_));
  for (auto client = clients_.begin(); client != clients_.end();) {
    const auto next = std::next(client);
    if (client->waits_for_call) {
      const absl::Status status = OpenCall(client);
      if (!status.ok()) Refuse(client, status);
    }
    client = next;
  }
  UpdateIdle();
}

void Broker::AddClient(UniqueFd socket) {
  const auto client = clients_.emplace(clients_.end());
  client->socket = std::move(socket);
  client->reader = FrameReader(kMaxRequestBytes);
  auto watch =
      loop_.Add(client->socket.get(), EPOLLIN, [this, client](uint32_t) { OnClient(client); });
  if (!watch.ok()) {
    LogWarning(watch.status().message());
    RemoveClient(client);
    return;
  }
  client->watch = *std::move(watch);
}

void Broker::RemoveClient(Clients::iterator client) {
  clients_.erase(client);
  acceptor_->Freed();
}

void Broker::OnClient(Clients::iterator client) {
  char bytes[4096];
  const ssize_t got = ::read(client->socket.get(), bytes, sizeof(bytes));
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  // A command that waits for its call has nothing to say.
  if (got <= 0 || client->waits_for_call) {
    RemoveClient(client);
    return;
  }
  client->reader.Append(absl::string_view(bytes, static_cast<size_t>(got)));
  const auto payload = client->reader.Next();
  host::HostRequest request;
  absl::Status status = payload.status();
  if (status.ok() && !payload->has_value()) return;
  if (status.ok() &&
      !request.ParseFromArray((*payload)->data(), static_cast<int>((*payload)->size()))) {
    status = absl::InvalidArgumentError("not a request");
  }
  if (status.ok()) status = HandleRequest(client, request);
  if (!status.ok()) Refuse(client, status);
}

absl::Status Broker::HandleRequest(Clients::iterator client, const host::HostRequest& request) {
  host::HostReply reply;
  switch (request.request_case()) {
    case host::HostRequest::kOpen:
      if (running()) return OpenCall(client);
      client->waits_for_call = true;
      WaitForHost(client);
      return absl::OkStatus();
    case host::HostRequest::kHostd:
      if (host_ == nullptr) return absl::NotFoundError("no emulated KVM host is running");
      client->purpose = request.hostd().SerializeAsString();
      if (client->purpose.empty()) return absl::InvalidArgumentError("an empty request to hostd");
      if (running()) return OpenCall(client);
      client->waits_for_call = true;
      WaitForHost(client);
      return absl::OkStatus();
    case host::HostRequest::kStatus:
      *reply.mutable_status() = Status();
      Send(client->socket.get(), reply);
      return absl::OkStatus();
    case host::HostRequest::kStop:
      client->waits_for_call = true;  // its connection ends when all is gone
      End(absl::OkStatus());
      return absl::OkStatus();
    case host::HostRequest::REQUEST_NOT_SET:
      break;
  }
  return absl::UnimplementedError("a request that this broker does not know");
}

// The host starts with the first one that waits for it, who can be told then why it does not.
void Broker::WaitForHost(Clients::iterator client) {
  if (host_ == nullptr) {
    const absl::Status status = StartHost(From::kSavedStateIfAny);
    if (!status.ok()) End(status);
    return;
  }
  host::HostReply reply;
  reply.set_progress(progress_);
  Send(client->socket.get(), reply);
}

absl::Status Broker::OpenCall(Clients::iterator client) {
  const absl::Status can_open = host_->CanOpen();
  // QEMU is ending, and so are we: the client sees its connection end, and asks the next host.
  if (absl::IsFailedPrecondition(can_open)) return absl::OkStatus();
  RETURN_IF_ERROR(can_open);
  host::HostReply reply;
  reply.mutable_opened();
  Send(client->socket.get(), reply);
  client->watch.Reset();
  UniqueFd socket = std::move(client->socket);
  const std::string purpose = client->purpose;
  RemoveClient(client);
  // The command sees its call end.
  const absl::Status status = host_->Open(std::move(socket), purpose);
  if (!status.ok()) LogWarning("call: ", status.message());
  return absl::OkStatus();
}

void Broker::Refuse(Clients::iterator client, const absl::Status& status) {
  Send(client->socket.get(), ErrorReply(status));
  RemoveClient(client);
}

host::Status Broker::Status() const {
  host::Status status;
  status.set_state(running() ? host::Status::RUNNING : host::Status::STARTING);
  status.set_broker_pid(::getpid());
  if (host_ != nullptr) {
    status.set_qemu_pid(host_->qemu_pid());
    status.set_calls(static_cast<uint32_t>(host_->call_count()));
  }
  status.set_uptime_seconds(static_cast<uint64_t>(absl::ToInt64Seconds(absl::Now() - started_)));
  status.set_idle_limit_seconds(static_cast<uint64_t>(absl::ToInt64Seconds(options_.idle_limit)));
  status.set_start_ms(static_cast<uint64_t>(absl::ToInt64Milliseconds(start_took_)));
  status.set_from_saved_state(from_saved_state_);
  return status;
}

void Broker::TellProgress(const std::string& progress) {
  progress_ = progress;
  host::HostReply reply;
  reply.set_progress(progress);
  for (const Client& client : clients_) {
    if (client.waits_for_call) Send(client.socket.get(), reply);
  }
}

void Broker::UpdateIdle() {
  const bool starts = host_ != nullptr && !host_->running();
  const bool busy = starts || (running() && host_->call_count() > 0);
  if (busy) return idle_timer_.Cancel();
  const absl::Status status = idle_timer_.Set(options_.idle_limit);
  if (!status.ok()) End(status);
}

void Broker::End(const absl::Status& status) {
  if (!ended_) return;
  acceptor_->SetFull(true);  // who comes now sees the end when all is gone
  absl::Status explained = status;
  if (!status.ok()) {
    std::string message = absl::StrCat("the emulated KVM host: ", status.message());
    const std::string lines = host_ == nullptr ? "" : host_->LastLines();
    if (!lines.empty()) absl::StrAppend(&message, "; its last lines:\n", lines);
    explained = absl::Status(status.code(), message);
    for (const Client& client : clients_) {
      if (client.waits_for_call) Send(client.socket.get(), ErrorReply(explained));
    }
  }
  loop_.Post([ended = std::exchange(ended_, nullptr), explained] { ended(explained); });
}

}  // namespace voidbox
