// Programs that a real Deno runs in a real guest.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/agent.pb.h"
#include "agent/error_frame.h"
#include "agent/files/testing_file_client.h"
#include "base/frame.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"
#include "tests/guest_sandbox.h"
#include "tests/guest_suite.h"

namespace voidbox {
namespace {

using agent::ExecEnded;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;

// In the runfiles: the minimal guest with Deno where the debian flavour has it.
constexpr char kInitramfs[] = "tests/run_ts.cpio";
constexpr uint64_t kMemoryBytes = 1 << 30;

class RunTsTest : public GuestSuite {
 protected:
  struct Outcome {
    std::string out, err;
    std::optional<std::string> result, error;
    ExecEnded ended;
    absl::Status status;  // of an Error frame
    bool has_result = false;
  };

  static void SetUpTestSuite() {
    ::signal(SIGPIPE, SIG_IGN);
    BootGuest([](Sandbox::Options& options) {
      options.initramfs = std::filesystem::absolute(kInitramfs);
      options.memory_bytes = kMemoryBytes;
    });
  }
  void TearDown() override {
    if (guest_ == nullptr) return;
    EXPECT_EQ(Root("ls -a /home/user/.cache 2>/dev/null | grep voidbox"), "")
        << "result files are left";
  }

  static UniqueFd Connect() {
    auto stream = guest_->sandbox().ConnectVsock();
    EXPECT_THAT(stream, IsOk());
    EXPECT_EQ(::fcntl(stream->get(), F_SETFL, 0), 0);
    EXPECT_THAT(WriteAll(stream->get(), "CONNECT 1234\n"), IsOk());
    for (char c = 0; c != '\n';) {
      const auto got = ReadUpTo(stream->get(), &c, 1);
      if (!got.ok() || *got == 0) break;
    }
    return *std::move(stream);
  }
  static std::string Root(const std::string& script) {
    agent::ExecRequest request = GuestSandbox::Shell(script);
    request.set_user("root");
    return guest_->Run(request)->out;
  }

  static UniqueFd Start(const agent::RunTsRequest& run) {
    UniqueFd stream = Connect();
    agent::Request request;
    *request.mutable_run_ts() = run;
    EXPECT_THAT(WriteFrame(stream.get(), request), IsOk());
    return stream;
  }
  static Outcome Finish(int stream) {
    Outcome outcome;
    agent::ServerFrame frame;
    while (ReadFrame(stream, frame).ok()) {
      outcome.out += frame.stdout();
      outcome.err += frame.stderr();
      if (frame.has_run_ts_result()) {
        EXPECT_FALSE(outcome.ended.reason()) << "the result comes before the end";
        outcome.has_result = true;
        if (frame.run_ts_result().has_result()) outcome.result = frame.run_ts_result().result();
        if (frame.run_ts_result().has_error()) outcome.error = frame.run_ts_result().error();
      }
      if (frame.has_ended()) outcome.ended = frame.ended();
      if (frame.has_error()) outcome.status = ErrorStatus(frame.error());
    }
    return outcome;
  }
  static Outcome Run(const agent::RunTsRequest& run) {
    const UniqueFd stream = Start(run);
    return Finish(stream.get());
  }
  static agent::RunTsRequest Code(const std::string& code) {
    agent::RunTsRequest request;
    request.set_code(code);
    return request;
  }
  static Outcome RunCode(const std::string& code) { return Run(Code(code)); }
  static void ExpectExit(const Outcome& outcome, uint32_t code) {
    EXPECT_THAT(outcome.status, IsOk());
    EXPECT_EQ(outcome.ended.reason(), ExecEnded::EXITED) << outcome.err;
    EXPECT_EQ(outcome.ended.exit_code(), code) << outcome.err;
    EXPECT_TRUE(outcome.has_result);
  }
};

TEST_F(RunTsTest, RunsTypeScript) {
  agent::RunTsRequest request = Code(
      "interface Named { name: string }\n"
      "const one: Named = { name: Deno.args[0] };\n"
      "console.log(one.name, Deno.env.get('WORD'), Deno.cwd()); console.error('err');");
  request.add_arguments("argument");
  request.add_environment()->set_name("WORD");
  request.mutable_environment(0)->set_value("value");
  const Outcome outcome = Run(request);
  ExpectExit(outcome, 0);
  EXPECT_EQ(outcome.out, "argument value /home/user\n");
  EXPECT_EQ(outcome.err, "err\n");
  EXPECT_EQ(outcome.result, std::nullopt);
  EXPECT_EQ(outcome.error, std::nullopt);
}

TEST_F(RunTsTest, AnyJsonValueComesBackAsItWas) {
  for (const char* value :
       {"-0.5", "\"é\\u0000\"", "null", "[1,[null,\"x\"]]", "{\"a\":{\"b\":[]}}"}) {
    const Outcome outcome = RunCode(absl::StrCat("result.set(", value, ");"));
    ExpectExit(outcome, 0);
    EXPECT_THAT(outcome.result, Optional(Eq(value)));
    EXPECT_EQ(outcome.error, std::nullopt);
  }
  const Outcome both = RunCode("result.set(1); result.set([2]); result.error({ why: 'x' });");
  EXPECT_THAT(both.result, Optional(Eq("[2]")));
  EXPECT_THAT(both.error, Optional(Eq("{\"why\":\"x\"}")));
}

TEST_F(RunTsTest, ALargeResultComesBackAndOneTooLargeIsToldToTheProgram) {
  const Outcome large = RunCode("result.set('x'.repeat(500 * 1024 - 2));");
  ExpectExit(large, 0);
  ASSERT_TRUE(large.result.has_value());
  EXPECT_EQ(large.result->size(), 500u << 10);
  const Outcome too_large = RunCode("result.set('x'.repeat(500 * 1024 - 1));");
  ExpectExit(too_large, 1);
  EXPECT_THAT(too_large.err, HasSubstr("512001 bytes of JSON are more than the limit of 512000"));
  EXPECT_EQ(too_large.result, std::nullopt);
}

TEST_F(RunTsTest, WhatJsonCannotSayIsAnErrorOfTheProgram) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"undefined", "result.set: undefined is not a JSON value"},
      {"NaN", "result.set: NaN is not a JSON value"},
      {"[1, -Infinity]", "result.set: -Infinity at '1' is not a JSON value"},
      {"[undefined]", "undefined at '0'"},
      {"{ a: 1n }", "a bigint at 'a'"},
      {"() => 1", "a function is not a JSON value"},
  };
  std::string code;
  for (const auto& [value, message] : cases) {
    absl::StrAppend(&code, "try { result.set(", value,
                    "); } catch (e) { console.log(e.message); }\n");
  }
  const Outcome outcome = RunCode(code);
  ExpectExit(outcome, 0);
  for (const auto& [value, message] : cases) EXPECT_THAT(outcome.out, HasSubstr(message));
  EXPECT_EQ(outcome.result, std::nullopt);
}

// "run-ts uses Deno [...] and executes with restricted permissions"
TEST_F(RunTsTest, ExecutesWithRestrictedPermissions) {
  const Outcome outcome = RunCode(R"ts(
    Deno.writeTextFileSync("/home/user/t.txt", "t");
    console.log(Deno.readTextFileSync("/home/user/t.txt"));
    Deno.removeSync("/home/user/t.txt");
    const attempts: Record<string, () => unknown> = {
      read: () => Deno.readTextFileSync("/etc/passwd"),
      write: () => Deno.writeTextFileSync("/tmp/x", "x"),
      run: () => new Deno.Command("/bin/true").outputSync(),
      env: () => Deno.env.get("PATH"),
      net: () => Deno.listen({ port: 4000 }),
      ffi: () => Deno.dlopen("/lib/x86_64-linux-gnu/libc.so.6", {}),
    };
    for (const [name, attempt] of Object.entries(attempts)) {
      try { attempt(); console.log(name, "allowed"); } catch (e) { console.log(name, e.name); }
    }
    console.log(Deno.uid === undefined);
  )ts");
  ExpectExit(outcome, 0);
  EXPECT_THAT(outcome.out,
              HasSubstr("t\nread NotCapable\nwrite NotCapable\nrun NotCapable\nenv NotCapable\n"
                        "net NotCapable\nffi NotCapable\n"));
}

// "optional --allow-net if requested"
TEST_F(RunTsTest, NetworkIsAllowedIfRequested) {
  const std::string code =
      "const l = Deno.listen({ hostname: '127.0.0.1', port: 4000 }); l.close(); result.set('net');";
  EXPECT_THAT(RunCode(code).err, HasSubstr("NotCapable"));
  agent::RunTsRequest request = Code(code);
  request.set_allow_net(true);
  EXPECT_THAT(Run(request).result, Optional(Eq("\"net\"")));
  // Loading a module is no way around.
  const Outcome remote = RunCode("import 'https://jsr.io/x.ts';");
  ExpectExit(remote, 1);
  EXPECT_THAT(remote.err, HasSubstr("--no-remote"));
}

TEST_F(RunTsTest, AFileOfTheWorkspaceRunsWithInputAndImports) {
  const TestingFileClient files(Connect);
  ASSERT_THAT(files.MakeDirectory("p").status, IsOk());
  ASSERT_THAT(files.Write("p/lib.ts", "export const twice = (n: number) => 2 * n;").status, IsOk());
  ASSERT_THAT(files
                  .Write("p/main.ts",
                         "import { twice } from './lib.ts';\n"
                         "const text = await new Response(Deno.stdin.readable).text();\n"
                         "result.set(twice(Number(text)));")
                  .status,
              IsOk());
  agent::RunTsRequest request;
  request.set_path("/workspace/p/main.ts");
  request.set_stdin(true);
  const UniqueFd stream = Start(request);
  agent::ClientFrame frame;
  frame.set_stdin("21");
  EXPECT_THAT(WriteFrame(stream.get(), frame), IsOk());
  frame.mutable_close_stdin();
  EXPECT_THAT(WriteFrame(stream.get(), frame), IsOk());
  const Outcome outcome = Finish(stream.get());
  ExpectExit(outcome, 0);
  EXPECT_THAT(outcome.result, Optional(Eq("42")));
  EXPECT_THAT(RunCode("import { twice } from './p/lib.ts'; result.set(twice(4));").result,
              Optional(Eq("8")));
  EXPECT_THAT(files.Remove("p", true).status, IsOk());
  request.set_path("p/main.ts");
  EXPECT_THAT(Run(request).status, StatusIs(absl::StatusCode::kNotFound, HasSubstr("p/main.ts")));
  request.set_path("/etc/passwd");
  EXPECT_THAT(Run(request).status,
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("leaves the workspace")));
}

TEST_F(RunTsTest, HowAProgramEndsIsToldWithItsResult) {
  const Outcome thrown = RunCode("result.set(1); throw new Error('broken');");
  ExpectExit(thrown, 1);
  EXPECT_THAT(thrown.err, HasSubstr("broken"));
  EXPECT_THAT(thrown.result, Optional(Eq("1")));
  const Outcome exited = RunCode("result.error('e'); Deno.exit(7);");
  ExpectExit(exited, 7);
  EXPECT_THAT(exited.error, Optional(Eq("\"e\"")));
  const Outcome wrong = RunCode("this is not a program");
  ExpectExit(wrong, 1);
  EXPECT_THAT(wrong.err, HasSubstr("error"));
  agent::RunTsRequest endless = Code("result.set('so far'); console.log('on'); for (;;);");
  endless.set_timeout_ms(15'000);  // enough to get there
  const Outcome timed_out = Run(endless);
  EXPECT_EQ(timed_out.ended.reason(), ExecEnded::TIMED_OUT);
  EXPECT_EQ(timed_out.out, "on\n");
  EXPECT_THAT(timed_out.result, Optional(Eq("\"so far\"")));
}

TEST_F(RunTsTest, ASpoofedResultFileIsNoResult) {
  // The program finds its own file's name, and puts other things in its place.
  const std::string find =
      "result.set(1); const d = '/home/user/.cache/';\n"
      "const f = d + [...Deno.readDirSync(d)].find((e) => e.name.startsWith('voidbox')).name;\n"
      "Deno.removeSync(f);\n";
  for (const char* spoof :
       {"Deno.writeTextFileSync(f, 'garbage');", "Deno.mkdirSync(f); Deno.removeSync(f);",
        "Deno.writeTextFileSync(f, '1'.repeat(600000));",
        "Deno.writeTextFileSync(d + 'x', '2'); Deno.linkSync(d + 'x', f); ",
        "Deno.writeTextFileSync(f, '');"}) {
    const Outcome outcome = RunCode(find + spoof);
    EXPECT_TRUE(outcome.has_result);
    EXPECT_EQ(outcome.result, std::nullopt) << spoof << outcome.err;
  }
  Root("rm -f /home/user/.cache/x");
}

TEST_F(RunTsTest, HangingUpEndsTheProgramAndLeavesNothing) {
  UniqueFd stream = Start(Code("result.set(1); console.log('on'); setInterval(() => {}, 1000);"));
  std::string out;
  agent::ServerFrame frame;
  while (out != "on\n" && ReadFrame(stream.get(), frame).ok()) out += frame.stdout();
  EXPECT_EQ(out, "on\n");
  stream.Reset();
  std::string left;
  guest_->Await(
      [&] { return (left = Root("pidof deno; ls /home/user/.cache | grep voidbox")).empty(); });
  EXPECT_THAT(left, IsEmpty());
}

TEST_F(RunTsTest, AnImageWithoutDenoIsTold) {
  Root("mv /home/user/.deno /home/user/.away");
  EXPECT_THAT(RunCode("1").status,
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("voidbox image build debian")));
  Root("mv /home/user/.away /home/user/.deno");
}

}  // namespace
}  // namespace voidbox
