#ifndef VOIDBOX_SANDBOX_TESTING_AGENT_STREAM_H_
#define VOIDBOX_SANDBOX_TESTING_AGENT_STREAM_H_

#include <fcntl.h>
#include <sys/socket.h>

#include <initializer_list>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "agent/agent.pb.h"
#include "base/check.h"
#include "base/frame.h"
#include "base/unique_fd.h"

namespace voidbox {

// An agent behind a connection to a vsock.sock that says what a test likes, whatever it is asked,
// and hangs up. Reads all that it is sent.
class TestingAgentStream {
 public:
  explicit TestingAgentStream(absl::string_view says) {
    int pair[2];
    Check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "there is a socket");
    host_.Reset(pair[0]);
    Check(::fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0, "it does not block");
    thread_ = std::thread([this, agent = UniqueFd(pair[1]), bytes = absl::StrCat("OK 1\n", says)] {
      Speak(agent.get(), bytes);
    });
  }
  ~TestingAgentStream() {
    host_.Reset();
    thread_.join();
  }
  TestingAgentStream(const TestingAgentStream&) = delete;
  TestingAgentStream& operator=(const TestingAgentStream&) = delete;

  // The connection, once.
  UniqueFd TakeConnection() { return std::move(host_); }

  static std::string Frames(std::initializer_list<agent::ServerFrame> frames) {
    std::string bytes;
    for (const agent::ServerFrame& frame : frames) {
      Check(AppendFrame(frame, bytes).ok(), "a frame is within its limit");
    }
    return bytes;
  }

 private:
  static void Speak(int agent, absl::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(agent, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // the host has hung up
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    ::shutdown(agent, SHUT_WR);
    char heard[4096];
    while (::recv(agent, heard, sizeof(heard), 0) > 0) {
    }
  }

  UniqueFd host_;
  std::thread thread_;
};

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_TESTING_AGENT_STREAM_H_
