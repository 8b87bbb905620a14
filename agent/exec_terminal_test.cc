// Commands whose standard streams are a terminal.
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/exec_testing.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

using agent::ExecEnded;
using ::testing::HasSubstr;

class ExecTerminalTest : public ExecTest {
 protected:
  static agent::Request WithTerminal(agent::Request request, uint32_t rows = 24,
                                     uint32_t columns = 80) {
    auto* size = request.mutable_exec()->mutable_terminal()->mutable_size();
    size->set_rows(rows);
    size->set_columns(columns);
    return request;
  }
  static void Resize(TestingClient& client, uint32_t rows, uint32_t columns) {
    agent::ClientFrame frame;
    frame.mutable_resize()->set_rows(rows);
    frame.mutable_resize()->set_columns(columns);
    client.Send(frame);
  }
};

INSTANTIATE_TEST_SUITE_P(All, ExecTerminalTest, ::testing::ValuesIn(AvailableTrees()), TreesName);

TEST_P(ExecTerminalTest, IsOneAndControlsTheSession) {
  const Result result = Run(WithTerminal(
      TestingClient::Shell("test -t 0 && test -t 1 && test -t 2 && echo terminal; stty size; "
                           "echo from >/dev/tty; cut -d' ' -f7 /proc/$$/stat"),
      30, 100));
  EXPECT_THAT(result.out, HasSubstr("terminal\r\n30 100\r\nfrom\r\n"));
  // proc(5): tty_nr of the controlling terminal; 136 is the major number of pseudo-terminals.
  EXPECT_EQ(std::stoi(result.out.substr(result.out.find("from\r\n") + 6)) >> 8, 136) << result.out;
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.ended.reason(), ExecEnded::EXITED);
  EXPECT_EQ(result.ended.exit_code(), 0u);
}

TEST_P(ExecTerminalTest, WithoutASizeItIsTheUsualOne) {
  agent::Request request = TestingClient::Exec({"stty", "size"});
  request.mutable_exec()->mutable_terminal();
  EXPECT_EQ(Run(request).out, "24 80\r\n");
}

TEST_P(ExecTerminalTest, EchoesAndTakesLines) {
  TestingClient client = server_.Connect();
  client.Send(WithTerminal(TestingClient::Shell("echo ready; read line; echo got $line")));
  client.AwaitOutput("ready\r\n");
  client.SendInput("hello\r");
  const Result result = client.Finish();
  EXPECT_EQ(result.out, "hello\r\ngot hello\r\n");
}

TEST_P(ExecTerminalTest, TheEndOfInputIsControlD) {
  TestingClient client = server_.Connect();
  client.Send(WithTerminal(TestingClient::Exec({"cat"})));
  client.SendInput("line\n");
  client.EndInput();
  const Result result = client.Finish();
  EXPECT_THAT(result.out, HasSubstr("line\r\n"));
  EXPECT_EQ(result.ended.exit_code(), 0u);
}

TEST_P(ExecTerminalTest, ControlCInterruptsTheForegroundGroup) {
  TestingClient client = server_.Connect();
  client.Send(
      WithTerminal(TestingClient::Shell("trap 'echo caught; exit 3' INT; echo ready; "
                                        "while :; do sleep 0.01; done")));
  client.AwaitOutput("ready\r\n");
  client.SendInput("\x03");
  const Result result = client.Finish();
  EXPECT_THAT(result.out, HasSubstr("caught\r\n"));
  EXPECT_EQ(result.ended.exit_code(), 3u);
}

TEST_P(ExecTerminalTest, ASignalOfTheHostGoesToTheForegroundGroup) {
  TestingClient client = server_.Connect();
  // With job control, the child has a group and the terminal of its own.
  client.Send(WithTerminal(
      TestingClient::Shell("set -m; sh -c 'echo ready; sleep 1000'; echo \"status $?\"; exit 5")));
  client.AwaitOutput("ready\r\n");
  client.Signal(SIGTERM);
  const Result result = client.Finish();
  EXPECT_THAT(result.out, HasSubstr("status 143\r\n"));
  EXPECT_EQ(result.ended.exit_code(), 5u);
}

TEST_P(ExecTerminalTest, IsResizedAndTellsItsPrograms) {
  TestingClient client = server_.Connect();
  client.Send(WithTerminal(TestingClient::Shell(
      "trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.01; done")));
  client.AwaitOutput("ready\r\n");
  Resize(client, 50, 132);
  EXPECT_EQ(client.Finish().out, "50 132\r\n");
}

TEST_P(ExecTerminalTest, BadSizesAreRefused) {
  EXPECT_EQ(Run(WithTerminal(TestingClient::Exec({"true"}), 0, 80)).error.message(),
            "size: 0 rows and 80 columns are not both within 1 to 65535");
  TestingClient client = server_.Connect();
  client.Send(WithTerminal(Marked("echo ready; sleep 1000")));
  client.AwaitOutput("ready");
  Resize(client, 24, 65536);
  EXPECT_EQ(client.Finish().error.message(),
            "size: 24 rows and 65536 columns are not both within 1 to 65535");
}

TEST_P(ExecTerminalTest, WithoutATerminalThereIsNothingToResize) {
  TestingClient client = server_.Connect();
  client.Send(Marked("echo ready; sleep 1000"));
  client.AwaitOutput("ready");
  Resize(client, 24, 80);
  EXPECT_EQ(client.Finish().error.message(), "resize: the request did not ask for a terminal");
}

TEST_P(ExecTerminalTest, AllOfALargeOutputArrives) {
  const Result result =
      Run(WithTerminal(TestingClient::Shell("head -c 1000000 /dev/zero | tr '\\0' x; exit 4")));
  EXPECT_EQ(result.out, std::string(1'000'000, 'x'));
  EXPECT_EQ(result.ended.exit_code(), 4u);
}

TEST_P(ExecTerminalTest, HangingUpTellsThePrograms) {
  const Fifo fifo;
  TestingClient client = server_.Connect();
  client.Send(WithTerminal(Marked(absl::StrCat("trap 'echo told > ", fifo.path(),
                                               "; exit' HUP; echo ready; "
                                               "while :; do sleep 0.01; done"))));
  client.AwaitOutput("ready");
  TestingClient listener = server_.Connect();
  listener.Send(TestingClient::Exec({"cat", fifo.path()}));
  client.Close();
  EXPECT_EQ(listener.Finish().out, "told\n");
}

TEST_P(ExecTerminalTest, HangingUpEndsWhatDoesNotListen) {
  TestingClient client = server_.Connect();
  client.Send(
      WithTerminal(Marked("trap '' HUP TERM; sh -c 'trap \"\" HUP; echo ready; sleep 1000' "
                          "\"$0\"; sleep 1000")));
  client.AwaitOutput("ready");
  client.Close();
  // The destructor waits for the end and looks for what is left.
}

TEST_P(ExecTerminalTest, ATimeoutEndsIt) {
  agent::Request request = WithTerminal(Marked("sleep 1000"));
  request.mutable_exec()->set_timeout_ms(100);
  EXPECT_EQ(Run(request).ended.reason(), ExecEnded::TIMED_OUT);
}

TEST_P(ExecTerminalTest, SixtyFourAtOnce) {
  std::vector<std::unique_ptr<TestingClient>> clients;
  for (int i = 0; i < 64; ++i) {
    clients.push_back(std::make_unique<TestingClient>(server_.Connect()));
    clients.back()->Send(
        WithTerminal(TestingClient::Shell(absl::StrCat("echo ready; read x; echo $x ", i))));
  }
  for (const auto& client : clients) client->AwaitOutput("ready\r\n");
  for (const auto& client : clients) client->SendInput("line\r");
  for (size_t i = 0; i < clients.size(); ++i) {
    EXPECT_EQ(clients[i]->Finish().out, absl::StrCat("line\r\nline ", i, "\r\n"));
  }
}

}  // namespace
}  // namespace voidbox
