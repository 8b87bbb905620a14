// The standard streams of commands.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
// After sys/ioctl.h
#include <linux/sockios.h>

#include <cerrno>
#include <memory>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "agent/exec_testing.h"
#include "base/frame.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

using agent::ExecEnded;

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

INSTANTIATE_TEST_SUITE_P(All, ExecTest, ::testing::ValuesIn(AvailableTrees()), TreesName);

TEST_P(ExecTest, KeepsOutputAndErrorApart) {
  const Result result = Run(TestingClient::Shell("printf out; printf err >&2; exit 7"));
  EXPECT_EQ(result.out, "out");
  EXPECT_EQ(result.err, "err");
  EXPECT_EQ(result.ended.reason(), ExecEnded::EXITED);
  EXPECT_EQ(result.ended.exit_code(), 7u);
  EXPECT_GT(result.pid, 0u);
  EXPECT_THAT(result.end, StatusIs(absl::StatusCode::kOutOfRange, "end of stream"));
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

TEST_P(ExecTest, AFrameOfTheHostInTheTurnOfTheEndTakesNoOutputAway) {
  constexpr size_t kOutputBytes = 200'000;  // all of it waits in the agent: less than makes it wait
  const Fifo fifo;
  agent::Request request = TestingClient::Shell(
      absl::StrCat("head -c ", kOutputBytes, " /dev/zero; cat ", fifo.path(), "; exit 5"));
  request.mutable_exec()->set_stdin(true);
  TestingClient client = server_.Connect(/*send_buffer_bytes=*/1);
  client.Send(request);
  const auto started = client.Receive();
  ASSERT_THAT(started, IsOk());
  UniqueFd writer(::open(fifo.path().c_str(), O_WRONLY));  // once the output is written
  server_.AwaitTurn();
  std::string bytes;
  {
    // The next turn sees first that the command has ended, then a frame of the host and room for
    // output at once.
    const std::shared_ptr<void> hold = server_.Hold();
    writer.Reset();
    AwaitEnd(started->started().pid());
    client.SendInput("late");
    // The kernel says that there is room when there is much of it.
    std::string piece(1 << 20, '\0');
    const ssize_t size = ::recv(client.fd(), piece.data(), piece.size(), MSG_DONTWAIT);
    ASSERT_GT(size, 0);
    bytes = piece.substr(0, static_cast<size_t>(size));
  }
  std::string piece(64 << 10, '\0');
  for (ssize_t size; (size = ::recv(client.fd(), piece.data(), piece.size(), 0)) > 0;) {
    bytes.append(piece, 0, static_cast<size_t>(size));
  }
  FrameReader reader;
  reader.Append(bytes);
  size_t output_bytes = 0;
  agent::ServerFrame frame;
  for (auto payload = reader.Next(); payload.ok() && payload->has_value();
       payload = reader.Next()) {
    ASSERT_TRUE(frame.ParseFromArray((*payload)->data(), static_cast<int>((*payload)->size())));
    output_bytes += frame.stdout().size();
  }
  EXPECT_EQ(output_bytes, kOutputBytes);
  EXPECT_EQ(frame.ended().reason(), ExecEnded::EXITED) << "of the last frame";
  EXPECT_EQ(frame.ended().exit_code(), 5u);
}

TEST_P(ExecTest, TheLastOutputOfATreeComesBeforeTheEnd) {
  // More than a pipe holds by default, written just before the end.
  const Result result = Run(TestingClient::Shell("head -c 300000 /dev/zero | tr '\\0' y"));
  EXPECT_EQ(result.out, std::string(300000, 'y'));
}

}  // namespace
}  // namespace voidbox
