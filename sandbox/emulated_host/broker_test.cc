#include "sandbox/emulated_host/broker.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unix_socket.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// A Broker with a fake QEMU (fake_qemu.cc), and commands that connect to it.
class BrokerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);
    loop_ = *EventLoop::Create();
    home_ = ::testing::TempDir() + "/broker_test";
    std::filesystem::remove_all(home_);
    std::filesystem::create_directories(home_ + "/cache");
    directory_.Reset(::open(home_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    options_.machine.qemu =
        std::string(std::getenv("TEST_SRCDIR")) + "/voidbox/sandbox/emulated_host/fake_qemu";
    options_.machine.firmware = {};
    options_.machine.kernel = "/serve";
    options_.machine.home = home_;
    options_.cache = home_ + "/cache";
    options_.image_digest = "digest";
    // A test that waits for one of these sets it.
    options_.idle_limit = options_.boot_limit = options_.state_start_limit = options_.slow_after =
        absl::Hours(1);
  }

  void Start() {
    std::filesystem::remove(home_ + "/host.sock");
    auto listener = ListenUnix(directory_.get(), "host.sock");
    ASSERT_THAT(listener, IsOk());
    ended_.reset();
    auto broker = Broker::Start(*loop_, *std::move(listener), options_,
                                [this](const absl::Status& status) { ended_ = status; });
    ASSERT_THAT(broker, IsOk());
    broker_ = *std::move(broker);
  }

  // What a broker that works leaves as its saved state; then another state in its place.
  void SaveState(const std::string& contents) {
    Start();
    ASSERT_TRUE(Serves());
    broker_.reset();
    ASSERT_THAT(Starts(), SizeIs(1));
    std::filesystem::remove(home_ + "/starts");
    ASSERT_THAT(WriteFileAtomically(StatePath(), contents), IsOk());
  }
  std::string StatePath() {
    for (const auto& entry : std::filesystem::directory_iterator(options_.cache)) {
      return (entry.path() / "state").string();
    }
    return "";
  }

  // How QEMU was started since the test began, or SaveState.
  std::vector<std::string> Starts() {
    std::vector<std::string> starts;
    std::string text = ReadFile(home_ + "/starts").value_or("");
    for (size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
      starts.push_back(text.substr(0, end));
    }
    return starts;
  }

  void RunUntil(const std::function<bool()>& done) {
    const absl::Time deadline = absl::Now() + absl::Seconds(60);
    while (!done()) {
      ASSERT_LT(absl::Now(), deadline) << "nothing more happens";
      ASSERT_THAT(loop_->RunOnce(absl::Milliseconds(5)), IsOk());
    }
  }
  void RunUntilReadable(int fd) {
    RunUntil([fd] {
      pollfd readable = {.fd = fd, .events = POLLIN, .revents = 0};
      return ::poll(&readable, 1, 0) == 1;
    });
  }
  absl::Status RunUntilEnded() {
    RunUntil([&] { return ended_.has_value(); });
    return ended_.value_or(absl::UnknownError("it did not end"));
  }

  UniqueFd Connect() { return *ConnectUnix(directory_.get(), "host.sock"); }
  UniqueFd Ask(const std::function<void(host::HostRequest&)>& fill) {
    UniqueFd socket = Connect();
    host::HostRequest request;
    fill(request);
    EXPECT_THAT(WriteFrame(socket.get(), request), IsOk());
    return socket;
  }
  UniqueFd AskToOpen() {
    return Ask([](host::HostRequest& request) { request.mutable_open(); });
  }
  // The next reply; none at the end of the connection.
  std::optional<host::HostReply> Reply(const UniqueFd& socket) {
    RunUntilReadable(socket.get());
    if (HasFatalFailure()) return std::nullopt;
    host::HostReply reply;
    ::fcntl(socket.get(), F_SETFL, 0);
    const absl::Status read = ReadFrame(socket.get(), reply);
    ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);
    if (!read.ok()) return std::nullopt;
    return reply;
  }
  // The last reply, after what was told of the progress meanwhile.
  host::HostReply LastReply(const UniqueFd& socket, std::vector<std::string>* progress = nullptr) {
    for (;;) {
      const auto reply = Reply(socket);
      if (!reply.has_value() || reply->progress().empty()) return reply.value_or(host::HostReply());
      if (progress != nullptr) progress->push_back(reply->progress());
    }
  }
  host::Status Status() {
    const UniqueFd socket = Ask([](host::HostRequest& request) { request.mutable_status(); });
    return LastReply(socket).status();
  }
  // Whether the call on `socket` carries bytes there and back.
  bool Echoes(const UniqueFd& socket, const std::string& bytes) {
    return Echoes(socket, bytes, bytes);
  }
  bool Echoes(const UniqueFd& socket, const std::string& bytes, const std::string& expected) {
    EXPECT_THAT(WriteAll(socket.get(), bytes), IsOk());
    std::string echo;
    while (echo.size() < expected.size()) {
      RunUntilReadable(socket.get());
      if (HasFatalFailure()) return false;
      char piece[4096];
      const ssize_t got = ::read(socket.get(), piece, sizeof(piece));
      if (got <= 0) return false;
      echo.append(piece, static_cast<size_t>(got));
    }
    return echo == expected;
  }
  bool Serves() {
    const UniqueFd call = AskToOpen();
    return LastReply(call).has_opened() && Echoes(call, "hello");
  }
  bool AtEnd(const UniqueFd& socket) {
    RunUntilReadable(socket.get());
    if (HasFatalFailure()) return false;
    char byte;
    return ::read(socket.get(), &byte, 1) == 0;
  }

  std::unique_ptr<EventLoop> loop_;
  std::string home_;
  UniqueFd directory_;
  Broker::Options options_;
  std::optional<absl::Status> ended_;
  std::unique_ptr<Broker> broker_;
};

TEST_F(BrokerTest, BootsOnceAndStartsFromItsSavedStateFromThenOn) {
  Start();
  std::vector<std::string> progress;
  const UniqueFd first = AskToOpen();
  EXPECT_TRUE(LastReply(first, &progress).has_opened());
  EXPECT_TRUE(Echoes(first, "first"));
  EXPECT_THAT(progress, SizeIs(1));  // one line for a person
  EXPECT_FALSE(Status().from_saved_state());

  broker_.reset();
  Start();
  progress.clear();
  const UniqueFd second = AskToOpen();
  EXPECT_TRUE(LastReply(second, &progress).has_opened());
  EXPECT_TRUE(Echoes(second, "second"));
  EXPECT_THAT(progress, SizeIs(1));
  EXPECT_TRUE(Status().from_saved_state());
  EXPECT_EQ(Starts(), (std::vector<std::string>{"boot serve", "state serve"}));
}

TEST_F(BrokerTest, ServesTwoClientsAtOnceAndKeepsThemApart) {
  Start();
  const UniqueFd one = AskToOpen();
  const UniqueFd two = AskToOpen();
  EXPECT_TRUE(LastReply(one).has_opened());
  EXPECT_TRUE(LastReply(two).has_opened());
  EXPECT_THAT(WriteAll(one.get(), "one"), IsOk());
  EXPECT_TRUE(Echoes(two, "two"));
  EXPECT_TRUE(Echoes(one, "", "one"));
  EXPECT_EQ(Status().calls(), 2u);
  EXPECT_THAT(Starts(), SizeIs(1));
}

TEST_F(BrokerTest, TellsOfItselfWhileItStartsAndWhenItRuns) {
  options_.machine.kernel = "/hang";
  Start();
  EXPECT_EQ(Status().qemu_pid(), 0);
  const UniqueFd call = AskToOpen();
  RunUntil([&] { return !Starts().empty(); });
  host::Status status = Status();
  EXPECT_EQ(status.state(), host::Status::STARTING);
  EXPECT_EQ(status.broker_pid(), ::getpid());
  EXPECT_GT(status.qemu_pid(), 0);
  EXPECT_EQ(status.calls(), 0u);
  EXPECT_EQ(status.idle_limit_seconds(), 3600u);
  EXPECT_EQ(status.start_ms(), 0u);
  options_.machine.kernel = "/serve";
  Start();
  ASSERT_TRUE(Serves());
  status = Status();
  EXPECT_EQ(status.state(), host::Status::RUNNING);
}

TEST_F(BrokerTest, TellsThoseWhoWaitWhenItTakesLong) {
  options_.machine.kernel = "/hang";
  options_.slow_after = absl::Milliseconds(50);
  Start();
  const UniqueFd call = AskToOpen();
  EXPECT_THAT(Reply(call)->progress(), HasSubstr("starting"));
  EXPECT_THAT(Reply(call)->progress(), HasSubstr("still starting"));
}

TEST_F(BrokerTest, SaysWhyQemuDoesNotStart) {
  options_.machine.kernel = "/exit";
  Start();
  const UniqueFd call = AskToOpen();
  EXPECT_THAT(LastReply(call).error(),
              AllOf(HasSubstr("exit status 3"), HasSubstr("does not know 'exit'")));
  EXPECT_THAT(RunUntilEnded(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("exit status 3")));
  EXPECT_THAT(Starts(), SizeIs(1));
}

TEST_F(BrokerTest, SaysThatQemuIsMissing) {
  options_.machine.qemu = "/nonexistent/qemu";
  Start();
  const UniqueFd call = AskToOpen();
  EXPECT_THAT(LastReply(call).error(), HasSubstr("/nonexistent/qemu"));
  EXPECT_THAT(RunUntilEnded(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent")));
}

TEST_F(BrokerTest, GivesUpABootThatTakesTooLong) {
  options_.machine.kernel = "/hang";
  options_.boot_limit = absl::Milliseconds(100);
  Start();
  const UniqueFd call = AskToOpen();
  EXPECT_THAT(LastReply(call).error(), HasSubstr("not up after 100ms"));
  EXPECT_THAT(RunUntilEnded(), StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("100ms")));
}

TEST_F(BrokerTest, SaysWhatHostdRefuses) {
  options_.machine.kernel = "/reject";
  Start();
  const UniqueFd call = AskToOpen();
  EXPECT_THAT(LastReply(call).error(), HasSubstr("cannot mount"));
  EXPECT_THAT(RunUntilEnded(), StatusIs(absl::StatusCode::kInternal, HasSubstr("cannot mount")));
}

// A saved state that is of no use costs one boot, and is replaced by that one's.

TEST_F(BrokerTest, BootsAfreshWhenQemuEndsOnItsSavedState) {
  SaveState("garbage");
  Start();
  std::vector<std::string> progress;
  const UniqueFd call = AskToOpen();
  EXPECT_TRUE(LastReply(call, &progress).has_opened());
  EXPECT_TRUE(Echoes(call, "hello"));
  EXPECT_THAT(progress, Contains(AllOf(HasSubstr("saved state"), HasSubstr("exit status 3"),
                                       HasSubstr("boots afresh"))));
  EXPECT_FALSE(Status().from_saved_state());
  EXPECT_EQ(Starts(), (std::vector<std::string>{"state garbage", "boot serve"}));
  EXPECT_EQ(*ReadFile(StatePath()), "serve");
}

TEST_F(BrokerTest, BootsAfreshWhenItsSavedStateDoesNotComeUp) {
  SaveState("hang");
  options_.state_start_limit = absl::Milliseconds(100);
  Start();
  std::vector<std::string> progress;
  const UniqueFd call = AskToOpen();
  EXPECT_TRUE(LastReply(call, &progress).has_opened());
  EXPECT_THAT(progress, Contains(HasSubstr("not up after 100ms")));
  EXPECT_EQ(Starts(), (std::vector<std::string>{"state hang", "boot serve"}));
  EXPECT_EQ(*ReadFile(StatePath()), "serve");
}

TEST_F(BrokerTest, BootsAfreshOnlyOnce) {
  SaveState("garbage");
  options_.machine.kernel = "/exit";
  Start();
  const UniqueFd call = AskToOpen();
  EXPECT_THAT(LastReply(call).error(), HasSubstr("does not know 'exit'"));
  EXPECT_FALSE(RunUntilEnded().ok());
  EXPECT_EQ(Starts(), (std::vector<std::string>{"state garbage", "boot exit"}));
  EXPECT_FALSE(std::filesystem::exists(StatePath()));
}

// QEMU that ends once it ran is no reason to distrust the state.
TEST_F(BrokerTest, EndsWithQemuAndKeepsTheState) {
  SaveState("serve");
  Start();
  const UniqueFd call = AskToOpen();
  ASSERT_TRUE(LastReply(call).has_opened());
  ASSERT_TRUE(Echoes(call, "hello"));
  ASSERT_EQ(::kill(Status().qemu_pid(), SIGKILL), 0);
  EXPECT_TRUE(AtEnd(call));
  // Who comes before we know of QEMU's end is to ask the next host: his connection just ends.
  const UniqueFd late = AskToOpen();
  EXPECT_THAT(RunUntilEnded(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("signal 9")));
  broker_.reset();
  EXPECT_FALSE(Reply(late).has_value());
  EXPECT_EQ(*ReadFile(StatePath()), "serve");
}

TEST_F(BrokerTest, EndsWhenIdle) {
  options_.idle_limit = absl::Milliseconds(100);
  Start();
  {
    const UniqueFd call = AskToOpen();
    ASSERT_TRUE(LastReply(call).has_opened());
    const absl::Time busy_until = absl::Now() + 3 * options_.idle_limit;
    RunUntil([&] { return absl::Now() > busy_until; });
    ASSERT_FALSE(ended_.has_value()) << "ended under a call";
    EXPECT_TRUE(Echoes(call, "hello"));
  }
  EXPECT_THAT(RunUntilEnded(), IsOk());
}

TEST_F(BrokerTest, EndsWhenNobodyEverNeedsTheHost) {
  options_.idle_limit = absl::Milliseconds(100);
  Start();
  EXPECT_THAT(RunUntilEnded(), IsOk());
  EXPECT_THAT(Starts(), SizeIs(0));
}

TEST_F(BrokerTest, EndsWhenIdleThoughItsStatusIsAskedForAllTheTime) {
  options_.idle_limit = absl::Milliseconds(200);
  Start();
  ASSERT_TRUE(Serves());
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (!ended_.has_value() && absl::Now() < deadline) {
    const UniqueFd socket = Ask([](host::HostRequest& request) { request.mutable_status(); });
    RunUntil([&] {
      pollfd readable = {.fd = socket.get(), .events = POLLIN, .revents = 0};
      return ended_.has_value() || ::poll(&readable, 1, 0) == 1;
    });
  }
  ASSERT_TRUE(ended_.has_value());
  EXPECT_THAT(*ended_, IsOk());
}

TEST_F(BrokerTest, AClientThatHangsUpWhileItWaitsIsForgotten) {
  SaveState("hang");
  options_.state_start_limit = absl::Milliseconds(300);
  Start();
  {
    const UniqueFd call = AskToOpen();
    ASSERT_THAT(Reply(call)->progress(), HasSubstr("starting"));
  }
  EXPECT_TRUE(Serves());
}

TEST_F(BrokerTest, AClientThatHangsUpEndsItsCallOnly) {
  Start();
  const UniqueFd other = AskToOpen();
  ASSERT_TRUE(LastReply(other).has_opened());
  ASSERT_TRUE(Serves());  // and hangs up
  RunUntil([&] { return Status().calls() == 1; });
  EXPECT_TRUE(Echoes(other, "hello"));
}

TEST_F(BrokerTest, RefusesMoreCallsThanItCarriesAndGoesOn) {
  Start();
  std::vector<UniqueFd> calls;
  for (int i = 0; i < 256; ++i) {
    calls.push_back(AskToOpen());
    ASSERT_TRUE(LastReply(calls.back()).has_opened());
  }
  const UniqueFd refused = AskToOpen();
  EXPECT_THAT(LastReply(refused).error(), HasSubstr("256"));
  EXPECT_TRUE(AtEnd(refused));
  EXPECT_TRUE(Echoes(calls.back(), "hello"));
}

TEST_F(BrokerTest, CarriesRequestsToHostdAndStartsNoHostForThem) {
  Start();
  const auto list = [](host::HostRequest& request) { request.mutable_hostd()->mutable_list(); };
  const UniqueFd early = Ask(list);
  const auto refused = Reply(early);
  ASSERT_TRUE(refused.has_value());
  EXPECT_THAT(refused->error(), HasSubstr("no emulated KVM host is running"));
  EXPECT_THAT(Starts(), SizeIs(0));
  ASSERT_TRUE(Serves());
  const UniqueFd asked = Ask(list);
  const auto opened = Reply(asked);
  ASSERT_TRUE(opened.has_value() && opened->has_opened());
  RunUntilReadable(asked.get());
  ASSERT_EQ(::fcntl(asked.get(), F_SETFL, 0), 0);
  host::HostdReply reply;
  ASSERT_THAT(ReadFrame(asked.get(), reply), IsOk());
  EXPECT_EQ(reply.sandbox().id(), "0123456789ab");
}

TEST_F(BrokerTest, WithoutDescriptorsItWaitsAndServesThoseWhoCameMeanwhile) {
  Start();
  const UniqueFd client = Ask([](host::HostRequest& request) { request.mutable_status(); });
  rlimit limit;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none = {.rlim_cur = 0, .rlim_max = limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  int turns = 0;
  const absl::Time end = absl::Now() + absl::Milliseconds(300);
  for (; absl::Now() < end; ++turns) {
    ASSERT_THAT(loop_->RunOnce(end - absl::Now()), IsOk());
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_LT(turns, 30) << "it spins";
  const auto reply = Reply(client);
  ASSERT_TRUE(reply.has_value());
  EXPECT_TRUE(reply->has_status());
}

TEST_F(BrokerTest, StopsWhenAskedTo) {
  Start();
  const UniqueFd call = AskToOpen();
  ASSERT_TRUE(LastReply(call).has_opened());
  const UniqueFd stop = Ask([](host::HostRequest& request) { request.mutable_stop(); });
  EXPECT_THAT(RunUntilEnded(), IsOk());
  broker_.reset();
  EXPECT_TRUE(AtEnd(stop));
  EXPECT_TRUE(AtEnd(call));
}

TEST_F(BrokerTest, RefusesWhatIsNoRequestAndGoesOn) {
  Start();
  const std::string unknown(4, '\0');                      // a frame without a request
  const std::string garbage("\x03\0\0\0\xff\xff\xff", 7);  // not a message
  const std::string endless("\xff\xff\xff\x7f", 4);
  for (const std::string& bytes : {unknown, garbage, endless}) {
    const UniqueFd socket = Connect();
    ASSERT_THAT(WriteAll(socket.get(), bytes), IsOk());
    EXPECT_NE(LastReply(socket).error(), "");
    EXPECT_TRUE(AtEnd(socket));
  }
  EXPECT_TRUE(Serves());
}

}  // namespace
}  // namespace voidbox
