// What each endpoint asks of the agent, and how it answers.
#include "agent/http/endpoints.h"

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
using ::testing::IsEmpty;

class EndpointsTest : public HttpTest {
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

TEST_F(EndpointsTest, ExecAsksForWhatTheBodySays) {
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

TEST_F(EndpointsTest, ACommandLineGoesThroughAShellInTheJail) {
  const agent::ExecRequest exec = Start("/exec", R"({"cmd":"echo $HOME"})").request.exec();
  EXPECT_THAT(exec.argv(), ElementsAre("sh", "-c", "echo $HOME"));
  EXPECT_EQ(exec.isolation(), agent::JAIL);
  EXPECT_EQ(exec.user(), "");
}

TEST_F(EndpointsTest, ExecAnswersWithAllThatItWrote) {
  auto& call = Start("/exec", R"({"cmd":"x"})");
  for (const auto& frame : {Started(), Stdout("out"), Stderr("err"), Stdout("put\n")}) {
    call.Send(frame);
  }
  call.Send(Ended(ExecEnded::EXITED, 7));
  EXPECT_EQ(Answer(), json::parse(R"({"exitCode":7,"signal":null,"timedOut":false,
      "oomKilled":false,"durationMs":1.5,"stdout":"output\n","stderr":"err","truncated":false})"));
}

TEST_F(EndpointsTest, ExecTellsEachEndApart) {
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

TEST_F(EndpointsTest, OutputBeyondTheLimitIsCutAndSaysSo) {
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

TEST_F(EndpointsTest, AllOutputsTogetherAreBounded) {
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

TEST_F(EndpointsTest, BytesThatAreNoTextAreBase64) {
  auto& call = Start("/exec", R"({"cmd":"x"})");
  call.Send(Stdout(std::string("\0\1\2\xff", 4)));
  call.Send(Stderr("text"));
  call.Send(Ended(ExecEnded::EXITED, 0));
  const json answer = Answer();
  EXPECT_EQ(answer["stdout"], "AAEC/w==");
  EXPECT_EQ(answer["stdoutEncoding"], "base64");
  EXPECT_FALSE(answer.contains("stderrEncoding"));
}

TEST_F(EndpointsTest, InputIsGivenAndEnded) {
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

TEST_F(EndpointsTest, MuchInputWaitsForTheProgram) {
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

TEST_F(EndpointsTest, ACommandThatDoesNotReadItsInputStillAnswers) {
  auto& call =
      Start("/exec", absl::StrCat(R"({"cmd":"true","stdin":")", std::string(900'000, 'i'), "\"}"));
  call.Send(Ended(ExecEnded::EXITED, 0));
  EXPECT_EQ(Answer()["exitCode"], 0);
}

TEST_F(EndpointsTest, ARefusedExecIsAnError) {
  agent_.on_call = [](TestingAgent::FakeCall&) {
    return absl::InvalidArgumentError("working_directory: not absolute");
  };
  const HttpResponse response = Ask(Post("/exec?stream=1", R"({"cmd":"x","cwd":"y"})"));
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.Message(), "working_directory: not absolute");
}

// --- /exec?stream=1 ---

TEST_F(EndpointsTest, EventsComeAsTheyHappen) {
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

TEST_F(EndpointsTest, ACharacterInTwoPiecesStaysOne) {
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

TEST_F(EndpointsTest, AFailureAfterTheFirstEventIsTheLastOne) {
  auto& call = Start("/exec?stream=1", R"({"cmd":"x"})");
  call.Send(Started());
  Settle();
  call.Send(Failed(agent::Error::INTERNAL, "lost"));
  const std::vector<json> events = Events();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[1]["event"], "error");
  EXPECT_EQ(events[1]["error"]["message"], "lost");
}

TEST_F(EndpointsTest, AnOldClientGetsEventsToo) {
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

TEST_F(EndpointsTest, ASlowReaderHoldsTheCommandBack) {
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

TEST_F(EndpointsTest, RunTsAsksForWhatTheBodySays) {
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

TEST_F(EndpointsTest, AResultComesBackAsItWas) {
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

TEST_F(EndpointsTest, AResultThatIsNoJsonIsAFailure) {
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

// --- /files ---

TEST_F(EndpointsTest, AnUploadIsPassedOnAsItComes) {
  client_ = Connect();
  client_->Send(
      "POST /files/upload?dest=a%2Fb HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n");
  auto& call = AwaitCall();
  EXPECT_EQ(call.request.upload().destination(), "a/b");
  EXPECT_EQ(call.request.upload().compression(), agent::GZIP);
  Settle();
  EXPECT_EQ(call.input, "");  // the worker is not there yet
  call.Send(Ready());
  Await([&] { return call.input == "abc"; });
  client_->Send("3\r\ndef\r\n0\r\n\r\n");
  Await([&] { return call.input_ended; });
  EXPECT_EQ(call.input, "abcdef");
  call.Send(TransferDone(2, 6));
  EXPECT_EQ(Answer(), json::parse(R"({"files":2,"bytes":6})"));
}

TEST_F(EndpointsTest, AnUploadOfAnySizeWaitsForTheWorker) {
  client_ = Connect();
  constexpr size_t kBytes = 10 << 20;
  client_->Send(
      absl::StrCat("POST /files/upload?dest=a HTTP/1.1\r\nContent-Length: ", kBytes, "\r\n\r\n"));
  auto& call = AwaitCall();
  call.takes_frames = false;
  call.Send(Ready());
  std::string rest(kBytes, 'u');
  size_t sent = 0;
  for (size_t went = 1; went != 0; sent += went) {
    went = client_->SendSome(absl::string_view(rest).substr(sent));
    Settle();
  }
  EXPECT_LT(sent, 4u << 20) << "somebody buffers without a bound";
  EXPECT_EQ(call.input, "");
  call.TakeFrames(true);
  while (sent < kBytes) {
    sent += client_->SendSome(absl::string_view(rest).substr(sent));
    Settle();
  }
  Await([&] { return call.input_ended; });
  EXPECT_TRUE(call.input == rest);
  call.Send(TransferDone(1, kBytes));
  EXPECT_EQ(Answer()["bytes"], kBytes);
}

TEST_F(EndpointsTest, AnUploadBeyondTheLimitIsRefusedAndEnded) {
  HttpTest::Start({.limits = {.upload_bytes = 10}});
  EXPECT_EQ(Ask("POST /files/upload?dest=a HTTP/1.1\r\nContent-Length: 11\r\n\r\n").status, 413);
  EXPECT_THAT(agent_.calls, IsEmpty());
  client_ = Connect();
  client_->Send(
      "POST /files/upload?dest=a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
      "a\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n");
  AwaitCall().Send(Ready());
  EXPECT_EQ(Receive(*client_).status, 413);
  Await([&] { return agent_.calls.empty(); });
  EXPECT_EQ(agent_.cancelled, 1);
}

TEST_F(EndpointsTest, AnUploadThatTheWorkerRefusesIsAnErrorInItsMiddle) {
  const std::pair<agent::Error::Code, int> kinds[] = {{agent::Error::INVALID_ARGUMENT, 400},
                                                      {agent::Error::RESOURCE_EXHAUSTED, 413}};
  for (const auto& [code, status] : kinds) {
    client_ = Connect();
    client_->Send("POST /files/upload?dest=a HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc");
    auto& call = AwaitCall();
    call.Send(Ready());
    Await([&] { return call.input == "abc"; });
    call.Send(Failed(code, "entry ../x: leaves the destination"));
    const HttpResponse response = Receive(*client_);
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(response.Message(), "entry ../x: leaves the destination");
    EXPECT_TRUE(response.Has("Connection: close"));
  }
}

TEST_F(EndpointsTest, AnUploadThatIsCutIsNotEnded) {
  client_ = Connect();
  client_->Send("POST /files/upload?dest=a HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc");
  auto& call = AwaitCall();
  call.Send(Ready());
  Await([&] { return call.input == "abc"; });
  EXPECT_FALSE(call.input_ended);
  client_->HalfClose();
  Await([&] { return agent_.calls.empty(); });
  EXPECT_EQ(agent_.cancelled, 1);
}

TEST_F(EndpointsTest, AClientThatAsksFirstIsToldToGoOnWhenTheWorkerIsReady) {
  client_ = Connect();
  client_->Send(
      "POST /files/upload?dest=a HTTP/1.1\r\nExpect: 100-continue\r\n"
      "Content-Length: 3\r\n\r\n");
  auto& call = AwaitCall();
  Settle();
  EXPECT_EQ(client_->received, "");
  call.Send(Ready());
  EXPECT_EQ(Receive(*client_).status, 100);
  client_->Send("abc");
  Await([&] { return call.input_ended; });
  call.Send(TransferDone(0, 0));
  EXPECT_EQ(Receive(*client_).status, 200);
  // One whose upload cannot begin keeps its body.
  agent_.on_call = [](TestingAgent::FakeCall&) { return absl::NotFoundError("no such place"); };
  EXPECT_EQ(Ask("POST /files/upload?dest=a HTTP/1.1\r\nExpect: 100-continue\r\n"
                "Content-Length: 3\r\n\r\n")
                .status,
            404);
}

TEST_F(EndpointsTest, ADownloadIsAStream) {
  client_ = Connect();
  client_->Send("GET /files/download?path=%2Fhome%2Fuser%2Fa HTTP/1.1\r\n\r\n");
  auto& call = AwaitCall();
  EXPECT_EQ(call.request.download().path(), "/home/user/a");
  EXPECT_EQ(call.request.download().compression(), agent::GZIP);
  for (const auto& frame : {Ready(), Data("abc"), Data("def"), TransferDone(1, 6)}) {
    call.Send(frame);
    if (frame.has_transfer_done()) break;
  }
  const HttpResponse response = Receive(*client_);
  EXPECT_EQ(response.status, 200);
  EXPECT_TRUE(response.Has("Content-Type: application/gzip"));
  EXPECT_TRUE(response.complete);
  EXPECT_EQ(response.body, "abcdef");
}

TEST_F(EndpointsTest, ADownloadOfWhatIsNotThereIsNotFound) {
  client_ = Connect();
  client_->Send("GET /files/download?path=a HTTP/1.1\r\n\r\n");
  auto& call = AwaitCall();
  call.Send(Ready());
  Settle();
  call.Send(Failed(agent::Error::NOT_FOUND, "a: No such file or directory"));
  EXPECT_EQ(Receive(*client_).status, 404);
}

TEST_F(EndpointsTest, ADownloadThatFailsInItsMiddleIsNeverComplete) {
  client_ = Connect();
  client_->Send("GET /files/download?path=a HTTP/1.1\r\n\r\n");
  auto& call = AwaitCall();
  call.Send(Ready());
  call.Send(Data("abc"));
  Await([&] { return client_->received.find("abc") != std::string::npos; });
  call.Send(Failed(agent::Error::INTERNAL, "read error"));
  Await([&] { return client_->ended; });
  const auto response = TakeResponse(client_->received, true);
  ASSERT_TRUE(response.has_value());
  EXPECT_FALSE(response->complete);
}

TEST_F(EndpointsTest, AHeadOfADownloadStartsAndEndsIt) {
  client_ = Connect();
  client_->Send("HEAD /files/download?path=a HTTP/1.1\r\n\r\n");
  auto& call = AwaitCall();
  call.Send(Ready());
  call.Send(Data("abc"));
  EXPECT_EQ(Receive(*client_, /*head_only=*/true).status, 200);
  Await([&] { return agent_.calls.empty(); });
  EXPECT_EQ(client_->received, "");
}

// --- The others ---

TEST_F(EndpointsTest, MetricsAreJson) {
  const json metrics = Ask("GET /metrics HTTP/1.1\r\n\r\n").Json();
  EXPECT_EQ(metrics["cpu"]["count"], 3);
  EXPECT_EQ(metrics["load"].size(), 3u);
  for (const char* part : {"memory", "disk", "workspace", "network", "agent"}) {
    EXPECT_TRUE(metrics[part].is_object()) << part;
  }
}

TEST_F(EndpointsTest, SettingsAskForWhatTheBodySays) {
  EXPECT_EQ(Ask(Post("/firewall/allowlist",
                     R"({"allowIps":["10.0.0.0/8","::1"],"outboundInternet":true})"))
                .Json(),
            json::object());
  EXPECT_EQ(Ask(Post("/net/config", R"({"interface":"eth1","addresses":["10.0.0.2/24"],
      "gateways":["10.0.0.1"],"nameServers":["1.1.1.1"],"mtu":1400,"mac":"02:00:00:00:00:0a"})"))
                .status,
            200);
  EXPECT_EQ(Ask(Post("/time/sync", R"({"unixMs":1790000000000})")).status, 200);
  ASSERT_EQ(agent_.answered.size(), 3u);
  const agent::FirewallRequest& firewall = agent_.answered[0].firewall();
  EXPECT_THAT(firewall.allowed(), ElementsAre("10.0.0.0/8", "::1"));
  EXPECT_TRUE(firewall.outbound_internet());
  const agent::NetworkRequest& network = agent_.answered[1].network();
  EXPECT_EQ(network.interface(), "eth1");
  EXPECT_THAT(network.addresses(), ElementsAre("10.0.0.2/24"));
  EXPECT_THAT(network.gateways(), ElementsAre("10.0.0.1"));
  EXPECT_THAT(network.name_servers(), ElementsAre("1.1.1.1"));
  EXPECT_EQ(network.mtu(), 1400u);
  EXPECT_EQ(network.mac(), std::string("\x02\0\0\0\0\x0a", 6));
  EXPECT_EQ(agent_.answered[2].time_sync().realtime_ns(), 1'790'000'000'000'000'000);
}

TEST_F(EndpointsTest, SettingsRefuseBadFields) {
  EXPECT_EQ(Ask(Post("/firewall/allowlist", R"({"allowIps":"10.0.0.1"})")).status, 400);
  EXPECT_EQ(Ask(Post("/firewall/allowlist", R"({"outboundInternet":"yes"})")).status, 400);
  EXPECT_EQ(Ask(Post("/net/config", R"({"mac":"02:00"})")).status,
            200);  // the agent counts its bytes
  EXPECT_EQ(Ask(Post("/net/config", R"({"mac":"0g:00:00:00:00:00"})")).status, 400);
  EXPECT_EQ(Ask(Post("/time/sync", "{}")).status, 400);
  EXPECT_EQ(Ask(Post("/time/sync", R"({"unixMs":9223372036854775807})")).status, 400);
}

}  // namespace
}  // namespace voidbox
