#include "agent/http/http_server.h"

#include <sys/socket.h>
#include <time.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/http/endpoints.h"
#include "agent/http/http_error.h"
#include "agent/http/response_head.h"

namespace voidbox {
namespace {

// What the socket takes of it at once, which is all: it is short, and the first that is sent.
void RefuseConnection(int stream, size_t limit) {
  const std::string body =
      ErrorBody({.status = 503,
                 .code = "too_many_connections",
                 .message = absl::StrCat("connections: the limit of ", limit, " is reached"),
                 .remediation = "close connections that are not needed, or try again later"});
  const std::string answer = absl::StrCat(ToString({.status = 503,
                                                    .content_type = "application/json",
                                                    .content_length = body.size(),
                                                    .close = true,
                                                    .now = ::time(nullptr)}),
                                          body);
  ::send(stream, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

HttpServer::HttpServer(EventLoop& loop, Options options)
    : loop_(loop),
      max_connections_(options.max_connections),
      timeouts_(options.timeouts),
      services_{.loop = loop,
                .serve_call = std::move(options.serve_call),
                .limits = options.limits,
                .budget = ByteBudget(options.limits.buffered_bytes)},
      router_([this](const RequestHead& head, const Target& target, Responder& responder) {
        return Route(services_, head, target, responder);
      }) {}

HttpServer::~HttpServer() = default;

void HttpServer::Serve(UniqueFd stream) {
  if (connections_.size() >= max_connections_) {
    return RefuseConnection(stream.get(), max_connections_);
  }
  const uint64_t id = next_id_++;
  auto connection = std::make_unique<HttpConnection>(loop_, router_, timeouts_, std::move(stream),
                                                     [this, id] { connections_.erase(id); });
  connections_.emplace(id, std::move(connection)).first->second->Begin();
}

}  // namespace voidbox
