#ifndef VOIDBOX_AGENT_HTTP_TESTING_HTTP_H_
#define VOIDBOX_AGENT_HTTP_TESTING_HTTP_H_

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/http/http_server.h"
#include "agent/http/testing_agent.h"
#include "agent/http/testing_response.h"
#include "base/event_loop.h"
#include "base/status_matchers.h"

namespace voidbox {

// A server before a TestingAgent, and clients, on one loop that the test turns.
class HttpTest : public ::testing::Test {
 protected:
  class Client {
   public:
    Client(EventLoop& loop, UniqueFd stream) : stream_(std::move(stream)) {
      watch_ = loop.Add(stream_.get(), EPOLLIN, [this](uint32_t) { Read(); }).value();
    }
    void Send(absl::string_view bytes) {
      EXPECT_EQ(::send(stream_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(bytes.size()));
    }
    // As much as goes now.
    size_t SendSome(absl::string_view bytes) {
      const ssize_t sent = ::send(stream_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      return sent < 0 ? 0 : static_cast<size_t>(sent);
    }
    void HalfClose() { ::shutdown(stream_.get(), SHUT_WR); }
    void Close() {
      watch_.Reset();
      stream_.Reset();
    }
    // Leaves what comes where it is.
    void StopReading() { EXPECT_THAT(watch_.SetEvents(0), IsOk()); }
    void GoOnReading() { EXPECT_THAT(watch_.SetEvents(EPOLLIN), IsOk()); }

    std::string received;
    bool ended = false;

   private:
    void Read() {
      std::string piece(64 << 10, '\0');
      const ssize_t got = ::read(stream_.get(), piece.data(), piece.size());
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) {
        ended = true;
        watch_.Reset();
        return;
      }
      received.append(piece.data(), static_cast<size_t>(got));
    }
    UniqueFd stream_;
    EventLoop::Watch watch_;
  };

  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);  // as whoever serves calls does
    Start({});
  }
  void Start(HttpServer::Options options) {
    server_.reset();
    options.serve_call = [this](UniqueFd stream) { agent_.Serve(std::move(stream)); };
    server_ = std::make_unique<HttpServer>(*loop_, std::move(options));
  }

  std::unique_ptr<Client> Connect() {
    int pair[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    auto client = std::make_unique<Client>(*loop_, UniqueFd(pair[1]));
    server_->Serve(UniqueFd(pair[0]));
    return client;
  }
  // Turns the loop until it is so.
  void Await(const std::function<bool()>& done) {
    const absl::Time deadline = absl::Now() + absl::Seconds(10);
    while (!done()) {
      ASSERT_LT(absl::Now(), deadline) << "it did not come in time";
      ASSERT_THAT(loop_->RunOnce(absl::Seconds(1)), IsOk());
    }
  }
  // Turns the loop until no event is left.
  void Settle() {
    for (int i = 0; i < 100; ++i) ASSERT_THAT(loop_->RunOnce(absl::ZeroDuration()), IsOk());
  }
  // More than the socket takes at once.
  void SendAll(Client& client, absl::string_view bytes) {
    Await([&] {
      bytes.remove_prefix(client.SendSome(bytes));
      return bytes.empty();
    });
  }
  HttpResponse Receive(Client& client, bool head_only = false) {
    std::optional<HttpResponse> response;
    Await([&] {
      response = TakeResponse(client.received, client.ended, head_only);
      return (response.has_value() && response->complete) || client.ended;
    });
    return response.value_or(HttpResponse{});
  }
  HttpResponse Ask(absl::string_view request, bool head_only = false) {
    const auto client = Connect();
    client->Send(request);
    return Receive(*client, head_only);
  }
  static std::string Post(absl::string_view target, absl::string_view body) {
    return absl::StrCat("POST ", target,
                        " HTTP/1.1\r\nHost: guest\r\nContent-Length: ", body.size(), "\r\n\r\n",
                        body);
  }
  TestingAgent::FakeCall& AwaitCall() {
    Await([&] { return !agent_.calls.empty(); });
    return *agent_.calls.at(0);
  }

  const std::unique_ptr<EventLoop> loop_ = EventLoop::Create().value();
  TestingAgent agent_{*loop_};
  std::unique_ptr<HttpServer> server_;
};

// Frames of a call.
inline agent::ServerFrame Started() {
  agent::ServerFrame frame;
  frame.mutable_started()->set_pid(42);
  return frame;
}
inline agent::ServerFrame Stdout(const std::string& bytes) {
  agent::ServerFrame frame;
  frame.set_stdout(bytes);
  return frame;
}
inline agent::ServerFrame Stderr(const std::string& bytes) {
  agent::ServerFrame frame;
  frame.set_stderr(bytes);
  return frame;
}
inline agent::ServerFrame Ended(agent::ExecEnded::Reason reason, uint32_t exit_code,
                                uint32_t signal = 0, const std::string& message = "") {
  agent::ServerFrame frame;
  agent::ExecEnded& ended = *frame.mutable_ended();
  ended.set_reason(reason);
  ended.set_exit_code(exit_code);
  ended.set_signal(signal);
  ended.set_message(message);
  ended.set_duration_us(1500);
  return frame;
}
inline agent::ServerFrame Failed(agent::Error::Code code, const std::string& message) {
  agent::ServerFrame frame;
  frame.mutable_error()->set_code(code);
  frame.mutable_error()->set_message(message);
  return frame;
}
inline agent::ServerFrame Ready() {
  agent::ServerFrame frame;
  frame.mutable_transfer_ready();
  return frame;
}
inline agent::ServerFrame Data(const std::string& bytes) {
  agent::ServerFrame frame;
  frame.set_data(bytes);
  return frame;
}
inline agent::ServerFrame TransferDone(uint64_t files, uint64_t bytes) {
  agent::ServerFrame frame;
  frame.mutable_transfer_done()->set_files(files);
  frame.mutable_transfer_done()->set_bytes(bytes);
  return frame;
}

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_HTTP_TESTING_HTTP_H_
