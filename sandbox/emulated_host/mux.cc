#include "sandbox/emulated_host/mux.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/errno_status.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

// Above this, streams are not read; it bounds how long a byte waits behind those of others.
constexpr size_t kFullOutBytes = 128 << 10;
// Above this, the peer makes us answer faster than it takes answers, and is not read either.
constexpr size_t kMaxOutBytes = 1 << 20;
constexpr size_t kReadBytes = 64 << 10;

bool IsSocket(int fd) {
  int type;
  socklen_t size = sizeof(type);
  return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Mux>> Mux::Create(EventLoop& loop, UniqueFd connection,
                                                 const Options& options, AcceptHandler accept,
                                                 FailureHandler failed) {
  std::unique_ptr<Mux> mux(
      new Mux(loop, std::move(connection), options, std::move(accept), std::move(failed)));
  Mux* const self = mux.get();
  ASSIGN_OR_RETURN(mux->failure_timer_, loop.AddTimer([self] { self->Report(); }));
  ASSIGN_OR_RETURN(mux->watch_, loop.Add(mux->connection_.get(), EPOLLIN,
                                         [self](uint32_t events) { self->OnConnection(events); }));
  return mux;
}

Mux::Mux(EventLoop& loop, UniqueFd connection, const Options& options, AcceptHandler accept,
         FailureHandler failed)
    : loop_(loop),
      options_(options),
      accept_(std::move(accept)),
      failed_(std::move(failed)),
      connection_(std::move(connection)),
      is_socket_(IsSocket(connection_.get())) {}

absl::Status Mux::CanOpen() const {
  if (!connection_) return absl::FailedPreconditionError("the connection has ended");
  if (streams_.size() >= options_.max_streams) {
    return absl::ResourceExhaustedError(
        absl::StrCat("more than ", options_.max_streams, " streams at once"));
  }
  return absl::OkStatus();
}

absl::Status Mux::Open(UniqueFd local, absl::string_view purpose) {
  RETURN_IF_ERROR(CanOpen());
  if (purpose.size() > kMaxMuxPurpose) {
    return absl::InvalidArgumentError(absl::StrCat("a stream's purpose of ", purpose.size(),
                                                   " bytes, expected at most ", kMaxMuxPurpose));
  }
  while (streams_.count(next_id_) != 0) ++next_id_;
  const uint32_t id = next_id_++;
  Send({.stream = id, .type = MuxFrame::Type::kOpen, .payload = purpose});
  return AddStream(id, std::move(local));
}

absl::Status Mux::AddStream(uint32_t id, UniqueFd local) {
  Stream& stream = streams_[id];
  stream.local = std::move(local);
  stream.peer_credit = options_.window_bytes;
  stream.window_left = options_.window_bytes;
  absl::Status status = Watch(id, stream);
  if (!status.ok()) {
    Send({.stream = id, .type = MuxFrame::Type::kReset});
    streams_.erase(id);
  }
  Flush();
  if (count_changed_) count_changed_(streams_.size());
  return status;
}

void Mux::RemoveStream(uint32_t id) {
  streams_.erase(id);
  if (count_changed_) count_changed_(streams_.size());
}

void Mux::OnConnection(uint32_t events) {
  if (events & EPOLLIN) {
    ReadConnection();
  } else if (events & (EPOLLHUP | EPOLLERR)) {
    return Fail(absl::UnavailableError("the connection has ended"));
  }
  if (!connection_) return;
  Flush();
}

void Mux::ReadConnection() {
  char bytes[kReadBytes];
  const ssize_t got = ::read(connection_.get(), bytes, sizeof(bytes));
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got < 0) return Fail(ErrnoStatus("read of the connection"));
  if (got == 0) return Fail(absl::UnavailableError("the connection has ended"));
  reader_.Append(absl::string_view(bytes, static_cast<size_t>(got)));
  for (;;) {
    const absl::StatusOr<std::optional<MuxFrame>> frame = reader_.Next();
    if (!frame.ok()) return Fail(frame.status());
    if (!frame->has_value()) return;
    const absl::Status status = HandleFrame(**frame);
    if (!status.ok()) return Fail(status);
    if (!connection_) return;  // a handler failed it
  }
}

absl::Status Mux::HandleFrame(const MuxFrame& frame) {
  if (frame.type == MuxFrame::Type::kOpen) {
    if (!accept_) return absl::InvalidArgumentError("the acceptor opened a stream");
    HandleOpen(frame.stream, frame.payload);
    return absl::OkStatus();
  }
  const auto found = streams_.find(frame.stream);
  // Frames may be on their way while we remove their stream.
  if (found == streams_.end()) return absl::OkStatus();
  Stream& stream = found->second;
  switch (frame.type) {
    case MuxFrame::Type::kData:
      RETURN_IF_ERROR(HandleData(stream, frame.payload));
      break;
    case MuxFrame::Type::kCredit:
      // An honest peer never grants more than its window; no need to trust the sum.
      stream.peer_credit =
          std::min<uint64_t>(stream.peer_credit + frame.credit, options_.window_bytes);
      break;
    case MuxFrame::Type::kReset:
      stream.peer_deaf = true;
      stream.peer_finished = true;
      break;
    case MuxFrame::Type::kFinish:
      stream.peer_finished = true;
      break;
    case MuxFrame::Type::kOpen:
      break;
  }
  Settle(frame.stream);
  return absl::OkStatus();
}

void Mux::HandleOpen(uint32_t id, absl::string_view purpose) {
  if (streams_.count(id) != 0) RemoveStream(id);  // the peer has forgotten the old one
  UniqueFd local;
  if (streams_.size() < options_.max_streams) local = accept_(purpose);
  if (!local) return Send({.stream = id, .type = MuxFrame::Type::kReset});
  static_cast<void>(AddStream(id, std::move(local)));  // on failure the peer is told
}

absl::Status Mux::HandleData(Stream& stream, absl::string_view payload) {
  if (stream.peer_finished) return absl::InvalidArgumentError("data after the end of a stream");
  if (payload.size() > stream.window_left) {
    return absl::InvalidArgumentError(absl::StrCat(
        payload.size(), " bytes sent to a stream that takes ", stream.window_left, " more"));
  }
  stream.window_left -= payload.size();
  if (stream.local_deaf) {
    stream.ungranted += payload.size();
  } else {
    stream.to_local.append(payload.data(), payload.size());
  }
  return absl::OkStatus();
}

void Mux::OnLocal(uint32_t id, uint32_t events) {
  Stream& stream = streams_.at(id);
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) ReadLocal(id, stream, events & EPOLLHUP);
  Settle(id);
  Flush();
}

void Mux::ReadLocal(uint32_t id, Stream& stream, bool hung_up) {
  if (stream.local_ended) {
    // The local side is closed in both directions: nobody is there to take what may still come.
    if (hung_up && !stream.local_deaf) {
      stream.local_deaf = true;
      Send({.stream = id, .type = MuxFrame::Type::kReset});
    }
    return;
  }
  char bytes[kMaxMuxPayload];
  const size_t limit = std::min<uint64_t>(sizeof(bytes), stream.peer_credit);
  if (limit == 0 || out_.size() - out_done_ >= kFullOutBytes) return;
  const ssize_t got = ::read(stream.local.get(), bytes, limit);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got > 0) {
    stream.peer_credit -= static_cast<uint64_t>(got);
    return Send({.stream = id,
                 .type = MuxFrame::Type::kData,
                 .payload = absl::string_view(bytes, static_cast<size_t>(got))});
  }
  stream.local_ended = true;
  if (got < 0 || hung_up || stream.local_deaf) {
    stream.local_deaf = true;
    Send({.stream = id, .type = MuxFrame::Type::kReset});
  } else {
    Send({.stream = id, .type = MuxFrame::Type::kFinish});
  }
}

void Mux::WriteLocal(uint32_t id, Stream& stream) {
  while (!stream.local_deaf && stream.to_local_done < stream.to_local.size()) {
    const ssize_t written =
        ::send(stream.local.get(), stream.to_local.data() + stream.to_local_done,
               stream.to_local.size() - stream.to_local_done, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) break;
    if (written < 0) {
      // It may still have something to say; the end of that will tell the peer.
      stream.local_deaf = true;
      break;
    }
    stream.to_local_done += static_cast<size_t>(written);
    stream.ungranted += static_cast<size_t>(written);
  }
  if (stream.local_deaf) {
    stream.ungranted += stream.to_local.size() - stream.to_local_done;
    stream.to_local_done = stream.to_local.size();
  }
  if (stream.to_local_done == stream.to_local.size()) {
    stream.to_local.clear();
    stream.to_local_done = 0;
  }
  if (stream.ungranted >= options_.window_bytes / 2 && !stream.peer_finished) {
    Send({.stream = id,
          .type = MuxFrame::Type::kCredit,
          .credit = static_cast<uint32_t>(stream.ungranted)});
    stream.window_left += std::exchange(stream.ungranted, 0);
  }
  if (stream.peer_finished && stream.to_local.empty() && !stream.write_shut) {
    stream.write_shut = true;
    ::shutdown(stream.local.get(), stream.peer_deaf ? SHUT_RDWR : SHUT_WR);
  }
}

bool Mux::IsDone(const Stream& stream) const {
  if (stream.peer_deaf) return stream.to_local.empty();
  if (stream.local_ended && stream.local_deaf) return true;
  return stream.local_ended && stream.peer_finished && stream.to_local.empty();
}

void Mux::Settle(uint32_t id) {
  Stream& stream = streams_.at(id);
  WriteLocal(id, stream);
  if (IsDone(stream)) return RemoveStream(id);
  const absl::Status status = Watch(id, stream);
  if (!status.ok()) {
    Send({.stream = id, .type = MuxFrame::Type::kReset});
    RemoveStream(id);
  }
}

absl::Status Mux::Watch(uint32_t id, Stream& stream) {
  uint32_t events = 0;
  if (!stream.local_ended && !stream.peer_deaf && stream.peer_credit > 0 && !out_full_) {
    events |= EPOLLIN;
  }
  if (!stream.to_local.empty()) events |= EPOLLOUT;
  // A hang-up is reported whether asked for or not: not to be woken for it over and over, a stream
  // whose bytes cannot be read now is not watched at all.
  if (events == 0 && !stream.local_ended) {
    stream.watch.Reset();
    return absl::OkStatus();
  }
  if (stream.watch) return stream.watch.SetEvents(events);
  ASSIGN_OR_RETURN(stream.watch, loop_.Add(stream.local.get(), events,
                                           [this, id](uint32_t ready) { OnLocal(id, ready); }));
  return absl::OkStatus();
}

void Mux::Send(const MuxFrame& frame) { AppendMuxFrame(frame, out_); }

void Mux::Flush() {
  while (out_done_ < out_.size()) {
    const absl::string_view rest = absl::string_view(out_).substr(out_done_);
    const ssize_t written = is_socket_
                                ? ::send(connection_.get(), rest.data(), rest.size(), MSG_NOSIGNAL)
                                : ::write(connection_.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) break;
    if (written < 0) return Fail(ErrnoStatus("write to the connection"));
    out_done_ += static_cast<size_t>(written);
  }
  out_.erase(0, out_done_);
  out_done_ = 0;
  const bool full = out_.size() >= kFullOutBytes;
  if (full != out_full_) {
    out_full_ = full;
    for (auto& [id, stream] : streams_) static_cast<void>(Watch(id, stream));
  }
  uint32_t events = 0;
  if (!out_.empty()) events |= EPOLLOUT;
  if (out_.size() < kMaxOutBytes) events |= EPOLLIN;
  const absl::Status status = watch_.SetEvents(events);
  if (!status.ok()) Fail(status);
}

void Mux::Fail(const absl::Status& status) {
  if (!connection_) return;
  watch_.Reset();
  connection_.Reset();
  streams_.clear();
  if (count_changed_) count_changed_(0);
  // Later, so that the handler may destroy the Mux.
  failure_ = status;
  const absl::Status set = failure_timer_.Set(absl::ZeroDuration());
  Check(set.ok(), set.message());
}

void Mux::Report() {
  const FailureHandler failed = std::exchange(failed_, nullptr);
  const absl::Status why = failure_;
  if (failed) failed(why);
}

}  // namespace voidbox
