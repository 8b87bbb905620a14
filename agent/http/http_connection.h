#ifndef VOIDBOX_AGENT_HTTP_HTTP_CONNECTION_H_
#define VOIDBOX_AGENT_HTTP_HTTP_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "agent/byte_queue.h"
#include "agent/http/exchange.h"
#include "agent/http/http_timeouts.h"
#include "agent/http/request_parser.h"
#include "agent/http/response_head.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace voidbox {

// One client: requests in, one after another, and their responses out, never waiting. A client that
// only ends its sending side still gets what it asked for; one that closes ends its exchange.
// Behind a proxy that hands on the one as the other, they are told apart by sending something: as
// long as there is no response, 102 (Processing) from time to time. Belongs to the loop's thread.
class HttpConnection final : public Responder {
 public:
  // Bytes that were read and not parsed, and bytes that are unsent, beyond which nothing more is
  // taken in; of the latter one piece may come on top.
  static constexpr size_t kInputLimit = 64 << 10;
  static constexpr size_t kOutputLimit = 256 << 10;

  // `stream` is non-blocking. `over` is called once, when nothing is left to do, and destroys this.
  // Loop and router outlive it.
  HttpConnection(EventLoop& loop, const Router& router, const HttpTimeouts& timeouts,
                 UniqueFd stream, std::function<void()> over);
  ~HttpConnection() override;

  // May call `over`.
  void Begin();

  void Respond(int status, absl::string_view content_type, absl::string_view body) override;
  void RespondError(const HttpError& error) override;
  void StartStream(absl::string_view content_type) override;
  void Write(absl::string_view bytes) override;
  void FinishStream() override;
  void AbortStream() override;
  bool HasRoom() override;
  void Settle() override;

 private:
  enum class Response { kNone, kStreaming, kFinished };
  using Wait = HttpTimeouts::Wait;

  void OnEvents(uint32_t events);
  void Receive();
  bool PeerIsGone();
  bool WantsInput() const;
  bool WantsBody() const;

  bool Advance();
  bool TakeInput();
  bool OnHead();
  bool TakeBody(absl::string_view piece);
  bool OnInputEnd();
  bool CompleteResponse();
  bool Flush();
  void Refuse(const HttpError& error);

  void SendHead(ResponseHead head);
  void End() { over_ = true; }

  absl::Status UpdateWatch();
  absl::Status UpdateTimer();
  Wait WaitsFor() const;
  void OnTimer();
  void Probe();

  EventLoop& loop_;
  const Router& router_;
  const HttpTimeouts timeouts_;
  const UniqueFd stream_;
  const std::function<void()> on_over_;

  ByteQueue in_;
  ByteQueue out_;
  std::optional<RequestParser> parser_;
  bool request_ended_ = false;     // all of it has been read
  bool continue_pending_ = false;  // the client waits for 100 (Continue) to send its body
  uint64_t body_bytes_ = 0;
  std::unique_ptr<Exchange> exchange_;
  Response response_ = Response::kNone;
  bool chunked_ = false;  // the response
  bool close_ = false;    // after this response
  bool starved_ = false;  // the exchange saw HasRoom false

  bool input_ended_ = false;  // nothing more comes
  bool half_closed_ = false;  // nothing more will come after what can be read
  bool lingering_ = false;    // all is sent, the client's rest is thrown away
  bool over_ = false;
  bool settling_ = false;
  EventLoop::Watch watch_;
  std::optional<EventLoop::Timer> timer_;
  Wait waits_for_ = Wait::kNothing;
  bool progress_ = false;  // since the timer was set
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_HTTP_HTTP_CONNECTION_H_
