#include "agent/call_service.h"

#include <time.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "agent/connection.h"
#include "agent/error_frame.h"
#include "agent/request_fields_bound.h"
#include "base/errno_status.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

// A ClientFrame's bytes: 64 KiB of standard input and its envelope.
constexpr size_t kMaxClientFrameBytes = (64 << 10) + 16;
constexpr absl::Duration kShutdownPatience = absl::Seconds(1);
// The host is gone, or has ended its side of the stream.
constexpr uint32_t kHangUp = EPOLLHUP | EPOLLERR | EPOLLRDHUP;

uint64_t UptimeMs() {
  timespec now;
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000;
}

}  // namespace

// One stream, from its request to its last frame.
class CallService::Session {
 public:
  Session(CallService& service, uint64_t id, UniqueFd stream)
      : service_(service), id_(id), connection_(std::move(stream)) {}
  ~Session() { service_.pending_bytes_ -= pending_bytes_; }

  // Ends by Settle, like every handler here.
  void Begin() {
    auto watch = service_.loop_.Add(connection_.fd(), EPOLLRDHUP | EPOLLIN,
                                    [this](uint32_t events) { OnEvents(events); });
    if (watch.ok()) {
      watch_ = *std::move(watch);
      // Often the request is here already.
      OnEvents(EPOLLIN);
    } else {
      LogError("connection: ", watch.status().message());
      connection_.Close();
      Settle();
    }
  }

 private:
  bool WantsFrames() const {
    return !answered_ && !cancelled_ && (call_ == nullptr || call_->WantsFrames());
  }

  void OnEvents(uint32_t events) {
    if ((events & (EPOLLIN | kHangUp)) != 0) Receive(events);
    Settle();
  }

  void Receive(uint32_t events) {
    // While no frames are wanted, only the stream's state tells whether the host is there: what it
    // sends stays unread, and may have come together with room for output.
    const bool open = WantsFrames() ? connection_.Receive() : (events & kHangUp) == 0;
    // What came in time counts, also when it is followed by the end.
    HandleFrames();
    if (const absl::Status status = CountPending(); !status.ok()) Refuse(status);
    if (!open) HangUp();
  }

  // Accounts for what has come of a request that is not complete yet.
  absl::Status CountPending() {
    const size_t unread = call_ == nullptr && !answered_ ? connection_.unread() : 0;
    const size_t counted = unread - std::min(unread, kFreePendingBytes);
    size_t& all = service_.pending_bytes_;
    all = all - std::exchange(pending_bytes_, counted) + counted;
    if (counted == 0 || all <= kMaxPendingBytes) return absl::OkStatus();
    return absl::ResourceExhaustedError(absl::StrCat(
        "requests: unfinished ones hold ", all, " bytes together, more than the limit of ",
        kMaxPendingBytes, "; send this one again when others are complete"));
  }

  void HandleFrames() {
    while (WantsFrames()) {
      const auto payload = connection_.NextFrame();
      if (payload.ok() && !payload->has_value()) return;
      absl::Status status = payload.status();
      if (status.ok()) status = HandleFrame(**payload);
      if (!status.ok()) Refuse(status);
    }
  }

  absl::Status HandleFrame(absl::string_view payload) {
    const int size = static_cast<int>(payload.size());
    if (call_ == nullptr) {
      RETURN_IF_ERROR(CheckRequestFields(payload));
      agent::Request request;
      if (!request.ParseFromArray(payload.data(), size)) {
        return absl::InvalidArgumentError(absl::StrCat("frame of ", size, " bytes: not a Request"));
      }
      connection_.LimitFrames(kMaxClientFrameBytes);
      return HandleRequest(request);
    }
    agent::ClientFrame frame;
    if (!frame.ParseFromArray(payload.data(), size)) {
      return absl::InvalidArgumentError(
          absl::StrCat("frame of ", size, " bytes: not a ClientFrame"));
    }
    return call_->OnFrame(frame);
  }

  absl::Status HandleRequest(const agent::Request& request) {
    switch (request.call_case()) {
      case agent::Request::kHealth: {
        agent::ServerFrame frame;
        *frame.mutable_health() = service_.Health();
        Answer(frame);
        return absl::OkStatus();
      }
      case agent::Request::kShutdown: {
        if (!service_.options_.shut_down) {
          return absl::InvalidArgumentError("shutdown: not offered here");
        }
        agent::ServerFrame frame;
        frame.mutable_shutdown();
        Answer(frame);
        shut_down_ = true;
        return absl::OkStatus();
      }
      default:
        return HandleByTable(request);
    }
  }

  absl::Status HandleByTable(const agent::Request& request) {
    const auto found = service_.options_.handlers.find(request.call_case());
    if (found == service_.options_.handlers.end()) {
      if (request.call_case() == agent::Request::CALL_NOT_SET) {
        return absl::InvalidArgumentError("request: no call that this agent knows");
      }
      return absl::UnimplementedError("request: a call that is not served here");
    }
    return std::visit([&](const auto& handler) { return Handle(handler, request); }, found->second);
  }

  absl::Status Handle(const CallAnswerer& answer, const agent::Request& request) {
    ASSIGN_OR_RETURN(const agent::ServerFrame frame, answer(request));
    Answer(frame);
    return absl::OkStatus();
  }

  absl::Status Handle(const CallStarter& start, const agent::Request& request) {
    ASSIGN_OR_RETURN(call_, start(request, connection_, [this] { Settle(); }));
    return absl::OkStatus();
  }

  absl::Status Handle(const StreamTaker& take, const agent::Request& request) {
    if (!connection_.AtFrameBoundary()) {
      return absl::InvalidArgumentError("frame: comes before the first answer to the request");
    }
    RETURN_IF_ERROR(take(request, connection_.fd()));
    answered_ = true;
    return absl::OkStatus();
  }

  void Answer(const agent::ServerFrame& frame) {
    connection_.Send(frame);
    answered_ = true;
  }

  void Refuse(const absl::Status& status) {
    connection_.Send(ErrorFrame(status));
    connection_.Seal();
    answered_ = true;
    if (call_ != nullptr) call_->Cancel();
  }

  void HangUp() {
    if (call_ == nullptr && !answered_ && !connection_.AtFrameBoundary()) {
      Refuse(absl::InvalidArgumentError("stream ends inside a frame"));
    }
    // Who half-closed may still read what is queued, as far as the stream takes it at once.
    connection_.Release();
    if (!cancelled_) connection_.Flush();
    cancelled_ = true;
    watch_.Reset();
    // The call sees whether the host has been sent all.
    connection_.Seal();
    if (call_ != nullptr) call_->Cancel();
    connection_.Close();
  }

  // Sends what is queued, waits for what is needed next, and ends the session when it is over.
  void Settle() {
    if (!cancelled_) {
      starved_ |= connection_.BackedUp();
      bool open = connection_.Flush();
      while (open && call_ != nullptr && starved_ && !connection_.BackedUp()) {
        call_->OnRoom();
        starved_ = connection_.BackedUp();
        open = connection_.Flush();
      }
      // Frames that waited for the call's input to drain.
      if (open) HandleFrames();
      if (!open || !connection_.Flush()) HangUp();
    }
    if (shut_down_ && !cancelled_ && connection_.unsent() == 0 && !AwaitHangUp()) HangUp();
    const bool over = call_ == nullptr ? answered_ || cancelled_ : call_->Done();
    if (over && (cancelled_ || (connection_.unsent() == 0 && !shut_down_))) return End();
    if (cancelled_) return;
    uint32_t events = EPOLLRDHUP;
    if (!over && WantsFrames()) events |= EPOLLIN;
    if (connection_.WaitsForStream()) events |= EPOLLOUT;
    if (!watch_.SetEvents(events).ok()) HangUp();
  }

  // The reply may still be on its way out of the guest when the machine ends: waits until the host,
  // having seen the end of the stream, hangs up. False when it cannot.
  bool AwaitHangUp() {
    if (patience_) return true;
    connection_.EndOutput();
    auto timer = service_.loop_.AddTimer([this] {
      HangUp();
      Settle();
    });
    if (!timer.ok()) return false;
    patience_ = *std::move(timer);
    return patience_->Set(kShutdownPatience).ok();
  }

  // Destroys this.
  void End() {
    const std::function<void()> shut_down =
        shut_down_ ? service_.options_.shut_down : std::function<void()>();
    service_.sessions_.erase(id_);
    if (shut_down) shut_down();
  }

  CallService& service_;
  const uint64_t id_;
  Connection connection_;
  std::unique_ptr<Call> call_;
  size_t pending_bytes_ = 0;  // its share of the service's
  bool answered_ = false;     // the last frame is queued, and not a call's
  bool cancelled_ = false;    // the host is gone
  bool starved_ = false;      // the output was backed up, and the call has not heard since
  bool shut_down_ = false;    // once the host has the answer
  EventLoop::Watch watch_;
  std::optional<EventLoop::Timer> patience_;  // of a shutdown, for the host to hang up
};

CallService::CallService(EventLoop& loop, Options options)
    : loop_(loop), options_(std::move(options)) {}

CallService::~CallService() = default;

void CallService::Serve(UniqueFd stream) {
  if (sessions_.size() >= options_.max_connections) {
    Connection refused(std::move(stream));
    refused.Send(ErrorFrame(absl::ResourceExhaustedError(
        absl::StrCat("connections: the limit of ", options_.max_connections, " is reached"))));
    refused.Flush();
    return;
  }
  const uint64_t id = next_session_++;
  Session& session =
      *sessions_.emplace(id, std::make_unique<Session>(*this, id, std::move(stream))).first->second;
  session.Begin();
}

agent::HealthReply CallService::Health() const {
  agent::HealthReply reply;
  reply.set_version(options_.version);
  reply.set_uptime_ms(UptimeMs());
  if (options_.running_execs) {
    reply.set_running_execs(static_cast<uint32_t>(options_.running_execs()));
  }
  return reply;
}

}  // namespace voidbox
