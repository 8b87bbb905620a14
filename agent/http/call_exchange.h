#ifndef VOIDBOX_AGENT_HTTP_CALL_EXCHANGE_H_
#define VOIDBOX_AGENT_HTTP_CALL_EXCHANGE_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/agent.pb.h"
#include "agent/agent_call.h"
#include "agent/http/exchange.h"
#include "agent/http/http_services.h"
#include "nlohmann/json.hpp"

namespace voidbox {

inline constexpr absl::string_view kJsonType = "application/json";

// One line of JSON.
std::string ToText(const nlohmann::json& value);

// An exchange that makes one call of agent.proto. Its end, of whatever kind, ends the call.
class CallExchange : public Exchange {
 public:
  void OnRoom() override;

 protected:
  CallExchange(HttpServices& services, Responder& responder)
      : services_(services), responder_(responder) {}

  // A call that cannot be started is answered by OnFailure.
  void Call(const agent::Request& request);
  bool CallHasRoom() const { return call_ != nullptr && call_->HasRoom(); }
  // Sends a frame; one that is too long is our own fault.
  void Send(const agent::ClientFrame& frame);

  // A frame that is no Error. Frames are held back while the responder has no room.
  virtual void OnFrame(const agent::ServerFrame& frame) = 0;
  // The call failed, was refused, or ended too early. By default an error response, or the end of
  // the stream that was begun.
  virtual void OnFailure(const absl::Status& status);
  // The call takes more frames.
  virtual void OnCallRoom() {}

  HttpServices& services_;  // outlives this
  Responder& responder_;    // likewise

 private:
  void OnAnyFrame(const agent::ServerFrame& frame);

  std::unique_ptr<AgentCall> call_;
};

// One whose request is a JSON object.
class JsonExchange : public CallExchange {
 public:
  uint64_t MaxBodyBytes() const override { return services_.limits.json_bytes; }
  void OnBody(absl::string_view piece) override;
  void OnBodyEnd() override;

 protected:
  JsonExchange(HttpServices& services, Responder& responder)
      : CallExchange(services, responder), share_(services.budget) {}
  // The call that the body asks for. INVALID_ARGUMENT with the field that is wrong.
  virtual absl::StatusOr<agent::Request> MakeRequest(const nlohmann::json& body) = 0;
  // The call is on its way.
  virtual void OnCalled() {}

  ByteBudget::Share share_;

 private:
  std::string body_;
};

// One that needs no body and has one frame for an answer.
class AnswerExchange final : public CallExchange {
 public:
  using Render = nlohmann::json (*)(const agent::ServerFrame& frame);
  AnswerExchange(HttpServices& services, Responder& responder, agent::Request request,
                 Render render)
      : CallExchange(services, responder), request_(std::move(request)), render_(render) {}
  uint64_t MaxBodyBytes() const override { return 0; }
  void OnBody(absl::string_view /*piece*/) override {}
  void OnBodyEnd() override { Call(request_); }

 private:
  void OnFrame(const agent::ServerFrame& frame) override;

  const agent::Request request_;
  const Render render_;
};

// One whose body is a JSON object, and whose answer is {}.
class SettingExchange final : public JsonExchange {
 public:
  using Make = absl::StatusOr<agent::Request> (*)(const nlohmann::json& body);
  SettingExchange(HttpServices& services, Responder& responder, Make make)
      : JsonExchange(services, responder), make_(make) {}

 private:
  absl::StatusOr<agent::Request> MakeRequest(const nlohmann::json& body) override {
    return make_(body);
  }
  void OnFrame(const agent::ServerFrame& frame) override;

  const Make make_;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_HTTP_CALL_EXCHANGE_H_
