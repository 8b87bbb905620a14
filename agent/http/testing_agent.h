#ifndef VOIDBOX_AGENT_HTTP_TESTING_AGENT_H_
#define VOIDBOX_AGENT_HTTP_TESTING_AGENT_H_

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/agent.pb.h"
#include "agent/call_service.h"
#include "base/event_loop.h"

namespace voidbox {

// The agent behind the HTTP face, whose calls do what the test says.
class TestingAgent {
 public:
  // A call that takes longer than an answer; the test is its program.
  class FakeCall final : public Call {
   public:
    FakeCall(TestingAgent& agent, const agent::Request& request, Connection& connection,
             Settle settle)
        : request(request), agent_(agent), connection_(connection), settle_(std::move(settle)) {
      agent_.calls.push_back(this);
    }
    ~FakeCall() override {
      agent_.calls.erase(std::find(agent_.calls.begin(), agent_.calls.end(), this));
    }
    absl::Status OnFrame(const agent::ClientFrame& frame) override {
      input += frame.stdin() + frame.data();
      input_ended |= frame.has_close_stdin() || frame.has_end_data();
      if (agent_.on_frame) return agent_.on_frame(*this, frame);
      return absl::OkStatus();
    }
    bool WantsFrames() const override { return takes_frames && !done_; }
    void OnRoom() override {}
    void Cancel() override {
      ++agent_.cancelled;
      done_ = true;
    }
    bool Done() const override { return done_; }

    // For the test, from outside of the loop.
    void Send(const agent::ServerFrame& frame) {
      Queue(frame);
      settle_();
    }
    // The same from within on_frame or on_call.
    void Queue(const agent::ServerFrame& frame) {
      done_ |= frame.has_error() || frame.has_ended() || frame.has_transfer_done();
      connection_.Send(frame);
    }
    void TakeFrames(bool take) {
      takes_frames = take;
      settle_();
    }
    bool BackedUp() const { return connection_.BackedUp(); }

    const agent::Request request;
    std::string input;
    bool input_ended = false;
    bool takes_frames = true;

   private:
    TestingAgent& agent_;
    Connection& connection_;
    const Settle settle_;
    bool done_ = false;
  };

  explicit TestingAgent(EventLoop& loop)
      : service_(loop, {.version = "1.2.3", .handlers = Handlers()}) {}
  ~TestingAgent() { on_frame = nullptr; }

  void Serve(UniqueFd stream) { service_.Serve(std::move(stream)); }
  size_t connections() const { return service_.connections(); }

  std::vector<FakeCall*> calls;          // that have not ended
  int cancelled = 0;                     // calls
  std::vector<agent::Request> answered;  // requests of other kinds
  absl::Status answer;                   // to those
  std::function<absl::Status(FakeCall&, const agent::ClientFrame&)> on_frame;
  std::function<absl::Status(FakeCall&)> on_call;

 private:
  CallHandlers Handlers() {
    CallHandlers handlers;
    using agent::Request;
    for (const auto kind :
         {Request::kExec, Request::kRunTs, Request::kUpload, Request::kDownload}) {
      handlers[kind] =
          CallStarter([this](const Request& request, Connection& connection,
                             Call::Settle settle) -> absl::StatusOr<std::unique_ptr<Call>> {
            auto call = std::make_unique<FakeCall>(*this, request, connection, std::move(settle));
            if (!on_call) return call;
            if (absl::Status status = on_call(*call); !status.ok()) return status;
            return call;
          });
    }
    for (const auto kind :
         {Request::kMetrics, Request::kFirewall, Request::kNetwork, Request::kTimeSync}) {
      handlers[kind] =
          CallAnswerer([this](const Request& request) -> absl::StatusOr<agent::ServerFrame> {
            answered.push_back(request);
            if (!answer.ok()) return answer;
            agent::ServerFrame frame;
            if (request.has_metrics()) {
              frame.mutable_metrics()->set_cpus(3);
            } else {
              frame.mutable_done();
            }
            return frame;
          });
    }
    return handlers;
  }

  CallService service_;  // last: it ends its calls before what they use goes
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_HTTP_TESTING_AGENT_H_
