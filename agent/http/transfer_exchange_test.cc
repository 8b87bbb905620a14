#include "agent/http/transfer_exchange.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/http/testing_http.h"

namespace voidbox {
namespace {

using nlohmann::json;
using ::testing::IsEmpty;

class TransferExchangeTest : public HttpTest {
 protected:
  json Answer() { return Receive(*client_).Json(); }
  std::unique_ptr<Client> client_;
};

TEST_F(TransferExchangeTest, AnUploadIsPassedOnAsItComes) {
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

TEST_F(TransferExchangeTest, AnUploadOfAnySizeWaitsForTheWorker) {
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

TEST_F(TransferExchangeTest, AnUploadBeyondTheLimitIsRefusedAndEnded) {
  Start({.limits = {.upload_bytes = 10}});
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

TEST_F(TransferExchangeTest, AnUploadThatTheWorkerRefusesIsAnErrorInItsMiddle) {
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

TEST_F(TransferExchangeTest, AnUploadThatIsCutIsNotEnded) {
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

TEST_F(TransferExchangeTest, AClientThatAsksFirstIsToldToGoOnWhenTheWorkerIsReady) {
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

TEST_F(TransferExchangeTest, ADownloadIsAStream) {
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

TEST_F(TransferExchangeTest, ADownloadOfWhatIsNotThereIsNotFound) {
  client_ = Connect();
  client_->Send("GET /files/download?path=a HTTP/1.1\r\n\r\n");
  auto& call = AwaitCall();
  call.Send(Ready());
  Settle();
  call.Send(Failed(agent::Error::NOT_FOUND, "a: No such file or directory"));
  EXPECT_EQ(Receive(*client_).status, 404);
}

TEST_F(TransferExchangeTest, ADownloadThatFailsInItsMiddleIsNeverComplete) {
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

TEST_F(TransferExchangeTest, AHeadOfADownloadStartsAndEndsIt) {
  client_ = Connect();
  client_->Send("HEAD /files/download?path=a HTTP/1.1\r\n\r\n");
  auto& call = AwaitCall();
  call.Send(Ready());
  call.Send(Data("abc"));
  EXPECT_EQ(Receive(*client_, /*head_only=*/true).status, 200);
  Await([&] { return agent_.calls.empty(); });
  EXPECT_EQ(client_->received, "");
}

}  // namespace
}  // namespace voidbox
