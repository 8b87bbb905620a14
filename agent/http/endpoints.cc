#include "agent/http/endpoints.h"

#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/http/call_exchange.h"
#include "agent/http/command_exchange.h"
#include "agent/http/machine_json.h"
#include "agent/http/request_fields.h"
#include "agent/http/transfer_exchange.h"

namespace voidbox {
namespace {

// What a maker has.
struct Asked {
  HttpServices& services;
  const Target& target;
  Responder& responder;

  std::string Parameter(const char* name) const {
    const auto found = target.query.find(name);
    return found == target.query.end() ? "" : found->second;
  }
};

using Maker = std::unique_ptr<Exchange> (*)(const Asked& asked);

struct Endpoint {
  absl::string_view path;
  absl::string_view method;     // GET, which includes HEAD, or POST
  absl::string_view parameter;  // of the query; empty: none
  bool parameter_needed;
  Maker make;
};

std::unique_ptr<Exchange> MakeHealth(const Asked& asked) {
  agent::Request request;
  request.mutable_health();
  return std::make_unique<AnswerExchange>(asked.services, asked.responder, request, HealthJson);
}

std::unique_ptr<Exchange> MakeMetrics(const Asked& asked) {
  agent::Request request;
  request.mutable_metrics();
  return std::make_unique<AnswerExchange>(asked.services, asked.responder, request, MetricsJson);
}

template <CommandExchange::Make make>
std::unique_ptr<Exchange> MakeCommand(const Asked& asked) {
  return std::make_unique<CommandExchange>(
      asked.services, asked.responder,
      CommandExchange::Options{.make = make, .stream = asked.Parameter("stream") == "1"});
}

template <SettingExchange::Make make>
std::unique_ptr<Exchange> MakeSetting(const Asked& asked) {
  return std::make_unique<SettingExchange>(asked.services, asked.responder, make);
}

std::unique_ptr<Exchange> MakeUpload(const Asked& asked) {
  return std::make_unique<UploadExchange>(asked.services, asked.responder, asked.Parameter("dest"));
}

std::unique_ptr<Exchange> MakeDownload(const Asked& asked) {
  return std::make_unique<DownloadExchange>(asked.services, asked.responder,
                                            asked.Parameter("path"));
}

constexpr Endpoint kEndpoints[] = {
    {"/health", "GET", "", false, MakeHealth},
    {"/metrics", "GET", "", false, MakeMetrics},
    {"/exec", "POST", "stream", false, MakeCommand<ExecRequestOf>},
    {"/run-ts", "POST", "stream", false, MakeCommand<RunTsRequestOf>},
    {"/files/upload", "POST", "dest", true, MakeUpload},
    {"/files/download", "GET", "path", true, MakeDownload},
    {"/firewall/allowlist", "POST", "", false, MakeSetting<FirewallRequestOf>},
    {"/net/config", "POST", "", false, MakeSetting<NetworkRequestOf>},
    {"/time/sync", "POST", "", false, MakeSetting<TimeSyncRequestOf>},
};

std::string Paths() {
  std::string paths;
  for (const Endpoint& endpoint : kEndpoints) {
    absl::StrAppend(&paths, paths.empty() ? "" : ", ", endpoint.method, " ", endpoint.path);
  }
  return paths;
}

HttpError WrongMethod(const Endpoint& endpoint, const RequestHead& head) {
  const std::string allow = endpoint.method == "GET" ? "GET, HEAD" : std::string(endpoint.method);
  if (!head.known_method) {
    return {.status = 501,
            .code = "method_not_implemented",
            .message = "request: a method that this server does not know",
            .remediation = absl::StrCat("use ", allow)};
  }
  return {.status = 405,
          .code = "method_not_allowed",
          .message = absl::StrCat("request: ", endpoint.path, " is not for this method"),
          .remediation = absl::StrCat("use ", allow),
          .allow = allow};
}

HttpError BadQuery(const Endpoint& endpoint, absl::string_view what) {
  return {.status = 400,
          .code = "invalid_argument",
          .message = absl::StrCat("query of ", endpoint.path, ": ", what),
          .remediation = endpoint.parameter.empty()
                             ? std::string("leave the query out")
                             : absl::StrCat("give ", endpoint.path, "?", endpoint.parameter, "=")};
}

// What can be said before the endpoint looks at the request.
const HttpError* Check(const Endpoint& endpoint, const RequestHead& head, const Target& target,
                       HttpError& error) {
  const bool is_get = head.method == "GET" || head.method == "HEAD";
  if (endpoint.method == "GET" ? !is_get : head.method != endpoint.method) {
    error = WrongMethod(endpoint, head);
    return &error;
  }
  for (const auto& [name, value] : target.query) {
    if (name == endpoint.parameter) continue;
    error = BadQuery(endpoint, "a parameter that is not known");
    return &error;
  }
  if (const auto stream = target.query.find("stream"); stream != target.query.end()) {
    if (stream->second != "0" && stream->second != "1") {
      error = BadQuery(endpoint, "stream is neither 0 nor 1");
      return &error;
    }
  }
  if (endpoint.parameter_needed && target.query.empty()) {
    error = BadQuery(endpoint, absl::StrCat("the parameter ", endpoint.parameter, " is missing"));
    return &error;
  }
  if (endpoint.method == "POST" && !head.chunked && !head.content_length.has_value()) {
    error = {.status = 411,
             .code = "length_required",
             .message = "request: neither Content-Length nor Transfer-Encoding: chunked",
             .remediation = "send the body with one of them"};
    return &error;
  }
  // A tar.gz is one whatever it is called.
  const bool is_json = endpoint.method == "POST" && endpoint.path != "/files/upload";
  if (is_json && !head.content_encoding.empty() &&
      !absl::EqualsIgnoreCase(head.content_encoding, "identity")) {
    error = {.status = 415,
             .code = "unsupported_content_encoding",
             .message = "request: its body is compressed",
             .remediation = "send JSON without a Content-Encoding"};
    return &error;
  }
  return nullptr;
}

}  // namespace

ExchangeOrError Route(HttpServices& services, const RequestHead& head, const Target& target,
                      Responder& responder) {
  for (const Endpoint& endpoint : kEndpoints) {
    if (endpoint.path != target.path) continue;
    HttpError error;
    if (Check(endpoint, head, target, error) != nullptr) return error;
    return endpoint.make({services, target, responder});
  }
  return HttpError{.status = 404,
                   .code = "no_such_endpoint",
                   .message = "request: nothing is served at this path",
                   .remediation = absl::StrCat("use one of ", Paths())};
}

}  // namespace voidbox
