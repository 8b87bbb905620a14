// The protocol: what comes before any endpoint, and what holds for all of them.
#include "agent/http/http_server.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "agent/http/testing_http.h"

namespace voidbox {
namespace {

using agent::ExecEnded;
using ::testing::HasSubstr;

constexpr char kHealth[] = "GET /health HTTP/1.1\r\nHost: guest\r\n\r\n";

class HttpServerTest : public HttpTest {
 protected:
  // The status of a request, which closes the connection.
  int StatusThatCloses(absl::string_view request) {
    const auto client = Connect();
    client->Send(request);
    const HttpResponse response = Receive(*client);
    EXPECT_TRUE(response.Has("Connection: close")) << response.head;
    Await([&] { return client->ended; });
    EXPECT_EQ(client->received, "");
    EXPECT_FALSE(response.Message().empty());
    return response.status;
  }
};

TEST_F(HttpServerTest, HealthIsAnswered) {
  const HttpResponse response = Ask(kHealth);
  EXPECT_EQ(response.status, 200);
  EXPECT_TRUE(response.Has("Content-Type: application/json"));
  EXPECT_FALSE(response.Has("Connection: close"));
  EXPECT_THAT(response.head, HasSubstr("\r\nDate: "));
  EXPECT_EQ(response.Json()["status"], "ok");
  EXPECT_EQ(response.Json()["version"], "1.2.3");
}

TEST_F(HttpServerTest, AConnectionServesManyRequests) {
  const auto client = Connect();
  for (int i = 0; i < 20; ++i) {
    client->Send(kHealth);
    EXPECT_EQ(Receive(*client).status, 200);
  }
  client->Send("GET /health HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(Receive(*client).Has("Connection: close"));
  Await([&] { return client->ended; });
}

TEST_F(HttpServerTest, PipelinedRequestsAreAnsweredInOrder) {
  const auto client = Connect();
  client->Send(
      absl::StrCat(kHealth, Post("/nothing", "{}"), Post("/exec", "{\"cmd\":\"true\"}"), kHealth));
  EXPECT_EQ(Receive(*client).status, 200);
  // Refused before its body was read, so that nothing after it is taken for a request.
  EXPECT_EQ(Receive(*client).status, 404);
  Await([&] { return client->ended; });

  const auto other = Connect();
  other->Send(absl::StrCat(Post("/exec", "{\"cmd\":\"true\"}"), kHealth, kHealth));
  AwaitCall();
  Settle();
  EXPECT_EQ(other->received, "");  // what was asked first is answered first
  agent_.calls.at(0)->Send(Ended(ExecEnded::EXITED, 0));
  EXPECT_EQ(Receive(*other).Json()["exitCode"], 0);
  EXPECT_EQ(Receive(*other).Json()["status"], "ok");
  EXPECT_EQ(Receive(*other).Json()["status"], "ok");
}

TEST_F(HttpServerTest, ARequestMayComeByteByByte) {
  const auto client = Connect();
  for (const char c : Post("/time/sync", "{\"unixMs\":1}")) {
    client->Send({&c, 1});
    Settle();
  }
  const HttpResponse response = Receive(*client);
  EXPECT_EQ(response.status, 200) << response.body;
}

TEST_F(HttpServerTest, HeadHasTheHeadOfGetAndNoBody) {
  const auto client = Connect();
  client->Send("HEAD /health HTTP/1.1\r\n\r\nGET /health HTTP/1.1\r\n\r\n");
  const HttpResponse head = Receive(*client, /*head_only=*/true);
  EXPECT_EQ(head.status, 200);
  EXPECT_THAT(head.head, HasSubstr("Content-Length: "));
  EXPECT_EQ(Receive(*client).status, 200);
  // Errors have none either, and leave the connection as it is.
  client->Send("HEAD /nothing HTTP/1.1\r\n\r\nGET /health HTTP/1.1\r\n\r\n");
  EXPECT_EQ(Receive(*client, /*head_only=*/true).status, 404);
  EXPECT_EQ(Receive(*client).status, 200);
}

TEST_F(HttpServerTest, AnOldClientIsAnsweredInItsOwnWay) {
  const auto client = Connect();
  client->Send("GET /health HTTP/1.0\r\n\r\n");
  const HttpResponse response = Receive(*client);
  EXPECT_THAT(response.head, HasSubstr("HTTP/1.0 200 OK"));
  Await([&] { return client->ended; });

  const auto keeps = Connect();
  keeps->Send("GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(Receive(*keeps).Has("Connection: keep-alive"));
  keeps->Send("GET /health HTTP/1.0\r\n\r\n");
  EXPECT_EQ(Receive(*keeps).status, 200);
}

TEST_F(HttpServerTest, NamesOfFieldsHaveNoCase) {
  EXPECT_EQ(
      Ask("POST /time/sync HTTP/1.1\r\nhOsT: g\r\ncONTENT-lENGTH: 12\r\n\r\n{\"unixMs\":1}").status,
      200);
}

TEST_F(HttpServerTest, ABodyMayBeChunked) {
  const HttpResponse response =
      Ask("POST /time/sync HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
          "5;name=value\r\n{\"uni\r\n7\r\nxMs\":1}\r\n0\r\nTrailer: value\r\n\r\n");
  EXPECT_EQ(response.status, 200) << response.body;
  ASSERT_EQ(agent_.answered.size(), 1u);
  EXPECT_EQ(agent_.answered[0].time_sync().realtime_ns(), 1'000'000);
}

TEST_F(HttpServerTest, WhatIsNotServedIsSaid) {
  EXPECT_EQ(Ask("GET /nothing HTTP/1.1\r\n\r\n").status, 404);
  EXPECT_EQ(Ask("GET / HTTP/1.1\r\n\r\n").Code(), "no_such_endpoint");
  HttpResponse response = Ask("DELETE /health HTTP/1.1\r\n\r\n");
  EXPECT_EQ(response.status, 405);
  EXPECT_TRUE(response.Has("Allow: GET, HEAD"));
  response = Ask("GET /exec HTTP/1.1\r\n\r\n");
  EXPECT_EQ(response.status, 405);
  EXPECT_TRUE(response.Has("Allow: POST"));
  EXPECT_EQ(Ask("HEAD /exec HTTP/1.1\r\n\r\n", true).status, 405);
  EXPECT_EQ(Ask("OPTIONS /exec HTTP/1.1\r\n\r\n").status, 405);
  EXPECT_EQ(Ask("FROBNICATE /exec HTTP/1.1\r\n\r\n").status, 501);
  EXPECT_EQ(Ask("OPTIONS * HTTP/1.1\r\n\r\n").status, 400);
  EXPECT_EQ(Ask("GET /health?verbose=1 HTTP/1.1\r\n\r\n").status, 400);
  EXPECT_EQ(Ask("GET /files/download HTTP/1.1\r\n\r\n").status, 400);
  EXPECT_EQ(Ask(Post("/exec?stream=yes", R"({"cmd":"a"})")).status, 400);
  EXPECT_EQ(Ask("GET //health/ HTTP/1.1\r\n\r\n").status, 200);
  EXPECT_EQ(Ask("GET /%68ealth HTTP/1.1\r\n\r\n").status, 200);
  EXPECT_EQ(Ask("GET /%zz HTTP/1.1\r\n\r\n").status, 400);
}

TEST_F(HttpServerTest, APostSaysHowLongItsBodyIs) {
  EXPECT_EQ(Ask("POST /exec HTTP/1.1\r\n\r\n").status, 411);
  EXPECT_EQ(Ask("POST /files/upload?dest=a HTTP/1.1\r\n\r\n").status, 411);
}

TEST_F(HttpServerTest, WhatIsNotHttpIsRefused) {
  EXPECT_EQ(StatusThatCloses("nonsense\r\n\r\n"), 400);
  EXPECT_EQ(StatusThatCloses("GET /health HTTP/2.0\r\n\r\n"), 505);
  EXPECT_EQ(StatusThatCloses("GET /health HTTP/1.1\r\nno colon\r\n\r\n"), 400);
  EXPECT_EQ(StatusThatCloses("GET /health HTTP/1.1\r\nContent-Length: x\r\n\r\n"), 400);
  EXPECT_EQ(StatusThatCloses("POST /exec HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n"
                             "\r\n"),
            400);
  EXPECT_EQ(StatusThatCloses("POST /exec HTTP/1.1\r\nContent-Length: 5\r\n"
                             "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            400);
  EXPECT_EQ(StatusThatCloses("POST /exec HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
            501);
  EXPECT_EQ(StatusThatCloses("POST /exec HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
            400);
  EXPECT_EQ(StatusThatCloses("POST /exec HTTP/1.1\r\nExpect: magic\r\nContent-Length: 2\r\n\r\n"),
            417);
  EXPECT_EQ(StatusThatCloses("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), 400);  // TLS
  EXPECT_TRUE(agent_.calls.empty());
}

TEST_F(HttpServerTest, AHugeHeadIsRefused) {
  EXPECT_EQ(StatusThatCloses(absl::StrCat("GET /", std::string(kMaxHeadBytes, 'a'))), 431);
  EXPECT_EQ(StatusThatCloses(
                absl::StrCat("GET /health HTTP/1.1\r\nX: ", std::string(kMaxHeadBytes, 'a'))),
            431);
  std::string many = "GET /health HTTP/1.1\r\n";
  for (size_t i = 0; i <= kMaxHeaderFields; ++i) absl::StrAppend(&many, "a", i, ": b\r\n");
  EXPECT_EQ(StatusThatCloses(many + "\r\n"), 431);
  std::string long_in_all = "GET /health HTTP/1.1\r\n";
  for (int i = 0; i < 20; ++i) absl::StrAppend(&long_in_all, "a: ", std::string(1000, 'b'), "\r\n");
  EXPECT_EQ(StatusThatCloses(long_in_all + "\r\n"), 431);
}

TEST_F(HttpServerTest, EmptyLinesBeforeARequestArePassedOver) {
  EXPECT_EQ(Ask(absl::StrCat("\r\n\r\n", kHealth)).status, 200);
}

TEST_F(HttpServerTest, ABodyIsJsonWithoutSurprises) {
  const auto refused = [&](absl::string_view body, const char* message) {
    const HttpResponse response = Ask(Post("/exec", body));
    EXPECT_EQ(response.status, 400) << body;
    EXPECT_EQ(response.Code(), "invalid_argument");
    EXPECT_THAT(response.Message(), HasSubstr(message));
    EXPECT_FALSE(response.Json()["error"]["remediation"].get<std::string>().empty());
  };
  refused("", "is not json");
  refused("{", "is not json");
  refused("[]", "not an object");
  refused("{\"cmd\":\"a\"} trailing", "is not json");
  refused("{\"cmd\":\"\xff\"}", "is not json");
  refused(std::string(100'000, '['), "nested deeper");
  refused("{}", "give one of them");
  refused(R"({"cmd":"a","argv":["b"]})", "give one of them");
  refused(R"({"cmd":1})", "field cmd is of type number");
  refused(R"({"argv":["a",1]})", "field argv is of type number");
  refused(R"({"cmd":"a","timeout":1})", "field \"timeout\" is not one of");
  refused(R"({"cmd":"a","timeoutMs":-1})", "timeoutMs");
  refused(R"({"cmd":"a","env":{"A":1}})", "the value of A is not a string");
  refused(R"({"cmd":"a","isolation":"none"})", "isolation");
  refused(R"({"cmd":"a","limits":{"memory":1}})", "field \"memory\"");
  refused(R"({"cmd":"a","limits":{"processes":4294967296}})", "more than 4294967295");
  refused(R"({"cmd":"a","stdinBase64":"!"})", "not base64");
  EXPECT_TRUE(agent_.calls.empty());
}

TEST_F(HttpServerTest, ACompressedJsonBodyIsNotTaken) {
  EXPECT_EQ(
      Ask("POST /exec HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}").status,
      415);
}

TEST_F(HttpServerTest, ALongBodyIsRefusedAtOnce) {
  Start({.limits = {.json_bytes = 100}});
  EXPECT_EQ(StatusThatCloses("POST /exec HTTP/1.1\r\nContent-Length: 101\r\n\r\n"), 413);
  EXPECT_EQ(StatusThatCloses("POST /exec HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\n"),
            413);
  EXPECT_EQ(StatusThatCloses(absl::StrCat("POST /exec HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
                                          "\r\n65\r\n",
                                          std::string(101, ' '))),
            413);
}

TEST_F(HttpServerTest, AClientThatStillSendsSeesTheAnswer) {
  Start({.limits = {.json_bytes = 100}});
  const auto client = Connect();
  client->Send("POST /exec HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n");
  const std::string piece(10'000, 'x');
  for (int i = 0; i < 20; ++i) {
    client->SendSome(piece);
    Settle();
  }
  EXPECT_EQ(Receive(*client).status, 413);
  client->Close();
  Await([&] { return server_->connections() == 0; });
}

TEST_F(HttpServerTest, AllBodiesTogetherAreBounded) {
  Start({.limits = {.json_bytes = 1000, .buffered_bytes = 1500}});
  const auto one = Connect();
  const auto other = Connect();
  one->Send("POST /exec HTTP/1.1\r\nContent-Length: 1000\r\n\r\n" + std::string(999, ' '));
  Settle();
  other->Send("POST /exec HTTP/1.1\r\nContent-Length: 1000\r\n\r\n" + std::string(999, ' '));
  EXPECT_EQ(Receive(*other).status, 503);
  one->Close();
  Settle();
  EXPECT_EQ(Ask(Post("/time/sync", absl::StrCat("{\"unixMs\":1}", std::string(900, ' ')))).status,
            200);
}

TEST_F(HttpServerTest, ASlowClientIsToldSo) {
  Start({.timeouts = {.head = absl::Milliseconds(50), .body = absl::Milliseconds(50)}});
  const auto head = Connect();
  head->Send("GET /health HTT");
  EXPECT_EQ(Receive(*head).status, 408);
  Await([&] { return head->ended; });
  const auto body = Connect();
  body->Send("POST /exec HTTP/1.1\r\nContent-Length: 10\r\n\r\n{");
  EXPECT_EQ(Receive(*body).status, 408);
  Await([&] { return body->ended; });
}

TEST_F(HttpServerTest, AnIdleClientIsClosed) {
  Start({.timeouts = {.idle = absl::Milliseconds(50)}});
  const auto fresh = Connect();
  Await([&] { return fresh->ended; });
  EXPECT_EQ(fresh->received, "");
  const auto served = Connect();
  served->Send(kHealth);
  EXPECT_EQ(Receive(*served).status, 200);
  Await([&] { return served->ended; });
  EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(HttpServerTest, ACommandMayTakeLongerThanAClient) {
  Start({.timeouts = {.idle = absl::Milliseconds(1),
                      .head = absl::Seconds(20),
                      .body = absl::Milliseconds(1)}});
  const auto client = Connect();
  client->Send(Post("/exec", R"({"cmd":"sleep 1"})"));
  auto& call = AwaitCall();
  absl::SleepFor(absl::Milliseconds(5));  // longer than what would end it
  Settle();
  call.Send(Ended(ExecEnded::EXITED, 0));
  EXPECT_EQ(Receive(*client).status, 200);
}

TEST_F(HttpServerTest, AClientThatTakesNothingIsGivenUp) {
  Start({.timeouts = {.send = absl::Milliseconds(50)}});
  const auto client = Connect();
  client->StopReading();
  client->Send(Post("/exec?stream=1", R"({"cmd":"yes"})"));
  auto& call = AwaitCall();
  while (!agent_.calls.empty() && !call.BackedUp()) {
    call.Send(Stdout(std::string(60'000, 'y')));
    Settle();
  }
  Await([&] { return agent_.connections() == 0; });
  EXPECT_EQ(agent_.cancelled, 1);
  EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(HttpServerTest, ACommandEndsWithItsClient) {
  const auto client = Connect();
  client->Send(Post("/exec", R"({"cmd":"sleep 1000"})"));
  AwaitCall();
  client->Close();
  Await([&] { return agent_.calls.empty(); });
  EXPECT_EQ(agent_.cancelled, 1);
  EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(HttpServerTest, AClientThatOnlyEndsItsSendingIsAnswered) {
  const auto client = Connect();
  client->Send(Post("/exec", R"({"cmd":"true"})"));
  client->HalfClose();
  auto& call = AwaitCall();
  Settle();
  EXPECT_EQ(agent_.cancelled, 0);
  call.Send(Ended(ExecEnded::EXITED, 0));
  EXPECT_EQ(Receive(*client).status, 200);
  Await([&] { return client->ended; });
}

TEST_F(HttpServerTest, ACommandEndsWithAClientThatHadEndedItsSending) {
  const auto client = Connect();
  client->Send(Post("/exec", R"({"cmd":"true"})"));
  client->HalfClose();
  AwaitCall();
  Settle();
  client->Close();
  Await([&] { return agent_.calls.empty(); });
  EXPECT_EQ(agent_.cancelled, 1);
}

TEST_F(HttpServerTest, AClientThatHadEndedItsSendingIsLookedAfter) {
  Start({.timeouts = {.probe = absl::Milliseconds(1)}});
  for (const char* target : {"/exec", "/exec?stream=1"}) {
    const auto client = Connect();
    client->Send(Post(target, R"({"cmd":"true"})"));
    client->HalfClose();
    auto& call = AwaitCall();
    call.Send(Started());
    const bool streamed = absl::string_view(target) != "/exec";
    const char* const sign = streamed ? "\r\n1\r\n\n\r\n" : "HTTP/1.1 102 Processing\r\n\r\n";
    Await([&] { return client->received.find(sign) != std::string::npos; });
    call.Send(Ended(ExecEnded::EXITED, 0));
    Await([&] { return client->ended; });
    EXPECT_THAT(client->received, HasSubstr("HTTP/1.1 200 OK"));
    EXPECT_THAT(client->received, HasSubstr("\"exitCode\":0"));
  }
}

TEST_F(HttpServerTest, ARequestThatIsCutIsNoRequest) {
  const auto client = Connect();
  client->Send("POST /exec HTTP/1.1\r\nContent-Length: 100\r\n\r\n{\"cmd\"");
  client->HalfClose();
  Await([&] { return client->ended; });
  EXPECT_EQ(client->received, "");
  EXPECT_TRUE(agent_.calls.empty());
}

TEST_F(HttpServerTest, OneClientTooManyIsToldSo) {
  Start({.max_connections = 2});
  const auto one = Connect();
  const auto other = Connect();
  const auto third = Connect();
  EXPECT_EQ(Receive(*third).status, 503);
  Await([&] { return third->ended; });
  one->Send(kHealth);
  EXPECT_EQ(Receive(*one).status, 200);
  other->Close();
  Settle();
  EXPECT_EQ(Ask(kHealth).status, 200);
}

TEST_F(HttpServerTest, RefusalsOfTheAgentHaveTheirStatus) {
  const std::pair<absl::StatusCode, int> kinds[] = {
      {absl::StatusCode::kInvalidArgument, 400},    {absl::StatusCode::kPermissionDenied, 403},
      {absl::StatusCode::kNotFound, 404},           {absl::StatusCode::kAlreadyExists, 409},
      {absl::StatusCode::kFailedPrecondition, 409}, {absl::StatusCode::kResourceExhausted, 429},
      {absl::StatusCode::kUnimplemented, 501},      {absl::StatusCode::kInternal, 500},
  };
  for (const auto& [code, status] : kinds) {
    agent_.answer = absl::Status(code, "because");
    const HttpResponse response = Ask(Post("/net/config", "{}"));
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(response.Message(), "because");
  }
}

}  // namespace
}  // namespace voidbox
