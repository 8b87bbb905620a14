// The HTTP face of the agent in a real guest, over vsock port 8080. Tests whose names begin with
// Seed are statements of the guest's specification.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "agent/agent.pb.h"
#include "agent/http/testing_response.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"
#include "image/testing/tar_builder.h"
#include "tests/guest_sandbox.h"
#include "tests/guest_suite.h"

namespace voidbox {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kVsockClient[] = "tests/payloads/vsock_client";

// One HTTP connection of the host, blocking.
class HttpClient {
 public:
  explicit HttpClient(UniqueFd stream) : stream_(std::move(stream)) {
    ::fcntl(stream_.get(), F_SETFL, 0);
    const timeval patience = {.tv_sec = 120};
    ::setsockopt(stream_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    Send("CONNECT 8080\n");
    // The rest is what the guest says.
    std::string line;
    char c = 0;
    while (c != '\n' && ::read(stream_.get(), &c, 1) == 1) line += c;
    EXPECT_THAT(line, ::testing::StartsWith("OK "));
  }
  void Send(absl::string_view bytes) { EXPECT_THAT(WriteAll(stream_.get(), bytes), IsOk()); }
  HttpResponse Receive(bool head_only = false) {
    for (;;) {
      auto response = TakeResponse(received_, ended_, head_only);
      if (ended_ || (response.has_value() && response->complete)) {
        return response.value_or(HttpResponse{});
      }
      Read();
    }
  }
  // Reads until this has come.
  void Await(absl::string_view text) {
    while (received_.find(std::string(text)) == std::string::npos && !ended_) Read();
    EXPECT_THAT(received_, HasSubstr(std::string(text)));
  }
  bool ended() const { return ended_; }

 private:
  void Read() {
    std::string piece(64 << 10, '\0');
    const ssize_t got = ::read(stream_.get(), piece.data(), piece.size());
    ended_ = got <= 0;
    if (got > 0) received_.append(piece.data(), static_cast<size_t>(got));
  }
  UniqueFd stream_;
  std::string received_;
  bool ended_ = false;
};

std::string Post(absl::string_view target, absl::string_view body) {
  return absl::StrCat("POST ", target, " HTTP/1.1\r\nHost: guest\r\nContent-Length: ", body.size(),
                      "\r\n\r\n", body);
}
std::string Get(absl::string_view target) {
  return absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: guest\r\n\r\n");
}

class HttpGuestTest : public GuestSuite {
 protected:
  static void SetUpTestSuite() {
    ::signal(SIGPIPE, SIG_IGN);
    BootGuest();
  }

  static HttpClient Connect() { return HttpClient(guest_->sandbox().ConnectVsock().value()); }
  static HttpResponse Ask(const std::string& request) {
    HttpClient client = Connect();
    client.Send(request);
    return client.Receive();
  }
  // What a command line in the jail answers.
  static json Exec(const json& body) {
    const HttpResponse response = Ask(Post("/exec", body.dump()));
    EXPECT_EQ(response.status, 200) << response.body;
    return response.Json();
  }
  static json Exec(const char* cmd) { return Exec(json{{"cmd", cmd}}); }
  static void AwaitIdle() {
    guest_->Await([] { return Ask(Get("/health")).Json()["runningExecs"] == 0; });
  }
  static std::string TarGz(const std::vector<TarBuilder::Entry>& entries) {
    TarBuilder tar;
    for (const TarBuilder::Entry& entry : entries) tar.Add(entry);
    return Pack(tar.Finish(), "gzip");
  }
};

TEST_F(HttpGuestTest, SeedTheHostSpeaksHttpOverVsockPort8080) {
  const HttpResponse response = Ask(Get("/health"));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.Json()["status"], "ok");
  EXPECT_GT(response.Json()["uptimeMs"], 0);
}

TEST_F(HttpGuestTest, SeedPostExecRunsACommand) {
  const json answer = Exec(json{{"cmd", "cat; echo error >&2; exit 7"}, {"stdin", "input\n"}});
  EXPECT_EQ(answer["exitCode"], 7);
  EXPECT_EQ(answer["stdout"], "input\n");
  EXPECT_EQ(answer["stderr"], "error\n");
  EXPECT_EQ(answer["timedOut"], false);
  EXPECT_EQ(answer["truncated"], false);
}

TEST_F(HttpGuestTest, SeedExecRunsChrootedToHomeUser) {
  const json answer = Exec("pwd; for d in /etc /proc /usr /sys; do ls $d; done; id -u; id -g");
  EXPECT_EQ(answer["stdout"], "/\n1000\n1000\n");
  EXPECT_THAT(answer["stderr"].get<std::string>(), HasSubstr("/etc: No such file"));
  EXPECT_EQ(Exec("test -x /bin/busybox && test -c /dev/null && echo yes")["stdout"], "yes\n");
  EXPECT_EQ(Exec(json{{"cmd", "ls -d /etc /home/user"}, {"isolation", "rootfs"}})["exitCode"], 0);
}

TEST_F(HttpGuestTest, ArgumentsAndEnvironmentAreTakenAsTheyAre) {
  const json answer = Exec(json{{"argv", {"sh", "-c", "echo \"$1 $A $PWD\"", "sh", "a  b"}},
                                {"env", {{"A", "x y"}}},
                                {"cwd", "/bin"}});
  EXPECT_EQ(answer["stdout"], "a  b x y /bin\n");
  EXPECT_EQ(Ask(Post("/exec", R"({"cmd":"true","cwd":"relative"})")).status, 400);
}

TEST_F(HttpGuestTest, EachEndIsToldApart) {
  EXPECT_EQ(Exec(json{{"cmd", "sleep 1000"}, {"timeoutMs", 200}})["timedOut"], true);
  EXPECT_EQ(Exec("kill -TERM $$")["signal"], "SIGTERM");
  const json missing = Exec(json{{"argv", {"no-such-program"}}});
  EXPECT_EQ(missing["exitCode"], 127);
  EXPECT_THAT(missing["message"].get<std::string>(), HasSubstr("no-such-program"));
  const json hog = Exec(json{{"cmd", "tail /dev/zero"}, {"limits", {{"memoryBytes", 16 << 20}}}});
  // BusyBox's shell may fork: then it tells what became of the program.
  EXPECT_TRUE(hog["oomKilled"] == true || hog["exitCode"] == 137) << hog;
}

TEST_F(HttpGuestTest, LongOutputIsCutAndSaysSo) {
  const json answer = Exec("head -c 3000000 /dev/zero | tr '\\0' x");
  EXPECT_EQ(answer["truncated"], true);
  EXPECT_EQ(answer["stdout"].get<std::string>().size(), 1u << 20);
  EXPECT_EQ(answer["exitCode"], 0);
}

TEST_F(HttpGuestTest, EventsComeWhileTheCommandRuns) {
  HttpClient client = Connect();
  client.Send(Post("/exec?stream=1", R"({"cmd":"echo one; read -r x; echo $x","stdin":"two\n"})"));
  const HttpResponse response = client.Receive();
  std::string events;
  for (const absl::string_view line : absl::StrSplit(response.body, '\n', absl::SkipEmpty())) {
    const json event = json::parse(line, nullptr, false);
    absl::StrAppend(&events, event["event"].get<std::string>(), " ");
  }
  EXPECT_THAT(events, ::testing::StartsWith("started stdout "));
  EXPECT_THAT(events, ::testing::EndsWith("exited "));
  EXPECT_THAT(response.body, HasSubstr("two\\n"));

  HttpClient endless = Connect();
  endless.Send(Post("/exec?stream=1", R"({"cmd":"echo ready; sleep 1000"})"));
  endless.Await("ready");
}

TEST_F(HttpGuestTest, ACommandEndsWithItsClient) {
  for (const char* target : {"/exec", "/exec?stream=1"}) {
    {
      HttpClient client = Connect();
      client.Send(Post(target, R"({"cmd":"sleep 1000"})"));
      guest_->Await([] { return Ask(Get("/health")).Json()["runningExecs"] == 1; });
    }
    AwaitIdle();
  }
}

TEST_F(HttpGuestTest, OneConnectionServesManyRequests) {
  HttpClient client = Connect();
  for (int i = 0; i < 50; ++i) {
    client.Send(Post("/exec", absl::StrCat("{\"cmd\":\"echo ", i, "\"}")));
    EXPECT_EQ(client.Receive().Json()["stdout"], absl::StrCat(i, "\n"));
  }
  client.Send("HEAD /health HTTP/1.1\r\n\r\n");
  EXPECT_EQ(client.Receive(/*head_only=*/true).status, 200);
  EXPECT_FALSE(client.ended());
}

TEST_F(HttpGuestTest, SeedPostRunTsWithoutDenoSaysWhatIsMissing) {
  const HttpResponse response = Ask(Post("/run-ts", R"({"code":"1 + 1"})"));
  EXPECT_EQ(response.status, 501) << response.body;
  EXPECT_THAT(response.body, HasSubstr("\"remediation\""));
}

TEST_F(HttpGuestTest, SeedFilesGoUpAndDownAsTarGz) {
  const std::string archive =
      TarGz({{.name = "d/", .type = '5', .mode = 0755}, {.name = "d/a b", .data = "contents\n"}});
  const HttpResponse up = Ask(Post("/files/upload?dest=up%2Fto", archive));
  EXPECT_EQ(up.status, 200) << up.body;
  EXPECT_EQ(up.Json()["bytes"], 9);
  EXPECT_EQ(Exec("cat '/up/to/d/a b'; stat -c %u:%g '/up/to/d/a b'")["stdout"],
            "contents\n1000:1000\n");

  HttpClient client = Connect();
  client.Send(Get("/files/download?path=/workspace//up/to/d"));
  const HttpResponse down = client.Receive();
  EXPECT_EQ(down.status, 200) << down.body;
  EXPECT_TRUE(down.Has("Content-Type: application/gzip"));
  // What came down goes up again elsewhere.
  client.Send(Post("/files/upload?dest=again", down.body));
  EXPECT_EQ(client.Receive().status, 200);
  EXPECT_EQ(Exec("cat '/again/d/a b'; rm -r /again /up")["stdout"], "contents\n");
}

TEST_F(HttpGuestTest, SeedFilesAreRestrictedToHomeUser) {
  for (const char* path : {"/etc", "../etc", "..%2F..%2Fetc", "/home/user/../../etc", "/"}) {
    EXPECT_EQ(Ask(Get(absl::StrCat("/files/download?path=", path))).status, 400) << path;
    EXPECT_EQ(Ask(Post(absl::StrCat("/files/upload?dest=", path), TarGz({}))).status, 400) << path;
  }
  EXPECT_EQ(Ask(Get("/files/download?path=not-there")).status, 404);
}

TEST_F(HttpGuestTest, SeedSymlinksAndTraversalAreRejected) {
  EXPECT_EQ(Exec("ln -s /etc link && echo old >kept")["exitCode"], 0);
  const TarBuilder::Entry good = {.name = "kept", .data = "new"};
  const std::vector<TarBuilder::Entry> bad = {
      {.name = "../out", .data = "x"},
      {.name = "/abs", .data = "x"},
      {.name = "l", .type = '2', .link = "/etc/passwd"},
      {.name = "h", .type = '1', .link = "kept"},
      {.name = "null", .type = '3', .major = 1, .minor = 3},
  };
  for (const TarBuilder::Entry& entry : bad) {
    const HttpResponse response = Ask(Post("/files/upload?dest=.", TarGz({good, entry})));
    EXPECT_EQ(response.status, 400) << entry.name;
  }
  EXPECT_EQ(Ask(Post("/files/upload?dest=link", TarGz({good}))).status, 400);
  EXPECT_EQ(Ask(Get("/files/download?path=link/passwd")).status, 400);
  // A failed upload leaves the destination as it was.
  EXPECT_EQ(Exec("cat kept; rm link kept; ls l h null out abs 2>/dev/null")["stdout"], "old\n");
}

TEST_F(HttpGuestTest, AnUploadTooLongIsRefusedAtOnceAndGarbageIsAnError) {
  EXPECT_EQ(
      Ask("POST /files/upload?dest=big HTTP/1.1\r\nContent-Length: 99999999999999\r\n\r\n").status,
      413);
  const HttpResponse garbage = Ask(Post("/files/upload?dest=bad", "this is no archive"));
  EXPECT_EQ(garbage.status, 400);
  // One that its client gives up.
  {
    HttpClient client = Connect();
    client.Send("POST /files/upload?dest=cut HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n\x1f\x8b");
  }
  EXPECT_EQ(Exec("ls -d /big /bad /cut")["stdout"], "");
}

TEST_F(HttpGuestTest, MetricsAreOfTheGuest) {
  const json metrics = Ask(Get("/metrics")).Json();
  EXPECT_EQ(metrics["cpu"]["count"], 1);
  EXPECT_LE(metrics["memory"]["totalBytes"], GuestSandbox::kMemoryBytes);
  EXPECT_GT(metrics["memory"]["availableBytes"], 0);
  EXPECT_GE(metrics["processes"], 1);
  EXPECT_GT(metrics["disk"]["totalBytes"], 0);
  EXPECT_GT(metrics["workspace"]["totalBytes"], 0);
  EXPECT_GT(metrics["agent"]["residentBytes"], 0);
}

TEST_F(HttpGuestTest, SeedTheFirewallAllowsWhatIsListedAndNothingElse) {
  // Addresses of the guest itself: what is sent to them leaves and arrives by lo.
  EXPECT_EQ(Ask(Post("/net/config", R"({"interface":"lo","addresses":["127.0.0.1/8","::1/128",
      "10.9.0.1/32","10.9.0.2/32","fd09::1/128","fd09::2/128"]})"))
                .status,
            200);
  const auto ping = [](const char* address) {
    const auto exec = guest_->Run(absl::StrCat("ping -c 1 -W 5 ", address, " 2>&1"));
    if (exec->ended->exit_code() == 0) return std::string("reached");
    return exec->out.find("not permitted") != std::string::npos ? std::string("forbidden")
                                                                : exec->out;
  };
  guest_->Await([&] { return ping("fd09::2") == "reached"; });
  const auto set = [](const char* policy) {
    EXPECT_EQ(Ask(Post("/firewall/allowlist", policy)).status, 200);
  };
  set(R"({"allowIps":["10.9.0.1","fd09::1"]})");
  for (const char* address : {"10.9.0.1", "fd09::1", "127.0.0.1", "::1"}) {
    EXPECT_EQ(ping(address), "reached") << address;
  }
  for (const char* address : {"10.9.0.2", "fd09::2"}) {
    EXPECT_EQ(ping(address), "forbidden") << address;
  }
  const auto connect = guest_->Run("nc -w 5 10.9.0.2 80 </dev/null");
  EXPECT_THAT(connect->err, HasSubstr("Connection refused"));
  // What is wrong changes nothing.
  EXPECT_EQ(Ask(Post("/firewall/allowlist", R"({"allowIps":["10.9.0.2","nonsense"]})")).status,
            400);
  EXPECT_EQ(ping("10.9.0.2"), "forbidden");
  set(R"({"allowIps":[]})");
  EXPECT_EQ(ping("10.9.0.1"), "forbidden");
  set(R"({"allowIps":["0.0.0.0/0","::/0"]})");
  EXPECT_EQ(ping("10.9.0.2"), "reached");
  EXPECT_EQ(ping("fd09::2"), "reached");
  EXPECT_EQ(Ask(Get("/health")).status, 200);
}

TEST_F(HttpGuestTest, NameServersAreWrittenAndAMissingInterfaceIsNotFound) {
  EXPECT_EQ(Ask(Post("/net/config", R"({"interface":"lo","addresses":["127.0.0.1/8","::1/128"],
      "nameServers":["10.0.2.3","fd00::3"]})"))
                .status,
            200);
  EXPECT_EQ(guest_->Run("cat /etc/resolv.conf")->out, "nameserver 10.0.2.3\nnameserver fd00::3\n");
  const HttpResponse missing = Ask(Post("/net/config", R"({"addresses":["10.0.2.15/24"]})"));
  EXPECT_EQ(missing.status, 404);
  EXPECT_THAT(missing.Message(), HasSubstr("eth0"));
}

TEST_F(HttpGuestTest, TheClockIsSet) {
  EXPECT_EQ(Ask(Post("/time/sync", R"({"unixMs":1790000000000})")).status, 200);
  const int64_t now = std::stoll(guest_->Run("date +%s")->out);
  EXPECT_GE(now, 1'790'000'000);
  EXPECT_LT(now, 1'790'000'000 + 120);
  EXPECT_EQ(Ask(Post("/time/sync", R"({"unixMs":0})")).status, 400);
}

TEST_F(HttpGuestTest, AResumedGuestIsAnother) {
  agent::Request request;
  agent::ResumeRequest& resume = *request.mutable_resume();
  resume.set_entropy(std::string(64, 'e'));
  resume.set_realtime_ns(1'800'000'000'000'000'000);
  resume.set_host_name("fork-1");
  resume.set_machine_id("0123456789abcdef0123456789abcdef");
  resume.mutable_network()->set_interface("lo");
  resume.mutable_network()->add_addresses("127.0.0.1/8");
  resume.mutable_network()->add_name_servers("10.1.1.1");
  EXPECT_TRUE(guest_->Ask(request).has_done());
  EXPECT_EQ(guest_
                ->Run("hostname; cat /etc/machine-id /etc/resolv.conf; "
                      "test $(date +%s) -ge 1800000000 && echo later")
                ->out,
            "fork-1\n0123456789abcdef0123456789abcdef\nnameserver 10.1.1.1\nlater\n");
  resume.set_entropy("little");
  EXPECT_EQ(guest_->Ask(request).error().code(), agent::Error::INVALID_ARGUMENT);
}

TEST_F(HttpGuestTest, SeedOnlyTheHostIsServed) {
  const auto program = ReadFile(kVsockClient);
  ASSERT_THAT(program, IsOk());
  agent::ExecRequest store =
      GuestSandbox::Shell("cat >/run/vsock_client && chmod 755 /run/vsock_client");
  store.set_stdin(true);
  const auto stored = guest_->Start(store);
  stored->SendInput(*program);
  stored->EndInput();
  guest_->Finish(*stored);
  // Loopback (CID 1), and the guest's own number, as the host gives it to every guest.
  for (const char* cid : {"1", "3"}) {
    for (const char* port : {"1234", "8080"}) {
      const auto exec = guest_->Run(absl::StrCat("/run/vsock_client ", cid, " ", port));
      EXPECT_THAT(exec->out, Not(HasSubstr(" bytes"))) << cid << ":" << port;
      EXPECT_EQ(exec->ended->exit_code(), 1u) << exec->out << exec->err;
    }
  }
  EXPECT_EQ(Ask(Get("/health")).status, 200);
}

}  // namespace
}  // namespace voidbox
