#ifndef VOIDBOX_AGENT_HTTP_COMMAND_EXCHANGE_H_
#define VOIDBOX_AGENT_HTTP_COMMAND_EXCHANGE_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/agent.pb.h"
#include "agent/http/call_exchange.h"

namespace voidbox {

// POST /exec and POST /run-ts: runs a program, gives it its input, and answers with how it ended
// and what it wrote, once it has ended, or as events (newline-delimited JSON) as they come.
class CommandExchange final : public JsonExchange {
 public:
  using Make = absl::StatusOr<agent::Request> (*)(const nlohmann::json& body);
  struct Options {
    Make make;
    bool stream;
  };
  CommandExchange(HttpServices& services, Responder& responder, Options options)
      : JsonExchange(services, responder), options_(options) {}

  // Events are lines: an empty one is none.
  absl::string_view Filler() const override { return "\n"; }

 private:
  // One of the two outputs.
  struct Output {
    const char* name;
    std::string bytes;       // kept for the answer; streaming, the rest of a character
    bool truncated = false;  // what came after was dropped
  };

  absl::StatusOr<agent::Request> MakeRequest(const nlohmann::json& body) override;
  void OnCalled() override { SendInput(); }
  void OnCallRoom() override { SendInput(); }
  void OnFrame(const agent::ServerFrame& frame) override;
  void OnFailure(const absl::Status& status) override;

  void SendInput();
  void OnOutput(Output& output, const std::string& bytes);
  void OnEnded(const agent::ExecEnded& ended);
  void Keep(Output& output, absl::string_view bytes);
  void SendEvent(const nlohmann::json& event);
  void SendOutput(const Output& output, absl::string_view bytes);
  absl::Status TakeResult(const agent::RunTsResult& result);
  // The object's text with what run-ts gave added, as it was written.
  std::string WithResult(const nlohmann::json& object) const;

  const Options options_;
  std::string input_;
  size_t input_sent_ = 0;
  bool input_closed_ = true;
  bool streaming_ = false;
  Output stdout_{.name = "stdout"};
  Output stderr_{.name = "stderr"};
  bool is_run_ts_ = false;
  std::string result_ = "null";  // JSON texts
  std::string error_ = "null";
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_HTTP_COMMAND_EXCHANGE_H_
