#include "agent/ping/ping.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "agent/net/testing_network.h"
#include "base/io.h"
#include "base/pipe.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

constexpr uid_t kUser = 1000;
constexpr char kRange[] = "/proc/sys/net/ipv4/ping_group_range";

// In a process of an ordinary user, as a guest's commands are.
class PingTest : public NetworkTest {
 protected:
  void SetUp() override {
    NetworkTest::SetUp();
    AllowGroups("0 2147483647");
  }
  static void AllowGroups(absl::string_view range) {
    const UniqueFd file(::open(kRange, O_WRONLY | O_CLOEXEC));
    ASSERT_THAT(WriteAll(file.get(), range), IsOk());
  }

  struct Result {
    int exit_status = -1;
    std::string text;
  };
  struct Running {
    pid_t pid = -1;
    UniqueFd output;
  };
  static Running Start(const std::vector<const char*>& arguments, absl::string_view name) {
    auto pipe = NewPipe();
    EXPECT_THAT(pipe, IsOk());
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::dup2(pipe->write.get(), STDOUT_FILENO);
      ::dup2(pipe->write.get(), STDERR_FILENO);
      if (::setresgid(kUser, kUser, kUser) != 0 || ::setresuid(kUser, kUser, kUser) != 0)
        ::_exit(9);
      ::_exit(RunPing(name, arguments));
    }
    return {pid, std::move(pipe->read)};
  }
  static Result Finish(const Running& running) {
    Result result;
    char bytes[4096];
    for (;;) {
      const auto got = ReadUpTo(running.output.get(), bytes, sizeof(bytes));
      if (!got.ok() || *got == 0) break;
      result.text.append(bytes, *got);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(running.pid, &status, 0), running.pid);
    if (WIFEXITED(status)) result.exit_status = WEXITSTATUS(status);
    return result;
  }
  static Result Run(const std::vector<const char*>& arguments, absl::string_view name = "ping") {
    return Finish(Start(arguments, name));
  }
};

TEST_F(PingTest, AnOrdinaryUserHearsAnAnswerOfEitherFamily) {
  const Result v4 = Run({"-c1", "127.0.0.1"});
  EXPECT_EQ(v4.exit_status, 0);
  EXPECT_THAT(v4.text,
              MatchesRegex("PING 127.0.0.1 \\(127.0.0.1\\): 56 data bytes\n"
                           "64 bytes from 127.0.0.1: seq=0 ttl=64 time=[0-9]+.[0-9]{3} ms\n\n"
                           "--- 127.0.0.1 ping statistics ---\n"
                           "1 packets transmitted, 1 packets received, 0% packet loss\n"
                           "round-trip min/avg/max = [0-9./]+ ms\n"));
  const Result v6 = Run({"-c", "1", "::1"});
  EXPECT_EQ(v6.exit_status, 0);
  EXPECT_THAT(v6.text, HasSubstr("64 bytes from ::1: seq=0 ttl=64 time="));
}

TEST_F(PingTest, ResolvesTheNamesOfEtcHosts) {
  EXPECT_THAT(Run({"-c1", "localhost"}).text, HasSubstr("PING localhost (127.0.0.1)"));
  const Result other = Run({"-c1", "no-such-host.invalid"});
  EXPECT_EQ(other.exit_status, 1);
  EXPECT_EQ(
      other.text,
      "ping: bad address 'no-such-host.invalid': it is no address, and /etc/hosts has no such "
      "name\n");
}

TEST_F(PingTest, AsksAsOftenAndWithAsMuchAsItIsTold) {
  const Result result = Run({"-c3", "-i.01", "-s4", "-q", "-4", "127.0.0.1"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.text, AllOf(HasSubstr("4 data bytes"), HasSubstr("3 packets received"),
                                 Not(HasSubstr("seq=")), Not(HasSubstr("round-trip"))));
  EXPECT_THAT(Run({"-c1", "-s65507", "127.0.0.1"}).text, HasSubstr("65515 bytes from"));
}

TEST_F(PingTest, ANameThatEndsWithSixMeansIPv6) {
  EXPECT_EQ(Run({"-c1", "::1"}, "ping6").exit_status, 0);
  EXPECT_THAT(Run({"-c1", "127.0.0.1"}, "ping6").text, HasSubstr("bad address '127.0.0.1'"));
}

TEST_F(PingTest, EndsWithoutAnAnswerWhenItsTimeIsOver) {
  // Nobody answers to it: the address of documentation leaves by an interface without a peer.
  Own({"192.0.2.1/24"});
  for (const char* const limit : {"-W0.05", "-w0.05"}) {
    const Result result = Run({"-c1", limit, "192.0.2.255"});
    EXPECT_EQ(result.exit_status, 1) << result.text;
  }
}

TEST_F(PingTest, SaysWhatTheKernelRefuses) {
  EXPECT_THAT(Run({"-c1", "198.51.100.1"}).text, HasSubstr("unreachable"));
  AllowGroups("1 0");
  const Result refused = Run({"-c1", "127.0.0.1"});
  EXPECT_EQ(refused.exit_status, 1);
  EXPECT_THAT(refused.text, HasSubstr("net.ipv4.ping_group_range"));
}

TEST_F(PingTest, AnInterruptEndsItWithItsSums) {
  const Running running = Start({"-i60", "127.0.0.1"}, "ping");
  // Its first line says that it listens for the signal.
  std::string text(1, '\0');
  ASSERT_EQ(::read(running.output.get(), text.data(), 1), 1);
  ASSERT_EQ(::kill(running.pid, SIGINT), 0);
  const Result result = Finish(running);
  EXPECT_EQ(result.exit_status == 0,
            result.text.find("0% packet loss") != std::string::npos &&
                result.text.find("1 packets received") != std::string::npos);
  EXPECT_THAT(result.text, HasSubstr("ping statistics"));
}

TEST_F(PingTest, ExplainsItself) {
  EXPECT_THAT(Run({"--help"}).text, HasSubstr("usage: ping"));
  const Result wrong = Run({"-Z"});
  EXPECT_EQ(wrong.exit_status, 1);
  EXPECT_THAT(wrong.text, AllOf(HasSubstr("'-Z' is no option"), HasSubstr("usage: ping")));
}

}  // namespace
}  // namespace voidbox
