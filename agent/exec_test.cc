// Commands through a CallService and its streams, over both kinds of process trees.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
// After sys/ioctl.h
#include <linux/sockios.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "agent/command.h"
#include "agent/exec_call.h"
#include "agent/testing_client.h"
#include "agent/testing_server.h"
#include "base/io.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

using agent::ExecEnded;
using ::testing::HasSubstr;
using Result = TestingClient::Result;

// For timeouts of commands that must have come somewhere before.
constexpr uint64_t kEnoughToStartMs = 1500;

enum class Trees { kSessions, kCgroups };

// Where there is no cgroup2 to write to, sessions are what there is to test here; cgroups are also
// what //tests:agent_guest_test has.
std::vector<Trees> CgroupsIfAvailable() {
  if (TestingCgroup().path().empty()) return {};
  return {Trees::kCgroups};
}
std::vector<Trees> AvailableTrees() {
  std::vector<Trees> trees = CgroupsIfAvailable();
  trees.push_back(Trees::kSessions);
  return trees;
}

std::string Name(const ::testing::TestParamInfo<Trees>& info) {
  return info.param == Trees::kCgroups ? "Cgroups" : "Sessions";
}

// Waits until the process has ended.
void AwaitEnd(uint32_t pid) {
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return;  // gone and reaped
  pollfd event = {.fd = process.get(), .events = POLLIN, .revents = 0};
  while (::poll(&event, 1, -1) < 0) ASSERT_EQ(errno, EINTR);
}

// By write(2) and the like; see proc(5), /proc/pid/io.
uint64_t BytesWritten(uint32_t pid) {
  const auto io = ReadFile(absl::StrCat("/proc/", pid, "/io"));
  EXPECT_THAT(io, IsOk());
  constexpr absl::string_view kKey = "wchar: ";
  for (absl::string_view line : absl::StrSplit(io.value_or(""), '\n')) {
    uint64_t bytes;
    if (absl::ConsumePrefix(&line, kKey) && absl::SimpleAtoi(line, &bytes)) return bytes;
  }
  ADD_FAILURE() << "no " << kKey;
  return UINT64_MAX;
}

// A named pipe, by which a script waits for the test or for another script.
class Fifo {
 public:
  Fifo() {
    static int count = 0;
    path_ = absl::StrCat(::testing::TempDir(), "/fifo-", ::getpid(), "-", ++count);
    EXPECT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  }
  ~Fifo() { ::unlink(path_.c_str()); }
  const std::string& path() const { return path_; }
  // Waits for the reader, and lets it see the end.
  void Release() const { UniqueFd(::open(path_.c_str(), O_WRONLY)).Reset(); }

 private:
  std::string path_;
};

class ExecTest : public ::testing::TestWithParam<Trees> {
 protected:
  ~ExecTest() override {
    server_.AwaitIdle();
    if (!cgroup_.path().empty()) {
      EXPECT_EQ(cgroup_.Children(), std::vector<std::string>());
    }
    EXPECT_EQ(ProcessesWithArgument(mark_), std::vector<int>());
  }
  bool HasCgroups() const { return GetParam() == Trees::kCgroups; }

  // A shell that carries the test's mark, so that what it leaves behind is found.
  agent::Request Marked(const std::string& script) const {
    return TestingClient::Exec({"sh", "-c", script, mark_});
  }
  Result Run(const agent::Request& request) { return server_.Connect().Run(request); }

  TestingCgroup cgroup_;
  TestingServer server_{HasCgroups() ? cgroup_.path() : ""};
  const std::string mark_ = absl::StrCat("voidbox-exec-test-", ::getpid());
};

INSTANTIATE_TEST_SUITE_P(All, ExecTest, ::testing::ValuesIn(AvailableTrees()), Name);

// What a session cannot do, as SessionTrees says.
class CgroupExecTest : public ExecTest {};

INSTANTIATE_TEST_SUITE_P(All, CgroupExecTest, ::testing::ValuesIn(CgroupsIfAvailable()), Name);

TEST_P(ExecTest, KeepsOutputAndErrorApart) {
  const Result result = Run(TestingClient::Shell("printf out; printf err >&2; exit 7"));
  EXPECT_EQ(result.out, "out");
  EXPECT_EQ(result.err, "err");
  EXPECT_EQ(result.ended.reason(), ExecEnded::EXITED);
  EXPECT_EQ(result.ended.exit_code(), 7u);
  EXPECT_GT(result.pid, 0u);
  EXPECT_THAT(result.end, StatusIs(absl::StatusCode::kOutOfRange, "end of stream"));
}

TEST_P(ExecTest, StartedComesFirst) {
  TestingClient client = server_.Connect();
  client.Send(TestingClient::Shell("echo x"));
  auto frame = client.Receive();
  ASSERT_THAT(frame, IsOk());
  EXPECT_TRUE(frame->has_started());
  client.Finish();
}

TEST_P(ExecTest, AMissingProgramIs127) {
  const Result result = Run(TestingClient::Exec({"voidbox-no-such-program"}));
  EXPECT_EQ(result.ended.reason(), ExecEnded::NOT_STARTED);
  EXPECT_EQ(result.ended.exit_code(), 127u);
  EXPECT_THAT(result.ended.message(), HasSubstr("voidbox-no-such-program: not found in PATH=/usr"));
  EXPECT_EQ(result.pid, 0u);
}

TEST_P(ExecTest, AMissingProgramByPathIs127) {
  const Result result = Run(TestingClient::Exec({"/nonexistent/program"}));
  EXPECT_EQ(result.ended.exit_code(), 127u);
  EXPECT_EQ(result.ended.message(), "/nonexistent/program: No such file or directory");
}

TEST_P(ExecTest, AMissingProgramWithALongAndBinaryNameIsToldLegibly) {
  agent::Request request = TestingClient::Exec({std::string(100'000, '\xff')});
  auto* path = request.mutable_exec()->add_environment();
  path->set_name("PATH");
  path->set_value(std::string(100'000, ':'));
  const Result result = Run(request);
  EXPECT_EQ(result.ended.exit_code(), 127u);
  EXPECT_EQ(result.ended.message().substr(0, 8), "\\xff\\xff");
  EXPECT_LT(result.ended.message().size(), 1100u);
}

TEST_P(ExecTest, AProgramWithoutPermissionIs126) {
  const Result result = Run(TestingClient::Exec({"/etc/passwd"}));
  EXPECT_EQ(result.ended.reason(), ExecEnded::NOT_STARTED);
  EXPECT_EQ(result.ended.exit_code(), 126u);
  EXPECT_EQ(result.ended.message(), "/etc/passwd: Permission denied");
}

TEST_P(ExecTest, ADirectoryIs126) {
  EXPECT_EQ(Run(TestingClient::Exec({"/etc"})).ended.exit_code(), 126u);
}

TEST_P(ExecTest, AMissingWorkingDirectoryIs126) {
  agent::Request request = TestingClient::Exec({"true"});
  request.mutable_exec()->set_working_directory("/nonexistent");
  const Result result = Run(request);
  EXPECT_EQ(result.ended.reason(), ExecEnded::NOT_STARTED);
  EXPECT_EQ(result.ended.exit_code(), 126u);
  EXPECT_EQ(result.ended.message(), "working directory /nonexistent: No such file or directory");
}

TEST_P(ExecTest, RunsInTheWorkingDirectory) {
  agent::Request request = TestingClient::Exec({"pwd"});
  request.mutable_exec()->set_working_directory("/usr");
  EXPECT_EQ(Run(request).out, "/usr\n");
  EXPECT_EQ(Run(TestingClient::Exec({"pwd"})).out, "/root\n");
}

TEST_P(ExecTest, TheEnvironmentIsTheBaseAndTheRequests) {
  agent::Request request = TestingClient::Exec({"/usr/bin/env"});
  auto set = [&](const std::string& name, const std::string& value) {
    auto* variable = request.mutable_exec()->add_environment();
    variable->set_name(name);
    variable->set_value(value);
  };
  set("HOME", "/elsewhere");
  set("A", "1");
  set("A", "x=\ny");
  EXPECT_EQ(Run(request).out,
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nHOME=/elsewhere\n"
            "TERM=xterm\nLANG=C.UTF-8\nA=x=\ny\n");
}

TEST_P(ExecTest, LooksUpTheProgramInTheRequestsPath) {
  const std::string directory = absl::StrCat(::testing::TempDir(), "/path-", ::getpid());
  std::filesystem::create_directories(directory + "/first");
  // Without an interpreter line, which is the shell's to run; and one that cannot be run before it.
  ASSERT_THAT(WriteFileAtomically(directory + "/found", "echo $0 $1", 0755), IsOk());
  ASSERT_THAT(WriteFileAtomically(directory + "/first/found", "echo wrong", 0644), IsOk());
  agent::Request request = TestingClient::Exec({"found", "argument"});
  auto* path = request.mutable_exec()->add_environment();
  path->set_name("PATH");
  path->set_value(absl::StrCat("/nonexistent:", directory, "/first:", directory));
  const Result result = Run(request);
  EXPECT_EQ(result.out, directory + "/found argument\n");
  std::filesystem::remove_all(directory);
}

TEST_P(ExecTest, AMissingInterpreterIs127) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/script-", ::getpid());
  ASSERT_THAT(WriteFileAtomically(path, "#!/nonexistent/sh\n", 0755), IsOk());
  EXPECT_EQ(Run(TestingClient::Exec({path})).ended.exit_code(), 127u);
  std::filesystem::remove(path);
}

TEST_P(ExecTest, InputIsStreamedAndEnds) {
  agent::Request request = TestingClient::Exec({"cat"});
  request.mutable_exec()->set_stdin(true);
  TestingClient client = server_.Connect();
  client.Send(request);
  client.SendInput("one ");
  client.AwaitOutput("one ");
  client.SendInput(std::string("two\0", 4));
  client.EndInput();
  const Result result = client.Finish();
  EXPECT_EQ(result.out, std::string("two\0", 4));
  EXPECT_EQ(result.ended.reason(), ExecEnded::EXITED);
}

TEST_P(ExecTest, WithoutInputItIsEmpty) {
  const Result result = Run(TestingClient::Exec({"cat"}));
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.ended.exit_code(), 0u);
}

TEST_P(ExecTest, InputForAProcessThatDoesNotReadIsDropped) {
  const Fifo fifo;
  agent::Request request =
      TestingClient::Shell(absl::StrCat("exec 0<&-; echo closed; cat ", fifo.path()));
  request.mutable_exec()->set_stdin(true);
  TestingClient client = server_.Connect();
  client.Send(request);
  client.AwaitOutput("closed");
  const std::string piece(64 << 10, 'x');
  for (int i = 0; i < 64; ++i) client.SendInput(piece);
  fifo.Release();
  EXPECT_EQ(client.Finish().ended.reason(), ExecEnded::EXITED);
}

TEST_P(ExecTest, MuchInputWaitsForASlowReader) {
  constexpr size_t kInputBytes = 16 << 20;
  const Fifo fifo;
  agent::Request request =
      TestingClient::Shell(absl::StrCat("cat ", fifo.path(), "; cksum | cut -d' ' -f2"));
  request.mutable_exec()->set_stdin(true);
  TestingClient client = server_.Connect();
  client.Send(request);
  std::string frames;
  agent::ClientFrame frame;
  frame.set_stdin(std::string(64 << 10, 'x'));
  for (size_t sent = 0; sent < kInputBytes; sent += frame.stdin().size()) {
    ASSERT_THAT(AppendFrame(frame, frames), IsOk());
  }
  // Until the stream takes no more, and the agent, given the time, reads none of what is in it.
  size_t taken = 0;
  for (int unread = 0, before = -1; unread != before;) {
    while (taken < frames.size()) {
      const ssize_t sent =
          ::send(client.fd(), frames.data() + taken, frames.size() - taken, MSG_DONTWAIT);
      if (sent < 0) {
        ASSERT_EQ(errno, EAGAIN);
        break;
      }
      taken += static_cast<size_t>(sent);
    }
    ASSERT_EQ(::ioctl(client.fd(), SIOCOUTQ, &before), 0);
    server_.AwaitTurn();
    ASSERT_EQ(::ioctl(client.fd(), SIOCOUTQ, &unread), 0);
  }
  EXPECT_LT(taken, 2u << 20);
  fifo.Release();
  client.SendBytes(absl::string_view(frames).substr(taken));
  client.EndInput();
  EXPECT_EQ(client.Finish().out, absl::StrCat(kInputBytes, "\n"));
}

TEST_P(ExecTest, AllOfALargeOutputArrives) {
  const Result result = Run(TestingClient::Shell("head -c 67108864 /dev/zero; echo end >&2"));
  EXPECT_EQ(result.out.size(), 64u << 20);
  EXPECT_EQ(result.out.find_first_not_of('\0'), std::string::npos);
  EXPECT_EQ(result.err, "end\n");
  EXPECT_EQ(result.ended.reason(), ExecEnded::EXITED);
}

TEST_P(ExecTest, AllOfTheOutputArrivesThoughTheHostTakesLittleAtATime) {
  TestingClient client = server_.Connect(/*send_buffer_bytes=*/1);  // the kernel makes it a few KiB
  client.Send(TestingClient::Shell("head -c 4194304 /dev/zero; echo end >&2"));
  const Result result = client.Finish();
  EXPECT_EQ(result.out.size(), 4u << 20);
  EXPECT_EQ(result.err, "end\n");
}

TEST_P(ExecTest, OutputThatNobodyReadsStopsTheProcess) {
  TestingClient client = server_.Connect();
  client.Send(TestingClient::Exec({"head", "-c", "16777216", "/dev/zero"}));
  const auto started = client.Receive();
  ASSERT_THAT(started, IsOk());
  const uint32_t pid = started->started().pid();
  // Until its pipe is full, and the agent, given the time, makes no room in it.
  UniqueFd pipe(::open(absl::StrCat("/proc/", pid, "/fd/1").c_str(), O_WRONLY));
  ASSERT_TRUE(pipe);
  pollfd event = {.fd = pipe.get(), .events = POLLOUT, .revents = 0};
  uint64_t written = 0;
  for (uint64_t before = 1; written != before || ::poll(&event, 1, 0) != 0;) {
    ASSERT_LT(written, 2u << 20);
    before = BytesWritten(pid);
    server_.AwaitTurn();
    written = BytesWritten(pid);
  }
  pipe.Reset();
  EXPECT_EQ(client.Finish().out.size(), 16u << 20);
}

TEST_P(ExecTest, TheLastOutputOfATreeComesBeforeTheEnd) {
  // More than a pipe holds by default, written just before the end.
  const Result result = Run(TestingClient::Shell("head -c 300000 /dev/zero | tr '\\0' y"));
  EXPECT_EQ(result.out, std::string(300000, 'y'));
}

TEST_P(ExecTest, ASignalFromWithinIsTold) {
  const Result result = Run(TestingClient::Shell("kill -USR1 $$"));
  EXPECT_EQ(result.ended.reason(), ExecEnded::SIGNALED);
  EXPECT_EQ(result.ended.signal(), static_cast<uint32_t>(SIGUSR1));
}

TEST_P(ExecTest, ASignalOfTheHostReachesTheProcess) {
  TestingClient client = server_.Connect();
  client.Send(
      TestingClient::Shell("trap 'echo caught; exit 3' TERM; echo ready; while :; do "
                           "sleep 0.01; done"));
  client.AwaitOutput("ready");
  client.Signal(SIGTERM);
  const Result result = client.Finish();
  EXPECT_EQ(result.out, "caught\n");
  EXPECT_EQ(result.ended.exit_code(), 3u);
}

TEST_P(ExecTest, SignalsHaveTheirDefaultsAndNoneIsBlocked) {
  // /proc/self/status: masks of blocked and ignored signals.
  const Result result =
      Run(TestingClient::Exec({"grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status"}));
  EXPECT_EQ(result.out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST_P(ExecTest, TheProcessLeadsASessionAndMayGainNothing) {
  const Result result =
      Run(TestingClient::Shell("cut -d' ' -f6 /proc/$$/stat; ulimit -c; grep NoNewPrivs "
                               "/proc/self/status"));
  EXPECT_EQ(result.out, absl::StrCat(result.pid, "\n0\nNoNewPrivs:\t1\n"));
}

TEST_P(ExecTest, NoDescriptorIsInherited) {
  const UniqueFd leak(::open("/dev/null", O_RDONLY));  // without O_CLOEXEC
  // ls has one of its own open for the directory.
  EXPECT_EQ(Run(TestingClient::Exec({"ls", "/proc/self/fd"})).out, "0\n1\n2\n3\n");
}

TEST_P(ExecTest, ATimeoutKillsAProcessThatIgnoresTermAndItsTree) {
  agent::Request request = Marked(
      "trap '' TERM HUP INT; sh -c 'trap \"\" TERM; echo child; sleep 1000' \"$0\" & echo parent; "
      "sleep 1000");
  request.mutable_exec()->set_timeout_ms(kEnoughToStartMs);
  const Result result = Run(request);
  EXPECT_EQ(result.ended.reason(), ExecEnded::TIMED_OUT);
  EXPECT_EQ(result.ended.signal(), static_cast<uint32_t>(SIGKILL));
  EXPECT_GE(result.ended.duration_us(), kEnoughToStartMs * 1000);
  EXPECT_THAT(result.out, HasSubstr("parent"));
}

TEST_P(ExecTest, ATimeoutKillsAProcessThatClosedItsOutputs) {
  agent::Request request = Marked("exec >&- 2>&- <&-; sleep 1000");
  request.mutable_exec()->set_timeout_ms(100);
  EXPECT_EQ(Run(request).ended.reason(), ExecEnded::TIMED_OUT);
}

TEST_P(ExecTest, ATimeoutKillsAProcessWhoseOutputNobodyReads) {
  agent::Request request = TestingClient::Exec({"yes"});
  request.mutable_exec()->set_timeout_ms(kEnoughToStartMs);
  TestingClient client = server_.Connect();
  client.Send(request);
  auto started = client.Receive();
  ASSERT_THAT(started, IsOk());
  AwaitEnd(started->started().pid());
  const Result result = client.Finish();
  EXPECT_EQ(result.ended.reason(), ExecEnded::TIMED_OUT);
  EXPECT_EQ(result.out.substr(0, 4), "y\ny\n");
}

TEST_P(ExecTest, WhatTheProcessLeavesBehindIsKilledAndDelaysNothing) {
  const Result result = Run(Marked("sh -c 'sleep 1000' \"$0\" & echo done"));
  EXPECT_EQ(result.out, "done\n");
  EXPECT_EQ(result.ended.reason(), ExecEnded::EXITED);
  EXPECT_EQ(result.ended.exit_code(), 0u);
}

TEST_P(CgroupExecTest, WhatIsLeftBehindInASessionOfItsOwnIsKilledWithItsCgroup) {
  const Fifo fifo;
  const Result result = Run(Marked(absl::StrCat("setsid sh -c 'echo away; echo > ", fifo.path(),
                                                "; sleep 1000' \"$0\" & cat ", fifo.path())));
  EXPECT_EQ(result.out, "away\n\n");
}

TEST_P(ExecTest, TheGraceLetsTheRestOfTheTreeFinish) {
  // The child sees its parent's end of the pipe close, cleans up, and ends long before the grace.
  const Fifo fifo;
  agent::Request request = Marked(absl::StrCat(
      "sh -c 'cat ", fifo.path(), "; echo cleaned' \"$0\" & exec sleep 1000 > ", fifo.path()));
  request.mutable_exec()->set_timeout_ms(kEnoughToStartMs);
  request.mutable_exec()->set_kill_grace_ms(60'000);
  const Result result = Run(request);
  EXPECT_EQ(result.out, "cleaned\n");
  EXPECT_EQ(result.ended.reason(), ExecEnded::TIMED_OUT);
  EXPECT_LT(result.ended.duration_us(), 50'000'000u);
}

TEST_P(ExecTest, TheGraceEnds) {
  agent::Request request = Marked("sh -c 'sleep 1000' \"$0\" & echo done");
  request.mutable_exec()->set_kill_grace_ms(200);
  const Result result = Run(request);
  EXPECT_EQ(result.ended.reason(), ExecEnded::EXITED);
  EXPECT_GE(result.ended.duration_us(), 200'000u);
}

TEST_P(ExecTest, HangingUpKillsTheTree) {
  TestingClient client = server_.Connect();
  client.Send(Marked("trap '' HUP TERM; sh -c 'sleep 1000' \"$0\" & echo ready; sleep 1000"));
  client.AwaitOutput("ready");
  client.Close();
  // The destructor waits for the end and looks for what is left.
}

TEST_P(ExecTest, AHalfCloseIsHangingUp) {
  TestingClient client = server_.Connect();
  client.Send(Marked("echo ready; sleep 1000"));
  client.AwaitOutput("ready");
  client.HalfClose();
  EXPECT_FALSE(client.Finish().has_ended);
}

TEST_P(ExecTest, HangingUpKillsAProcessWhoseInputAndOutputAreFull) {
  agent::Request request = Marked("yes; sleep 1000");
  request.mutable_exec()->set_stdin(true);
  TestingClient client = server_.Connect();
  client.Send(request);
  const std::string piece(64 << 10, 'x');
  for (int i = 0; i < 3; ++i) client.SendInput(piece);
  client.AwaitOutput("y\ny\n");
  client.Close();
}

TEST_P(ExecTest, ManyInARowAndNothingIsLeft) {
  Run(TestingClient::Exec({"true"}));
  server_.AwaitIdle();
  const size_t before = OpenDescriptors();
  for (int i = 0; i < 200; ++i) {
    const Result result = Run(Marked(absl::StrCat("echo ", i, "; exit ", i % 100)));
    ASSERT_EQ(result.out, absl::StrCat(i, "\n"));
    ASSERT_EQ(result.ended.exit_code(), static_cast<uint32_t>(i % 100));
  }
  server_.AwaitIdle();
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST_P(ExecTest, SixteenAtOnceKeepTheirOutputsApart) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([this, i] {
      const std::string line = absl::StrCat("line-of-", i);
      const Result result = Run(
          Marked(absl::StrCat("yes ", line, " | head -n 20000; echo ", line, " >&2; exit ", i)));
      EXPECT_EQ(result.err, line + "\n");
      EXPECT_EQ(result.ended.exit_code(), static_cast<uint32_t>(i));
      std::string expected;
      for (int n = 0; n < 20000; ++n) expected += line + "\n";
      EXPECT_TRUE(result.out == expected);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(ExecTest, LargestArgumentsAndEnvironmentRun) {
  agent::Request request = TestingClient::Exec({"sh", "-c", "echo $# ${#V}"});
  size_t bytes = 3 + 3 + 13 + 1;
  while (request.exec().argv_size() < static_cast<int>(kMaxArguments)) {
    request.mutable_exec()->add_argv("a");
    bytes += 2;
  }
  ASSERT_LE(bytes, kMaxArgumentBytes);
  auto* variable = request.mutable_exec()->add_environment();
  variable->set_name("V");
  variable->set_value(std::string(kMaxEnvironmentBytes - 3, 'v'));
  // $0 is the first of them.
  EXPECT_EQ(Run(request).out, absl::StrCat(kMaxArguments - 4, " ", kMaxEnvironmentBytes - 3, "\n"));
}

TEST_P(ExecTest, AFrameThatDoesNotBelongEndsTheCall) {
  TestingClient client = server_.Connect();
  client.Send(Marked("echo ready; sleep 1000"));
  client.AwaitOutput("ready");
  client.SendInput("x");
  const Result result = client.Finish();
  EXPECT_EQ(result.error.code(), agent::Error::INVALID_ARGUMENT);
  EXPECT_EQ(result.error.message(), "stdin: the request did not ask for standard input");
  EXPECT_EQ(result.ended.reason(), ExecEnded::REASON_UNSPECIFIED);
}

TEST_P(ExecTest, BadFramesOfARunningCall) {
  auto error_after = [&](const std::function<void(TestingClient&)>& send) {
    agent::Request request = Marked("echo ready; sleep 1000");
    request.mutable_exec()->set_stdin(true);
    TestingClient client = server_.Connect();
    client.Send(request);
    client.AwaitOutput("ready");
    send(client);
    return client.Finish().error.message();
  };
  EXPECT_EQ(error_after([](TestingClient& client) { client.Signal(65); }),
            "signal: 65 is outside 1 to 64");
  EXPECT_EQ(error_after([](TestingClient& client) { client.Signal(0); }),
            "signal: 0 is outside 1 to 64");
  EXPECT_EQ(error_after([](TestingClient& client) { client.Send(agent::ClientFrame()); }),
            "frame: none of stdin, close_stdin, signal and resize");
  EXPECT_EQ(error_after([](TestingClient& client) { client.SendInput(std::string(70'000, 'x')); }),
            "frame of 70004 bytes is longer than the limit of 65552");
  EXPECT_EQ(error_after([](TestingClient& client) {
              client.EndInput();
              client.SendInput("x");
            }),
            "stdin: comes after close_stdin");
  EXPECT_EQ(error_after([](TestingClient& client) {
              client.SendBytes(std::string("\3\0\0\0\xff\xff\xff", 7));
            }),
            "frame of 3 bytes: not a ClientFrame");
}

TEST_P(CgroupExecTest, ACgroupMadeInsideIsRemoved) {
  // Processes here may write to the cgroup: they have the rights of the test.
  const Result result = Run(Marked(
      absl::StrCat("mkdir -p ", cgroup_.path(),
                   "$(cut -d: -f3 /proc/self/cgroup | grep -o '/exec-[0-9]*$')/a/b && echo made")));
  EXPECT_EQ(result.out, "made\n") << result.err;
}

TEST_P(ExecTest, TheServiceEndsItsCallsWithItself) {
  TestingCgroup cgroup;
  auto server = std::make_unique<TestingServer>(HasCgroups() ? cgroup.path() : "");
  TestingClient client = server->Connect();
  client.Send(Marked("echo ready; exec sleep 1000"));
  auto started = client.Receive();
  ASSERT_THAT(started, IsOk());
  client.AwaitOutput("ready");
  server.reset();
  AwaitEnd(started->started().pid());
}

}  // namespace
}  // namespace voidbox
