#include "sandbox/emulated_host/broker.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/unix_socket.h"
#include "sandbox/emulated_host/hostd_up.h"

namespace voidbox {
namespace {

constexpr size_t kMaxRequestBytes = 64 << 10;
constexpr size_t kMaxConsoleLineBytes = 4096;
constexpr size_t kEntropyBytes = 64;
constexpr size_t kConsoleLinesInErrors = 20;

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
  std::unique_ptr<Broker> broker(
      new Broker(loop, std::move(listener), std::move(options), std::move(ended)));
  Broker* const self = broker.get();
  ASSIGN_OR_RETURN(broker->idle_timer_, loop.AddTimer([self] { self->End(absl::OkStatus()); }));
  ASSIGN_OR_RETURN(broker->start_timer_, loop.AddTimer([self] {
    self->End(absl::DeadlineExceededError(
        absl::StrCat("not up after ", absl::FormatDuration(self->options_.start_limit))));
  }));
  ASSIGN_OR_RETURN(broker->listener_watch_, loop.Add(broker->listener_.get(), EPOLLIN,
                                                     [self](uint32_t) { self->OnListener(); }));
  // Once the loop runs, so that commands can be told of a failure.
  loop.Post([self] {
    const absl::Status status = self->StartMachine();
    if (!status.ok()) self->End(status);
  });
  return broker;
}

Broker::Broker(EventLoop& loop, UniqueFd listener, Options options, EndHandler ended)
    : loop_(loop),
      listener_(std::move(listener)),
      options_(std::move(options)),
      ended_(std::move(ended)) {}

absl::Status Broker::StartMachine() {
  RETURN_IF_ERROR(start_timer_.Set(options_.start_limit));
  ASSIGN_OR_RETURN(const std::string key, StateKey(options_.machine, options_.image_digest));
  saved_state_.emplace(options_.cache, key);
  absl::StatusOr<std::optional<UniqueFd>> state = saved_state_->Open();
  if (!state.ok()) LogWarning("saved state: ", state.status().message());
  UniqueFd file;
  if (state.ok() && state->has_value()) file = *std::move(*state);
  from_saved_state_ = static_cast<bool>(file);
  TellProgress(from_saved_state_
                   ? "starting the emulated KVM host"
                   : "starting the emulated KVM host; this first time it boots (about 10 s)");
  ASSIGN_OR_RETURN(RunningQemu qemu, StartQemu(options_.machine, std::move(file)));
  qemu_.emplace(std::move(qemu));
  ASSIGN_OR_RETURN(console_watch_,
                   loop_.Add(qemu_->console.get(), EPOLLIN, [this](uint32_t) { OnConsole(); }));
  ASSIGN_OR_RETURN(qemu_watch_, loop_.Add(qemu_->process.pidfd(), EPOLLIN, [this](uint32_t) {
    OnConsole();
    const auto status = qemu_->process.Wait();
    End(absl::UnavailableError(absl::StrCat(
        "QEMU has ended with ", status.ok() ? DescribeWaitStatus(*status) : "an unknown status")));
  }));
  ASSIGN_OR_RETURN(mux_, Mux::Create(loop_, std::move(qemu_->port), {}, nullptr,
                                     [this](const absl::Status& status) { End(status); }));
  mux_->set_count_handler([this](size_t) { UpdateIdle(); });
  if (from_saved_state_) SendSetup();
  return absl::OkStatus();
}

void Broker::OnConsole() {
  char bytes[4096];
  for (;;) {
    const ssize_t got = ::read(qemu_->console.get(), bytes, sizeof(bytes));
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) console_watch_.Reset();
    if (got <= 0) return;
    const absl::string_view text(bytes, static_cast<size_t>(got));
    console_tail_.Append(text);
    if (hostd_up_ || from_saved_state_) continue;
    console_line_.append(text.data(), text.size());
    if (absl::StrContains(console_line_, kHostdUp)) return OnHostdUp();
    if (console_line_.size() > kMaxConsoleLineBytes) {
      console_line_.erase(0, console_line_.size() - kMaxConsoleLineBytes / 2);
    }
  }
}

void Broker::OnHostdUp() {
  hostd_up_ = true;
  console_line_.clear();
  TellProgress("saving its state, so that it starts within seconds from now on");
  const auto saved = [this](const absl::Status& status) {
    absl::Status result = status;
    if (result.ok()) result = state_writer_->Commit();
    if (!result.ok()) LogWarning("state of the host: ", result.message());
    state_writer_.reset();
    saver_.reset();
    SendSetup();
  };
  auto writer = saved_state_->Create();
  if (!writer.ok()) return saved(writer.status());
  state_writer_.emplace(*std::move(writer));
  UniqueFd file(::fcntl(state_writer_->fd(), F_DUPFD_CLOEXEC, 0));
  auto saver = StateSaver::Start(loop_, std::move(qemu_->monitor), std::move(file), saved);
  if (!saver.ok()) return saved(saver.status());
  saver_ = *std::move(saver);
}

void Broker::SendSetup() {
  host::HostSetup setup;
  setup.set_home(options_.machine.home);
  setup.set_realtime_ns(static_cast<uint64_t>(absl::ToUnixNanos(absl::Now())));
  std::string entropy(kEntropyBytes, '\0');
  if (::getrandom(entropy.data(), entropy.size(), 0) != static_cast<ssize_t>(entropy.size())) {
    return End(ErrnoStatus("getrandom"));
  }
  setup.set_entropy(entropy);
  auto pair = UnixSocketPair();
  if (!pair.ok()) return End(pair.status());
  setup_stream_ = std::move(pair->second);
  absl::Status status = mux_->Open(std::move(pair->first));
  if (status.ok()) status = WriteFrame(setup_stream_.get(), setup);
  if (!status.ok()) return End(status);
  auto watch = loop_.Add(setup_stream_.get(), EPOLLIN, [this](uint32_t) {
    const absl::Status replied = OnSetupReply();
    if (!replied.ok()) End(replied);
  });
  if (!watch.ok()) return End(watch.status());
  setup_watch_ = *std::move(watch);
}

absl::Status Broker::OnSetupReply() {
  char bytes[4096];
  const ssize_t got = ::read(setup_stream_.get(), bytes, sizeof(bytes));
  if (got < 0) return ErrnoStatus("read of the host's reply");
  if (got == 0) return absl::DataLossError("the host did not answer its set-up");
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
  OnRunning();
  return absl::OkStatus();
}

void Broker::OnRunning() {
  running_ = true;
  start_took_ = absl::Now() - started_;
  start_timer_.Cancel();
  LogInfo(from_saved_state_ ? "started from the saved state in " : "booted in ",
          absl::FormatDuration(start_took_));
  for (auto client = clients_.begin(); client != clients_.end();) {
    const auto next = std::next(client);
    if (client->waits_for_call) {
      const absl::Status status = OpenCall(client);
      if (!status.ok()) LogWarning("call: ", status.message());
    }
    client = next;
  }
  UpdateIdle();
}

void Broker::OnListener() {
  auto socket = AcceptUnix(listener_.get());
  if (!socket.ok()) return LogWarning(socket.status().message());
  if (!*socket) return;
  const auto client = clients_.emplace(clients_.end());
  client->socket = *std::move(socket);
  client->reader = FrameReader(kMaxRequestBytes);
  auto watch =
      loop_.Add(client->socket.get(), EPOLLIN, [this, client](uint32_t) { OnClient(client); });
  if (!watch.ok()) {
    LogWarning(watch.status().message());
    clients_.erase(client);
    return;
  }
  client->watch = *std::move(watch);
  UpdateIdle();
}

void Broker::OnClient(Clients::iterator client) {
  char bytes[4096];
  const ssize_t got = ::read(client->socket.get(), bytes, sizeof(bytes));
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  // A command that waits for its call has nothing to say.
  if (got <= 0 || client->waits_for_call) {
    clients_.erase(client);
    return UpdateIdle();
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
  if (status.ok()) return;
  Send(client->socket.get(), ErrorReply(status));
  clients_.erase(client);
  UpdateIdle();
}

absl::Status Broker::HandleRequest(Clients::iterator client, const host::HostRequest& request) {
  host::HostReply reply;
  switch (request.request_case()) {
    case host::HostRequest::kOpen:
      if (running_) return OpenCall(client);
      client->waits_for_call = true;
      reply.set_progress(progress_);
      if (!progress_.empty()) Send(client->socket.get(), reply);
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

absl::Status Broker::OpenCall(Clients::iterator client) {
  host::HostReply reply;
  reply.mutable_opened();
  Send(client->socket.get(), reply);
  client->watch.Reset();
  absl::Status status = mux_->Open(std::move(client->socket));
  clients_.erase(client);
  UpdateIdle();
  return status;
}

host::Status Broker::Status() const {
  host::Status status;
  status.set_state(running_ ? host::Status::RUNNING : host::Status::STARTING);
  status.set_broker_pid(::getpid());
  if (qemu_.has_value()) status.set_qemu_pid(qemu_->process.pid());
  status.set_calls(running_ ? static_cast<uint32_t>(mux_->stream_count()) : 0);
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
  const bool busy = !running_ || mux_->stream_count() > 0;
  if (busy) return idle_timer_.Cancel();
  const absl::Status status = idle_timer_.Set(options_.idle_limit);
  if (!status.ok()) End(status);
}

void Broker::End(const absl::Status& status) {
  if (!ended_) return;
  listener_watch_.Reset();
  absl::Status explained = status;
  if (!status.ok()) {
    if (qemu_.has_value()) OnConsole();  // its last words
    std::string message = absl::StrCat("the emulated KVM host: ", status.message());
    const std::string lines = console_tail_.LastLines(kConsoleLinesInErrors);
    if (!lines.empty()) absl::StrAppend(&message, "; its last lines:\n", lines);
    explained = absl::Status(status.code(), message);
    for (const Client& client : clients_) {
      if (client.waits_for_call) Send(client.socket.get(), ErrorReply(explained));
    }
  }
  loop_.Post([ended = std::exchange(ended_, nullptr), explained] { ended(explained); });
}

}  // namespace voidbox
