#include "agent/agent_call.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

// "OK 4294967295\n" is 14 bytes long.
constexpr size_t kMaxHandshakeBytes = 32;
constexpr size_t kReadBytes = 64 << 10;

}  // namespace

absl::StatusOr<std::unique_ptr<AgentCall>> AgentCall::Start(EventLoop& loop, UniqueFd stream,
                                                            std::optional<uint32_t> vsock_port,
                                                            const agent::Request& request,
                                                            Handlers handlers) {
  std::unique_ptr<AgentCall> call(new AgentCall(loop, std::move(stream), std::move(handlers)));
  if (vsock_port.has_value()) {
    call->handshake_ = true;
    call->out_ = absl::StrCat("CONNECT ", *vsock_port, "\n");
  }
  RETURN_IF_ERROR(AppendFrame(request, call->out_, kMaxRequestBytes));
  RETURN_IF_ERROR(call->Watch(EPOLLIN | EPOLLOUT));
  return call;
}

AgentCall::~AgentCall() {
  if (destroyed_ != nullptr) *destroyed_ = true;
}

absl::Status AgentCall::Send(const agent::ClientFrame& frame) {
  RETURN_IF_ERROR(AppendFrame(frame, out_));
  return ended_ ? absl::OkStatus() : UpdateWatch();
}

void AgentCall::PauseFrames(bool paused) {
  if (paused_ == paused || ended_) return;
  paused_ = paused;
  // Frames that came before the pause are handled later, not under the caller's feet.
  const absl::Status status = !paused && !handling_ ? Watch(EPOLLIN | EPOLLOUT) : UpdateWatch();
  if (!status.ok()) End(status);
}

void AgentCall::OnEvents(uint32_t events) {
  bool destroyed = false;
  destroyed_ = &destroyed;
  if (events & EPOLLOUT) {
    const bool had_room = HasRoom();
    const absl::Status status = Flush();
    // A peer that has closed may have said why: that is read below.
    if (!status.ok()) out_.clear();
    if (!had_room && HasRoom() && handlers_.room) handlers_.room();
    if (destroyed) return;
    HandleFrames();
    if (destroyed) return;
  }
  if (!paused_ && !ended_ && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
    Read();
    if (destroyed) return;
  }
  destroyed_ = nullptr;
  if (ended_) return;
  const absl::Status status = UpdateWatch();
  if (!status.ok()) End(status);
}

void AgentCall::Read() {
  std::string bytes(kReadBytes, '\0');
  const ssize_t got = ::read(stream_.get(), bytes.data(), bytes.size());
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got < 0 && errno != ECONNRESET) return End(ErrnoStatus("connection to the agent"));
  if (got <= 0) {
    if (handshake_) return End(absl::UnavailableError("the guest refused the connection"));
    return End(reader_.AtBoundary()
                   ? absl::OkStatus()
                   : absl::DataLossError("the connection to the agent ended inside a frame"));
  }
  absl::string_view rest(bytes.data(), static_cast<size_t>(got));
  if (handshake_ && !TakeHandshake(rest)) return;
  reader_.Append(rest);
  HandleFrames();
}

bool AgentCall::TakeHandshake(absl::string_view& bytes) {
  const size_t end = bytes.find('\n');
  const absl::string_view piece = bytes.substr(0, end);
  handshake_line_.append(piece.data(), piece.size());
  if (handshake_line_.size() > kMaxHandshakeBytes ||
      (end != absl::string_view::npos && !absl::StartsWith(handshake_line_, "OK "))) {
    End(absl::UnavailableError("the VMM did not answer CONNECT with OK"));
    return false;
  }
  if (end == absl::string_view::npos) return false;
  handshake_ = false;
  bytes.remove_prefix(end + 1);
  return true;
}

void AgentCall::HandleFrames() {
  bool* const destroyed = destroyed_;
  handling_ = true;
  while (!paused_ && !ended_) {
    const auto payload = reader_.Next();
    if (!payload.ok()) {
      End(payload.status());
      break;
    }
    if (!payload->has_value()) break;
    agent::ServerFrame frame;
    if (!frame.ParseFromArray((*payload)->data(), static_cast<int>((*payload)->size()))) {
      End(absl::DataLossError("the agent sent what is not a frame"));
      break;
    }
    handlers_.frame(frame);
    if (*destroyed) return;
  }
  if (!*destroyed) handling_ = false;
}

absl::Status AgentCall::Flush() {
  size_t done = 0;
  while (done < out_.size()) {
    const ssize_t sent =
        ::send(stream_.get(), out_.data() + done, out_.size() - done, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0) return ErrnoStatus("connection to the agent");
    done += static_cast<size_t>(sent);
  }
  out_.erase(0, done);
  return absl::OkStatus();
}

absl::Status AgentCall::UpdateWatch() {
  uint32_t events = 0;
  if (!paused_) events |= EPOLLIN;
  if (!out_.empty()) events |= EPOLLOUT;
  return Watch(events);
}

absl::Status AgentCall::Watch(uint32_t events) {
  // A hang-up is reported whether asked for or not: not to be woken for it over and over, nothing
  // is watched while there is nothing to do.
  if (events == 0) {
    watch_.Reset();
    return absl::OkStatus();
  }
  if (watch_) return watch_.SetEvents(events);
  ASSIGN_OR_RETURN(watch_, loop_.Add(stream_.get(), events, [this](uint32_t e) { OnEvents(e); }));
  return absl::OkStatus();
}

void AgentCall::End(const absl::Status& status) {
  if (ended_) return;
  ended_ = true;
  watch_.Reset();
  const auto ended = handlers_.ended;  // it may destroy us
  ended(status);
}

}  // namespace voidbox
