#include "agent/http/command_exchange.h"

#include <string.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/http/http_error.h"
#include "agent/http/output_text.h"
#include "agent/http/request_fields.h"
#include "base/bounded_json.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

using agent::ExecEnded;
using nlohmann::json;

constexpr absl::string_view kEventsType = "application/x-ndjson";
constexpr size_t kInputPieceBytes = 64 << 10;  // of a frame (agent.proto)

// "SIGKILL", or the number of one without a name.
json SignalName(uint32_t number) {
  if (number == 0) return nullptr;
  const char* const name = ::sigabbrev_np(static_cast<int>(number));
  return name != nullptr ? absl::StrCat("SIG", name) : absl::StrCat(number);
}

// How it ended. There is an exit code only where the program gave one, or never ran.
json Ending(const ExecEnded& ended) {
  const bool has_code =
      ended.reason() == ExecEnded::EXITED || ended.reason() == ExecEnded::NOT_STARTED;
  json ending = {{"exitCode", nullptr},
                 {"signal", SignalName(ended.signal())},
                 {"timedOut", ended.reason() == ExecEnded::TIMED_OUT},
                 {"oomKilled", ended.reason() == ExecEnded::OUT_OF_MEMORY},
                 {"durationMs", static_cast<double>(ended.duration_us()) / 1000}};
  if (has_code) ending["exitCode"] = ended.exit_code();
  if (!ended.message().empty()) ending["message"] = ended.message();
  return ending;
}

void SetText(json& object, const std::string& name, const std::string& encoding,
             OutputText output) {
  object[name] = std::move(output.text);
  if (output.base64) object[encoding] = "base64";
}

}  // namespace

absl::StatusOr<agent::Request> CommandExchange::MakeRequest(const json& body) {
  ASSIGN_OR_RETURN(input_, InputOf(body));
  ASSIGN_OR_RETURN(agent::Request request, options_.make(body));
  is_run_ts_ = request.has_run_ts();
  input_closed_ = input_.empty();  // as the request says then
  return request;
}

void CommandExchange::SendInput() {
  while (!input_closed_ && CallHasRoom()) {
    agent::ClientFrame frame;
    if (input_sent_ < input_.size()) {
      *frame.mutable_stdin() = input_.substr(input_sent_, kInputPieceBytes);
      input_sent_ += frame.stdin().size();
    } else {
      frame.mutable_close_stdin();
      input_closed_ = true;
      input_ = {};
    }
    Send(frame);
  }
}

void CommandExchange::OnFrame(const agent::ServerFrame& frame) {
  switch (frame.frame_case()) {
    case agent::ServerFrame::kStarted:
      if (!options_.stream) return;
      return SendEvent({{"event", "started"}, {"pid", frame.started().pid()}});
    case agent::ServerFrame::kStdout:
      return OnOutput(stdout_, frame.stdout());
    case agent::ServerFrame::kStderr:
      return OnOutput(stderr_, frame.stderr());
    case agent::ServerFrame::kRunTsResult:
      if (const absl::Status status = TakeResult(frame.run_ts_result()); !status.ok()) {
        OnFailure(status);
      }
      return;
    case agent::ServerFrame::kEnded:
      return OnEnded(frame.ended());
    default:
      return OnFailure(absl::InternalError("an answer that is not expected"));
  }
}

void CommandExchange::OnOutput(Output& output, const std::string& bytes) {
  if (!options_.stream) return Keep(output, bytes);
  // The rest of a character is at most three bytes.
  output.bytes += bytes;
  const size_t whole = WholeCharacters(output.bytes);
  SendOutput(output, absl::string_view(output.bytes).substr(0, whole));
  output.bytes.erase(0, whole);
}

void CommandExchange::Keep(Output& output, absl::string_view bytes) {
  if (output.truncated) return;
  const size_t room = services_.limits.output_bytes - output.bytes.size();
  const absl::string_view kept = bytes.substr(0, room);
  if (!share_.Take(kept.size())) {
    output.truncated = true;
  } else {
    output.bytes.append(kept.data(), kept.size());
    output.truncated = kept.size() < bytes.size();
  }
  // A cut is no reason to call it something else than text.
  if (output.truncated) output.bytes.resize(WholeCharacters(output.bytes));
}

void CommandExchange::SendOutput(const Output& output, absl::string_view bytes) {
  if (bytes.empty()) return;
  json event = {{"event", output.name}};
  SetText(event, "data", "encoding", ToOutputText(bytes));
  SendEvent(event);
}

void CommandExchange::SendEvent(const json& event) {
  if (!std::exchange(streaming_, true)) responder_.StartStream(kEventsType);
  responder_.Write(ToText(event));
}

void CommandExchange::OnEnded(const ExecEnded& ended) {
  json ending = Ending(ended);
  if (options_.stream) {
    for (const Output* const output : {&stdout_, &stderr_}) SendOutput(*output, output->bytes);
    ending["event"] = "exited";
    if (!std::exchange(streaming_, true)) responder_.StartStream(kEventsType);
    responder_.Write(WithResult(ending));
    return responder_.FinishStream();
  }
  SetText(ending, "stdout", "stdoutEncoding", ToOutputText(stdout_.bytes));
  SetText(ending, "stderr", "stderrEncoding", ToOutputText(stderr_.bytes));
  ending["truncated"] = stdout_.truncated || stderr_.truncated;
  responder_.Respond(200, kJsonType, WithResult(ending));
}

absl::Status CommandExchange::TakeResult(const agent::RunTsResult& result) {
  for (const auto& [text, to] :
       {std::pair(&result.result(), &result_), std::pair(&result.error(), &error_)}) {
    if (text->empty()) continue;
    const auto values = ParseJsonArray(absl::StrCat("[", *text, "]"));
    if (!values.ok() || values->size() != 1) {
      return absl::InternalError("the result of the program is not one JSON value");
    }
    *to = *text;
  }
  return absl::OkStatus();
}

std::string CommandExchange::WithResult(const json& object) const {
  std::string text = ToText(object);
  if (!is_run_ts_) return text;
  // Not parsed and written anew, which would round numbers.
  text.resize(text.rfind('}'));
  return absl::StrCat(text, ",\"result\":", result_, ",\"error\":", error_, "}\n");
}

void CommandExchange::OnFailure(const absl::Status& status) {
  if (!streaming_) return CallExchange::OnFailure(status);
  const HttpError error = HttpErrorOf(status);
  SendEvent(
      {{"event", "error"},
       {"error",
        {{"code", error.code}, {"message", error.message}, {"remediation", error.remediation}}}});
  responder_.FinishStream();
}

}  // namespace voidbox
