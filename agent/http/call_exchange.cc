#include "agent/http/call_exchange.h"

#include <sys/socket.h>

#include <array>
#include <optional>
#include <utility>

#include "agent/error_frame.h"
#include "base/bounded_json.h"
#include "base/errno_status.h"

namespace voidbox {

std::string ToText(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

void CallExchange::Call(const agent::Request& request) {
  std::array<int, 2> pair;
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.data()) != 0) {
    return OnFailure(ErrnoStatus("socketpair"));
  }
  UniqueFd ours(pair[0]);
  services_.serve_call(UniqueFd(pair[1]));
  auto call = AgentCall::Start(
      services_.loop, std::move(ours), std::nullopt, request,
      {.frame = [this](const agent::ServerFrame& frame) { OnAnyFrame(frame); },
       .ended =
           [this](const absl::Status& status) {
             // After the last frame this says nothing new, and is dropped.
             OnFailure(status.ok() ? absl::InternalError("the call ended without an answer")
                                   : status);
             responder_.Settle();
           },
       .room =
           [this] {
             OnCallRoom();
             responder_.Settle();
           }});
  if (!call.ok()) return OnFailure(call.status());
  call_ = *std::move(call);
}

void CallExchange::OnAnyFrame(const agent::ServerFrame& frame) {
  if (frame.has_error()) {
    OnFailure(ErrorStatus(frame.error()));
  } else {
    OnFrame(frame);
    if (!responder_.HasRoom()) call_->PauseFrames(true);
  }
  responder_.Settle();
}

void CallExchange::OnRoom() {
  if (call_ != nullptr) call_->PauseFrames(false);
}

void CallExchange::OnFailure(const absl::Status& status) {
  responder_.RespondError(HttpErrorOf(status));
  responder_.AbortStream();
}

void CallExchange::Send(const agent::ClientFrame& frame) {
  if (call_ == nullptr) return;
  if (const absl::Status status = call_->Send(frame); !status.ok()) OnFailure(status);
}

void JsonExchange::OnBody(absl::string_view piece) {
  if (share_.Take(piece.size())) {
    body_.append(piece.data(), piece.size());
    return;
  }
  responder_.RespondError({.status = 503,
                           .code = "busy",
                           .message = "requests: all that are served now hold too many bytes",
                           .remediation = "try again when others have ended"});
}

void JsonExchange::OnBodyEnd() {
  const auto body = ParseJsonObject(body_);
  body_ = {};
  const absl::StatusOr<agent::Request> request =
      body.ok() ? MakeRequest(*body) : absl::StatusOr<agent::Request>(body.status());
  if (!request.ok()) return OnFailure(request.status());
  Call(*request);
  OnCalled();
}

void AnswerExchange::OnFrame(const agent::ServerFrame& frame) {
  responder_.Respond(200, kJsonType, ToText(render_(frame)));
}

void SettingExchange::OnFrame(const agent::ServerFrame& frame) {
  if (!frame.has_done()) return OnFailure(absl::InternalError("an answer that is not expected"));
  responder_.Respond(200, kJsonType, ToText(nlohmann::json::object()));
}

}  // namespace voidbox
