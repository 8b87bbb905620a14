#ifndef VOIDBOX_AGENT_TESTING_CLIENT_H_
#define VOIDBOX_AGENT_TESTING_CLIENT_H_

#include <sys/socket.h>

#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "agent/agent.pb.h"
#include "agent/ports.h"
#include "base/frame.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"

namespace voidbox {

// The host's side of one call, blocking, for tests.
class TestingClient {
 public:
  explicit TestingClient(UniqueFd fd) : fd_(std::move(fd)) {}

  // What an exec call said until its stream ended.
  struct Result {
    std::string out, err;
    uint32_t pid = 0;
    agent::ExecEnded ended;  // the default one when it did not come
    agent::Error error;      // likewise
    absl::Status end;        // of the stream
    bool has_ended = false;
  };

  static agent::Request Exec(std::initializer_list<std::string> argv) {
    agent::Request request;
    for (const std::string& argument : argv) request.mutable_exec()->add_argv(argument);
    return request;
  }
  static agent::Request Shell(const std::string& script) { return Exec({"sh", "-c", script}); }

  void Send(const google::protobuf::MessageLite& message) {
    EXPECT_THAT(WriteFrame(fd_.get(), message, kMaxRequestBytes), IsOk());
  }
  void SendBytes(absl::string_view bytes) { EXPECT_THAT(WriteAll(fd_.get(), bytes), IsOk()); }
  void SendInput(const std::string& bytes) {
    agent::ClientFrame frame;
    frame.set_stdin(bytes);
    Send(frame);
  }
  void EndInput() {
    agent::ClientFrame frame;
    frame.mutable_close_stdin();
    Send(frame);
  }
  void Signal(uint32_t number) {
    agent::ClientFrame frame;
    frame.mutable_signal()->set_number(number);
    Send(frame);
  }
  // The host has nothing more to say but listens.
  void HalfClose() { ::shutdown(fd_.get(), SHUT_WR); }
  void Close() { fd_.Reset(); }
  int fd() const { return fd_.get(); }

  absl::StatusOr<agent::ServerFrame> Receive() {
    agent::ServerFrame frame;
    if (absl::Status status = ReadFrame(fd_.get(), frame); !status.ok()) return status;
    return frame;
  }

  // Reads until `text` has come on standard output.
  void AwaitOutput(const std::string& text) {
    std::string out;
    while (out.find(text) == std::string::npos) {
      auto frame = Receive();
      ASSERT_THAT(frame, IsOk());
      ASSERT_FALSE(frame->has_ended());
      out += frame->stdout();
    }
  }

  Result Finish() {
    Result result;
    for (;;) {
      auto frame = Receive();
      if (!frame.ok()) {
        result.end = frame.status();
        return result;
      }
      EXPECT_FALSE(result.has_ended) << "a frame after the last one";
      if (frame->has_started()) result.pid = frame->started().pid();
      result.out += frame->stdout();
      result.err += frame->stderr();
      if (frame->has_error()) result.error = frame->error();
      if (frame->has_ended()) result.ended = frame->ended();
      result.has_ended = frame->has_error() || frame->has_ended();
    }
  }

  Result Run(const agent::Request& request) {
    Send(request);
    return Finish();
  }

 private:
  UniqueFd fd_;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_TESTING_CLIENT_H_
