// What a client sends, in whatever pieces, until it ends its sending. The agent is a fake that
// answers each call at once.
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "agent/http/http_server.h"
#include "agent/http/testing_agent.h"
#include "base/check.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

using FakeCall = TestingAgent::FakeCall;

agent::ServerFrame Frame() { return {}; }

// An exec writes back what it is given; transfers begin.
absl::Status Begin(FakeCall& call) {
  agent::ServerFrame frame = Frame();
  if (call.request.has_upload() || call.request.has_download()) {
    frame.mutable_transfer_ready();
    call.Queue(frame);
    if (call.request.has_upload()) return absl::OkStatus();
    if (call.request.download().path().empty()) return absl::NotFoundError("download");
    frame.set_data(call.request.download().path());
    call.Queue(frame);
    frame.mutable_transfer_done();
    call.Queue(frame);
    return absl::OkStatus();
  }
  frame.mutable_started()->set_pid(1);
  call.Queue(frame);
  if (call.request.has_run_ts()) {
    // Nothing of it is trusted.
    frame.mutable_run_ts_result()->set_result(call.request.run_ts().code());
    call.Queue(frame);
  } else {
    for (const std::string& argument : call.request.exec().argv()) {
      frame.set_stdout(argument.substr(0, Connection::kMaxOutputPieceBytes));
      call.Queue(frame);
    }
    if (call.request.exec().stdin()) return absl::OkStatus();
  }
  frame.mutable_ended()->set_reason(agent::ExecEnded::EXITED);
  call.Queue(frame);
  return absl::OkStatus();
}

absl::Status GoOn(FakeCall& call, const agent::ClientFrame& sent) {
  agent::ServerFrame frame = Frame();
  if (sent.has_stdin()) {
    frame.set_stderr(sent.stdin());
    call.Queue(frame);
  }
  if (sent.has_close_stdin()) {
    frame.mutable_ended()->set_reason(agent::ExecEnded::SIGNALED);
    call.Queue(frame);
  }
  if (sent.has_end_data()) {
    frame.mutable_transfer_done()->set_bytes(call.input.size());
    call.Queue(frame);
  }
  return absl::OkStatus();
}

// The first byte says in which pieces the rest arrives.
void RunInput(const uint8_t* data, size_t size) {
  if (size == 0) return;
  ::signal(SIGPIPE, SIG_IGN);
  const size_t piece = data[0] + 1u;
  absl::string_view rest(static_cast<const char*>(static_cast<const void*>(data + 1)), size - 1);

  const auto loop = EventLoop::Create().value();
  TestingAgent agent(*loop);
  agent.on_call = Begin;
  agent.on_frame = GoOn;
  HttpServer server(
      *loop,
      {.serve_call = [&](UniqueFd stream) { agent.Serve(std::move(stream)); },
       .timeouts = {.linger = absl::Milliseconds(1)},
       .limits = {
           .json_bytes = 4096, .output_bytes = 64, .upload_bytes = 1000, .buffered_bytes = 8192}});
  int pair[2];
  Check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0, "there is a socket");
  UniqueFd client(pair[1]);
  server.Serve(UniqueFd(pair[0]));
  std::string answers;
  const auto turn = [&](absl::Duration wait) {
    Check(loop->RunOnce(wait).ok(), "the loop turns");
    char bytes[4096];
    for (ssize_t got; (got = ::read(client.get(), bytes, sizeof(bytes))) > 0;) {
      answers.append(bytes, static_cast<size_t>(got));
    }
  };
  while (!rest.empty() && server.connections() != 0) {
    const ssize_t sent =
        ::send(client.get(), rest.data(), std::min(piece, rest.size()), MSG_NOSIGNAL);
    if (sent > 0) rest.remove_prefix(static_cast<size_t>(sent));
    turn(absl::ZeroDuration());
  }
  ::shutdown(client.get(), SHUT_WR);
  for (int turns = 0; server.connections() != 0; ++turns) {
    Check(turns < 100'000, "a client that says no more is served in the end");
    turn(absl::Seconds(1));
  }
  turn(absl::ZeroDuration());
  Check(answers.empty() || absl::StartsWith(answers, "HTTP/1."), "answers are HTTP");
}

}  // namespace
}  // namespace voidbox

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  voidbox::RunInput(data, size);
  return 0;
}
