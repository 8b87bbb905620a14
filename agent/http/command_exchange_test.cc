#include "agent/http/command_exchange.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/http/testing_http.h"

namespace voidbox {
namespace {

using agent::ExecEnded;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CommandExchangeTest : public HttpTest {
 protected:
  // Asks for a command; the client is kept.
  TestingAgent::FakeCall& Start(absl::string_view target, absl::string_view body) {
    client_ = Connect();
    SendAll(*client_, Post(target, body));
    return AwaitCall();
  }
  json Answer() { return Receive(*client_).Json(); }
  // The events of a stream that has ended.
  std::vector<json> Events() {
    const HttpResponse response = Receive(*client_);
    EXPECT_TRUE(response.complete);
    EXPECT_TRUE(response.Has("Content-Type: application/x-ndjson"));
    std::vector<json> events;
    for (const absl::string_view line : absl::StrSplit(response.body, '\n', absl::SkipEmpty())) {
      events.push_back(json::parse(line, nullptr, false));
    }
    return events;
  }
  std::unique_ptr<Client> client_;
};

// --- /exec ---

TEST_F(CommandExchangeTest, ExecAsksForWhatTheBodySays) {
  const auto& call = Start("/exec", R"({"argv":["a","b c"],"cwd":"/tmp","env":{"A":"1","B":""},
      "timeoutMs":1500,"isolation":"rootfs","user":"root","limits":{"memoryBytes":1048576,
      "processes":5,"cpuMillis":1500,"fileBytes":4096,"openFiles":64}})");
  const agent::ExecRequest& exec = call.request.exec();
  EXPECT_THAT(exec.argv(), ElementsAre("a", "b c"));
  EXPECT_EQ(exec.working_directory(), "/tmp");
  ASSERT_EQ(exec.environment_size(), 2);
  EXPECT_EQ(exec.environment(0).name() + "=" + exec.environment(0).value(), "A=1");
  EXPECT_EQ(exec.timeout_ms(), 1500u);
  EXPECT_EQ(exec.isolation(), agent::ROOTFS);
  EXPECT_EQ(exec.user(), "root");
  EXPECT_EQ(exec.limits().memory_bytes(), 1u << 20);
  EXPECT_EQ(exec.limits().processes(), 5u);
  EXPECT_EQ(exec.limits().cpu_millis(), 1500u);
  EXPECT_EQ(exec.limits().file_bytes(), 4096u);
  EXPECT_EQ(exec.limits().open_files(), 64u);
  EXPECT_FALSE(exec.stdin());
}

TEST_F(CommandExchangeTest, ACommandLineGoesThroughAShellInTheJail) {
  const agent::ExecRequest exec = Start("/exec", R"({"cmd":"echo $HOME"})").request.exec();
  EXPECT_THAT(exec.argv(), ElementsAre("sh", "-c", "echo $HOME"));
  EXPECT_EQ(exec.isolation(), agent::JAIL);
  EXPECT_EQ(exec.user(), "");
}

TEST_F(CommandExchangeTest, ExecAnswersWithAllThatItWrote) {
  auto& call = Start("/exec", R"({"cmd":"x"})");
  for (const auto& frame : {Started(), Stdout("out"), Stderr("err"), Stdout("put\n")}) {
    call.Send(frame);
  }
  call.Send(Ended(ExecEnded::EXITED, 7));
  EXPECT_EQ(Answer(), json::parse(R"({"exitCode":7,"signal":null,"timedOut":false,
      "oomKilled":false,"durationMs":1.5,"stdout":"output\n","stderr":"err","truncated":false})"));
}

TEST_F(CommandExchangeTest, ExecTellsEachEndApart) {
  const auto ending = [this](const agent::ServerFrame& frame) {
    Start("/exec", R"({"cmd":"x"})").Send(frame);
    const json answer = Answer();
    return absl::StrCat(answer["exitCode"].dump(), answer["signal"].dump(),
                        answer["timedOut"].dump(), answer["oomKilled"].dump());
  };
  EXPECT_EQ(ending(Ended(ExecEnded::SIGNALED, 0, 15)), "null\"SIGTERM\"falsefalse");
  EXPECT_EQ(ending(Ended(ExecEnded::SIGNALED, 0, 40)), "null\"40\"falsefalse");
  EXPECT_EQ(ending(Ended(ExecEnded::TIMED_OUT, 0, 9)), "null\"SIGKILL\"truefalse");
  EXPECT_EQ(ending(Ended(ExecEnded::OUT_OF_MEMORY, 0, 9)), "null\"SIGKILL\"falsetrue");
  Start("/exec", R"({"cmd":"x"})").Send(Ended(ExecEnded::NOT_STARTED, 127, 0, "x: not found"));
  const json answer = Answer();
  EXPECT_EQ(answer["exitCode"], 127);
  EXPECT_EQ(answer["message"], "x: not found");
}

TEST_F(CommandExchangeTest, OutputBeyondTheLimitIsCutAndSaysSo) {
  HttpTest::Start({.limits = {.output_bytes = 10}});
  auto& call = Start("/exec", R"({"cmd":"x"})");
  call.Send(Stdout("12345"));
  call.Send(Stdout("6789\xc3\xa9 and more"));
  call.Send(Stdout("and more"));
  call.Send(Stderr("1234567890"));
  call.Send(Ended(ExecEnded::EXITED, 0));
  const json answer = Answer();
  EXPECT_EQ(answer["stdout"], "123456789");  // no half of a character
  EXPECT_EQ(answer["stderr"], "1234567890");
  EXPECT_EQ(answer["truncated"], true);
}

TEST_F(CommandExchangeTest, AllOutputsTogetherAreBounded) {
  HttpTest::Start({.limits = {.output_bytes = 1000, .buffered_bytes = 1500}});
  auto& first = Start("/exec", R"({"cmd":"x"})");
  first.Send(Stdout(std::string(1000, 'a')));
  Settle();
  const auto kept = std::move(client_);
  client_ = Connect();
  client_->Send(Post("/exec", R"({"cmd":"y"})"));
  Await([&] { return agent_.calls.size() == 2; });
  agent_.calls[1]->Send(Stdout(std::string(1000, 'b')));
  agent_.calls[1]->Send(Ended(ExecEnded::EXITED, 0));
  EXPECT_EQ(Answer()["truncated"], true);
  first.Send(Ended(ExecEnded::EXITED, 0));
  EXPECT_EQ(Receive(*kept).Json()["truncated"], false);
}

TEST_F(CommandExchangeTest, BytesThatAreNoTextAreBase64) {
  auto& call = Start("/exec", R"({"cmd":"x"})");
  call.Send(Stdout(std::string("\0\1\2\xff", 4)));
  call.Send(Stderr("text"));
  call.Send(Ended(ExecEnded::EXITED, 0));
  const json answer = Answer();
  EXPECT_EQ(answer["stdout"], "AAEC/w==");
  EXPECT_EQ(answer["stdoutEncoding"], "base64");
  EXPECT_FALSE(answer.contains("stderrEncoding"));
}

TEST_F(CommandExchangeTest, InputIsGivenAndEnded) {
  auto& call = Start("/exec", R"({"cmd":"cat","stdin":"a\u00e9\n"})");
  EXPECT_TRUE(call.request.exec().stdin());
  Await([&] { return call.input_ended; });
  EXPECT_EQ(call.input, "a\xc3\xa9\n");
  call.Send(Ended(ExecEnded::EXITED, 0));
  Answer();
  auto& binary = Start("/exec", R"({"cmd":"cat","stdinBase64":"AP8="})");
  Await([&] { return binary.input_ended; });
  EXPECT_EQ(binary.input, std::string("\0\xff", 2));
}

TEST_F(CommandExchangeTest, MuchInputWaitsForTheProgram) {
  agent_.on_call = [](TestingAgent::FakeCall& call) {
    call.takes_frames = false;
    return absl::OkStatus();
  };
  const std::string input(900'000, 'i');
  auto& call = Start("/exec", absl::StrCat(R"({"cmd":"cat","stdin":")", input, "\"}"));
  Settle();
  EXPECT_EQ(call.input, "");
  call.TakeFrames(true);
  Await([&] { return call.input_ended; });
  EXPECT_TRUE(call.input == input);
}

TEST_F(CommandExchangeTest, ACommandThatDoesNotReadItsInputStillAnswers) {
  auto& call =
      Start("/exec", absl::StrCat(R"({"cmd":"true","stdin":")", std::string(900'000, 'i'), "\"}"));
  call.Send(Ended(ExecEnded::EXITED, 0));
  EXPECT_EQ(Answer()["exitCode"], 0);
}

TEST_F(CommandExchangeTest, ARefusedExecIsAnError) {
  agent_.on_call = [](TestingAgent::FakeCall&) {
    return absl::InvalidArgumentError("working_directory: not absolute");
  };
  const HttpResponse response = Ask(Post("/exec?stream=1", R"({"cmd":"x","cwd":"y"})"));
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.Message(), "working_directory: not absolute");
}

// --- /exec?stream=1 ---

TEST_F(CommandExchangeTest, EventsComeAsTheyHappen) {
  auto& call = Start("/exec?stream=1", R"({"cmd":"x"})");
  call.Send(Started());
  Await([&] { return client_->received.find("started") != std::string::npos; });
  call.Send(Stdout("one\n"));
  Await([&] { return client_->received.find("one") != std::string::npos; });
  call.Send(Stderr("two"));
  call.Send(Ended(ExecEnded::EXITED, 3));
  const std::vector<json> events = Events();
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[0], json::parse(R"({"event":"started","pid":42})"));
  EXPECT_EQ(events[1], json::parse(R"({"event":"stdout","data":"one\n"})"));
  EXPECT_EQ(events[2], json::parse(R"({"event":"stderr","data":"two"})"));
  EXPECT_EQ(events[3], json::parse(R"({"event":"exited","exitCode":3,"signal":null,
      "timedOut":false,"oomKilled":false,"durationMs":1.5})"));
}

TEST_F(CommandExchangeTest, ACharacterInTwoPiecesStaysOne) {
  auto& call = Start("/exec?stream=1", R"({"cmd":"x"})");
  call.Send(Stdout("a\xc3"));
  call.Send(Stdout("\xa9z\xe2\x82"));
  call.Send(Ended(ExecEnded::EXITED, 0));
  const std::vector<json> events = Events();
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[0]["data"], "a");
  EXPECT_EQ(events[1]["data"], "\xc3\xa9z");
  EXPECT_EQ(events[2]["data"], "4oI=");  // it never became whole
  EXPECT_EQ(events[2]["encoding"], "base64");
}

TEST_F(CommandExchangeTest, AFailureAfterTheFirstEventIsTheLastOne) {
  auto& call = Start("/exec?stream=1", R"({"cmd":"x"})");
  call.Send(Started());
  Settle();
  call.Send(Failed(agent::Error::INTERNAL, "lost"));
  const std::vector<json> events = Events();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[1]["event"], "error");
  EXPECT_EQ(events[1]["error"]["message"], "lost");
}

TEST_F(CommandExchangeTest, AnOldClientGetsEventsToo) {
  client_ = Connect();
  client_->Send("POST /exec?stream=1 HTTP/1.0\r\nContent-Length: 11\r\n\r\n{\"cmd\":\"x\"}");
  auto& call = AwaitCall();
  call.Send(Started());
  call.Send(Ended(ExecEnded::EXITED, 0));
  Await([&] { return client_->ended; });
  const auto response = TakeResponse(client_->received, true);
  ASSERT_TRUE(response.has_value());
  EXPECT_THAT(response->head, Not(HasSubstr("chunked")));
  EXPECT_THAT(response->body, HasSubstr("\"exited\""));
}

TEST_F(CommandExchangeTest, ASlowReaderHoldsTheCommandBack) {
  auto& call = Start("/exec?stream=1", R"({"cmd":"yes"})");
  client_->StopReading();
  const std::string piece(60'000, 'y');
  size_t sent = 0;
  while (!call.BackedUp()) {
    ASSERT_LT(sent, 8u << 20) << "somebody buffers without a bound";
    call.Send(Stdout(piece));
    sent += piece.size();
    Settle();
  }
  client_->GoOnReading();
  Await([&] { return !call.BackedUp(); });
  call.Send(Ended(ExecEnded::EXITED, 0));
  size_t got = 0;
  for (const json& event : Events()) {
    if (event["event"] == "stdout") got += event["data"].get<std::string>().size();
  }
  EXPECT_EQ(got, sent);
}

// --- /run-ts ---

TEST_F(CommandExchangeTest, RunTsAsksForWhatTheBodySays) {
  const agent::RunTsRequest run =
      Start("/run-ts", R"({"code":"1","args":["a"],"env":{"K":"v"},"allowNet":true,
                           "timeoutMs":5,"limits":{"memoryBytes":9}})")
          .request.run_ts();
  EXPECT_EQ(run.code(), "1");
  EXPECT_THAT(run.arguments(), ElementsAre("a"));
  EXPECT_EQ(run.environment(0).name(), "K");
  EXPECT_TRUE(run.allow_net());
  EXPECT_EQ(run.timeout_ms(), 5u);
  EXPECT_EQ(run.limits().memory_bytes(), 9u);
  EXPECT_EQ(Ask(Post("/run-ts", "{}")).status, 400);
}

TEST_F(CommandExchangeTest, AResultComesBackAsItWas) {
  for (const std::string value : {"1", "\"text\"", "null", "[1,2.50,{\"a\":null}]", "1e300",
                                  "12345678901234567890123", "{\"b\":1,\"a\":2}"}) {
    auto& call = Start("/run-ts", R"({"path":"a.ts"})");
    agent::ServerFrame result;
    result.mutable_run_ts_result()->set_result(value);
    call.Send(result);
    call.Send(Ended(ExecEnded::EXITED, 0));
    const HttpResponse response = Receive(*client_);
    EXPECT_THAT(response.body, HasSubstr(absl::StrCat("\"result\":", value, ",\"error\":null}")));
    EXPECT_EQ(response.status, 200);
  }
}

TEST_F(CommandExchangeTest, AResultThatIsNoJsonIsAFailure) {
  for (const std::string& value :
       std::vector<std::string>{"{", "1,\"exitCode\":0", "1,2", "1]", std::string(100, '[')}) {
    auto& call = Start("/run-ts", R"({"path":"a.ts"})");
    agent::ServerFrame result;
    result.mutable_run_ts_result()->set_error(value);
    call.Send(result);
    EXPECT_EQ(Receive(*client_).status, 500) << value;
    client_->Close();
    Await([&] { return agent_.calls.empty(); });
  }
}

}  // namespace
}  // namespace voidbox
