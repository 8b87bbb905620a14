#ifndef VOIDBOX_AGENT_HTTP_HTTP_SERVER_H_
#define VOIDBOX_AGENT_HTTP_HTTP_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "agent/http/exchange.h"
#include "agent/http/http_connection.h"
#include "agent/http/http_services.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace voidbox {

// The HTTP/1.1 face of the agent: a client of its protobuf face. It knows nothing of where its
// clients' streams come from.
class HttpServer {
 public:
  struct Options {
    // Serves the agent's end of a call's stream: CallService::Serve.
    std::function<void(UniqueFd stream)> serve_call;
    // Clients at once; one more is answered 503 and closed. Each may hold
    // HttpConnection::kInputLimit and kOutputLimit bytes, and a call.
    size_t max_connections = 64;
    HttpTimeouts timeouts;
    HttpLimits limits;
  };

  // Belongs to the thread of `loop`, which outlives it, as does what serves the calls.
  HttpServer(EventLoop& loop, Options options);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // `stream` is connected and non-blocking, and its client may be served.
  void Serve(UniqueFd stream);

  size_t connections() const { return connections_.size(); }

 private:
  EventLoop& loop_;
  const size_t max_connections_;
  const HttpTimeouts timeouts_;
  HttpServices services_;
  const Router router_;
  uint64_t next_id_ = 1;
  std::unordered_map<uint64_t, std::unique_ptr<HttpConnection>> connections_;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_HTTP_HTTP_SERVER_H_
