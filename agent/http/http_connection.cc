#include "agent/http/http_connection.h"

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr absl::string_view kJson = "application/json";
// RFC 2518 §10.1; a client passes over answers of this kind that it does not know (RFC 9110 §15.2).
constexpr absl::string_view kProcessing = "HTTP/1.1 102 Processing\r\n\r\n";
constexpr absl::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

HttpConnection::HttpConnection(EventLoop& loop, const Router& router, const HttpTimeouts& timeouts,
                               UniqueFd stream, std::function<void()> over)
    : loop_(loop),
      router_(router),
      timeouts_(timeouts),
      stream_(std::move(stream)),
      on_over_(std::move(over)),
      parser_(std::in_place) {}

HttpConnection::~HttpConnection() = default;

void HttpConnection::Begin() {
  auto watch =
      loop_.Add(stream_.get(), EPOLLIN | EPOLLRDHUP, [this](uint32_t events) { OnEvents(events); });
  auto timer = loop_.AddTimer([this] {
    OnTimer();
    Settle();
  });
  if (watch.ok() && timer.ok()) {
    watch_ = *std::move(watch);
    timer_ = *std::move(timer);
  } else {
    LogError("http connection: ", (watch.ok() ? timer.status() : watch.status()).message());
    End();
  }
  Settle();
}

// --- What the client sends ---

void HttpConnection::OnEvents(uint32_t events) {
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
    End();
  } else if ((events & EPOLLIN) != 0) {
    Receive();
  } else if ((events & EPOLLRDHUP) != 0) {
    half_closed_ = true;
    if (PeerIsGone()) End();
  }
  Settle();
}

void HttpConnection::Receive() {
  if (!WantsInput()) return;
  const size_t room = kInputLimit - in_.size();
  const ssize_t got = ::read(stream_.get(), in_.Reserve(room), room);
  if (got > 0) {
    in_.Commit(static_cast<size_t>(got));
    progress_ = true;
  } else if (got == 0) {
    input_ended_ = true;
    half_closed_ = true;
    if (PeerIsGone()) End();
  } else if (errno != EAGAIN && errno != EINTR) {
    End();
  }
}

// After the end of its input: has it closed, or only ended its sending side? Unix sockets say so by
// EPOLLHUP. A vsock does not, but refuses to send (vsock_connectible_sendmsg), even nothing.
bool HttpConnection::PeerIsGone() {
  return ::send(stream_.get(), "", 0, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN;
}

bool HttpConnection::WantsBody() const {
  return exchange_ != nullptr && response_ != Response::kFinished && !request_ended_ &&
         exchange_->WantsBody();
}

bool HttpConnection::WantsInput() const {
  if (over_ || input_ended_) return false;
  if (lingering_) return true;
  const bool wants = exchange_ == nullptr ? response_ == Response::kNone : WantsBody();
  return wants && in_.size() < kInputLimit;
}

// --- Requests ---

void HttpConnection::Settle() {
  if (settling_) return;  // whoever settles goes on until nothing changes
  settling_ = true;
  while (!over_ && Advance()) {
  }
  absl::Status status;
  if (!over_) status = UpdateWatch();
  if (!over_ && status.ok()) status = UpdateTimer();
  if (!status.ok()) {
    LogError("http connection: ", status.message());
    End();
  }
  settling_ = false;
  if (!over_) return;
  const std::function<void()> over = on_over_;
  over();  // destroys this
}

// One step. False when nothing more can be done before an event.
bool HttpConnection::Advance() {
  if (!Flush()) {
    End();
    return false;
  }
  if (lingering_) {
    in_.Clear();
    if (input_ended_) End();
    return false;
  }
  if (response_ == Response::kFinished) return out_.empty() && CompleteResponse();
  if (starved_ && exchange_ != nullptr && HasRoom()) {
    starved_ = false;
    exchange_->OnRoom();
    return true;
  }
  return TakeInput();
}

bool HttpConnection::TakeInput() {
  if (exchange_ != nullptr && !WantsBody()) return false;
  if (continue_pending_ && exchange_ != nullptr) {
    continue_pending_ = false;
    // Who does not wait for it needs none.
    if (in_.empty()) out_.Append(kContinue);
    return true;
  }
  const RequestParser::Step step = parser_->Next(in_.contents());
  bool again = true;
  switch (step.event) {
    case RequestParser::Event::kNeedsMore:
      again = false;
      break;
    case RequestParser::Event::kHead:
      again = OnHead();
      break;
    case RequestParser::Event::kBody:
      again = TakeBody(step.body);
      break;
    case RequestParser::Event::kEnd:
      request_ended_ = true;
      exchange_->OnBodyEnd();
      break;
    case RequestParser::Event::kError:
      Refuse(parser_->error());
      break;
  }
  in_.Consume(step.consumed);
  return again || OnInputEnd();
}

// There is not enough for the parser.
bool HttpConnection::OnInputEnd() {
  if (input_ended_) {
    // In the middle of a request it is too late to answer it.
    End();
    return false;
  }
  if (in_.size() < kInputLimit) return false;
  Refuse({.status = 400,
          .code = "bad_request",
          .message = "request: a chunk's head or a trailer is too long",
          .remediation = "leave chunk extensions and trailers out"});
  return true;
}

bool HttpConnection::OnHead() {
  const RequestHead& head = parser_->head();
  close_ = !head.keep_alive;
  continue_pending_ = head.expects_continue && head.http_1_1;
  const absl::StatusOr<Target> target = ParseTarget(head.target);
  if (!target.ok()) {
    Refuse(HttpErrorOf(target.status()));
    return true;
  }
  ExchangeOrError routed = router_(head, *target, *this);
  if (const HttpError* const error = std::get_if<HttpError>(&routed)) {
    // Without a body there is nothing left of it, and the next one may come.
    request_ended_ = !head.chunked && head.content_length.value_or(0) == 0;
    Refuse(*error);
    return true;
  }
  exchange_ = std::get<std::unique_ptr<Exchange>>(std::move(routed));
  if (head.content_length.value_or(0) > exchange_->MaxBodyBytes()) {
    Refuse(TooMuch(exchange_->MaxBodyBytes()));
    return true;
  }
  exchange_->Begin();
  return true;
}

bool HttpConnection::TakeBody(absl::string_view piece) {
  body_bytes_ += piece.size();
  if (body_bytes_ > exchange_->MaxBodyBytes()) {
    Refuse(TooMuch(exchange_->MaxBodyBytes()));
  } else {
    exchange_->OnBody(piece);
  }
  return true;
}

// Answers in the exchange's place, which is over.
void HttpConnection::Refuse(const HttpError& error) {
  exchange_.reset();
  if (response_ == Response::kStreaming) return End();
  RespondError(error);
}

// The response is finished and sent.
bool HttpConnection::CompleteResponse() {
  exchange_.reset();
  if (close_ || !request_ended_) {
    if (request_ended_ && in_.empty()) {
      End();
      return false;
    }
    // To close with unread bytes would take the answer away from a client that still sends.
    ::shutdown(stream_.get(), SHUT_WR);
    lingering_ = true;
    return true;
  }
  parser_.emplace();
  request_ended_ = false;
  continue_pending_ = false;
  body_bytes_ = 0;
  response_ = Response::kNone;
  starved_ = false;
  return true;
}

// --- Responses ---

void HttpConnection::SendHead(ResponseHead head) {
  // The rest of the request is not read.
  close_ |= !request_ended_ || half_closed_;
  head.close = close_;
  head.http_1_1 = parser_->head().http_1_1 || parser_->head().method.empty();
  head.now = ::time(nullptr);
  out_.Append(ToString(head));
}

void HttpConnection::Respond(int status, absl::string_view content_type, absl::string_view body) {
  if (response_ != Response::kNone) return;
  SendHead({.status = status, .content_type = content_type, .content_length = body.size()});
  if (parser_->head().method != "HEAD") out_.Append(body);
  response_ = Response::kFinished;
}

void HttpConnection::RespondError(const HttpError& error) {
  if (response_ != Response::kNone) return;
  const std::string body = ErrorBody(error);
  SendHead({.status = error.status,
            .content_type = kJson,
            .content_length = body.size(),
            .allow = error.allow});
  if (parser_->head().method != "HEAD") out_.Append(body);
  response_ = Response::kFinished;
}

void HttpConnection::StartStream(absl::string_view content_type) {
  if (response_ != Response::kNone) return;
  chunked_ = parser_->head().http_1_1;
  close_ |= !chunked_;  // the end of the stream is the end of the response
  SendHead({.content_type = content_type, .chunked = chunked_});
  response_ = parser_->head().method == "HEAD" ? Response::kFinished : Response::kStreaming;
}

void HttpConnection::Write(absl::string_view bytes) {
  if (response_ != Response::kStreaming || bytes.empty()) return;
  if (chunked_) out_.Append(ChunkHead(bytes.size()));
  out_.Append(bytes);
  if (chunked_) out_.Append(kChunkEnd);
}

void HttpConnection::FinishStream() {
  if (response_ != Response::kStreaming) return;
  if (chunked_) out_.Append(kLastChunk);
  response_ = Response::kFinished;
}

void HttpConnection::AbortStream() {
  if (response_ != Response::kStreaming) return;
  Flush();
  End();
}

bool HttpConnection::HasRoom() {
  const bool room = out_.size() < kOutputLimit;
  if (!room) starved_ = true;
  return room;
}

bool HttpConnection::Flush() {
  while (!out_.empty()) {
    const absl::string_view bytes = out_.contents();
    const ssize_t sent = ::send(stream_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN;
    out_.Consume(static_cast<size_t>(sent));
    progress_ = true;
  }
  return true;
}

// --- Events ---

absl::Status HttpConnection::UpdateWatch() {
  uint32_t events = 0;
  if (!out_.empty()) events |= EPOLLOUT;
  if (WantsInput()) events |= EPOLLIN;
  // The end of the input is seen once, even if it cannot be read yet; after that an edge shows that
  // the client has closed.
  if (!half_closed_) events |= EPOLLRDHUP;
  if (half_closed_ && !WantsInput()) events |= EPOLLRDHUP | EPOLLET;
  return watch_.SetEvents(events);
}

HttpConnection::Wait HttpConnection::WaitsFor() const {
  if (lingering_) return Wait::kLinger;
  if (!out_.empty()) return Wait::kSend;
  if (exchange_ != nullptr) {
    if (WantsBody()) return Wait::kBody;
    return half_closed_ ? Wait::kProbe : Wait::kNothing;
  }
  return parser_->started() || !in_.empty() ? Wait::kHead : Wait::kIdle;
}

absl::Status HttpConnection::UpdateTimer() {
  const Wait wait = WaitsFor();
  if (wait == waits_for_) return absl::OkStatus();
  waits_for_ = wait;
  progress_ = false;
  if (wait != Wait::kNothing) return timer_->Set(timeouts_.For(wait));
  timer_->Cancel();
  return absl::OkStatus();
}

void HttpConnection::Probe() {
  if (response_ == Response::kStreaming) {
    Write(exchange_->Filler());
  } else if (parser_->head().http_1_1) {
    out_.Append(kProcessing);
  }
}

void HttpConnection::OnTimer() {
  const Wait waited = std::exchange(waits_for_, Wait::kNothing);
  // Something moved since: it has the whole time again, which Settle sets.
  if (progress_ && (waited == Wait::kBody || waited == Wait::kSend)) return;
  switch (waited) {
    case Wait::kNothing:
      return;
    case Wait::kHead:
      return Refuse(TooSlow("head"));
    case Wait::kBody:
      return Refuse(TooSlow("body"));
    case Wait::kProbe:
      return Probe();
    default:
      return End();
  }
}

}  // namespace voidbox
