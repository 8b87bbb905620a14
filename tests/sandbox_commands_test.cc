// What a user gets of the commands around a sandbox that runs, on a machine with KVM or through the
// emulated host.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"
#include "base/unix_socket.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/terminal_process.h"
#include "tests/voidbox_process.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Result = VoidboxProcess::Result;

// Has one sandbox, called web, that all tests share; those that end one make their own.
class SandboxCommandsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    home_ = UseOwnHome();
    const Result run = RunVoidbox({"run", "-d", "--name", "web", "--label", "job=7", "--label",
                                   "kind=test", "--memory", "256M"});
    ASSERT_EQ(run.exit_status, 0) << run.error;
    id_ = run.output.substr(0, run.output.find('\n'));
  }
  static void TearDownTestSuite() {
    RunVoidbox({"kill", "web"});
    StopOwnHost();
  }
  static Result Exec(std::vector<std::string> command) {
    command.insert(command.begin(), {"exec", "web", "--"});
    return RunVoidbox(command);
  }
  static nlohmann::json Json(const std::vector<std::string>& arguments) {
    const Result result = RunVoidbox(arguments);
    EXPECT_EQ(result.exit_status, 0) << result.error;
    nlohmann::json json = nlohmann::json::parse(result.output, nullptr, false);
    EXPECT_FALSE(json.is_discarded()) << result.output;
    return json;
  }
  // The one of `voidbox ps -a` that is called so; null when there is none.
  static nlohmann::json Listed(const std::string& name) {
    for (const nlohmann::json& one : Json({"ps", "-a"})) {
      if (one.at("name") == name) return one;
    }
    return nullptr;
  }
  // A folder of this test's own.
  static std::string Folder(const std::string& name) {
    const std::string path = ::testing::TempDir() + "/" + name;
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
    return path;
  }
  static std::string home_;
  static std::string id_;
};
std::string SandboxCommandsTest::home_;
std::string SandboxCommandsTest::id_;

TEST_F(SandboxCommandsTest, PsListsTables) {
  EXPECT_EQ(id_.size(), 12u);
  const nlohmann::json web = Listed("web");
  ASSERT_TRUE(web.is_object());
  EXPECT_EQ(web.at("id"), id_);
  EXPECT_EQ(web.at("state"), "running");
  EXPECT_EQ(web.at("labels").at("job"), "7");
  EXPECT_EQ(web.at("memory_bytes"), 256 << 20);
  EXPECT_THAT(RunVoidbox({"ps", "--format", "text"}).output, HasSubstr(id_ + "  web"));
  EXPECT_EQ(RunVoidbox({"ps", "-q", "--label", "job=7"}).output, id_ + "\n");
  EXPECT_EQ(RunVoidbox({"ps", "-q", "--label", "job=8"}).output, "");
}

TEST_F(SandboxCommandsTest, ExecPassesStreamsAndStatus) {
  const Result result = Exec({"sh", "-c", "echo out; echo err >&2; exit 9"});
  EXPECT_EQ(result.exit_status, 9);
  EXPECT_EQ(result.output, "out\n");
  EXPECT_THAT(result.error, HasSubstr("err\n"));
  EXPECT_EQ(RunVoidbox({"exec", "-i", id_, "--", "wc", "-c"}, "12345").output, "5\n");
  // Without -i, there is no input.
  EXPECT_EQ(RunVoidbox({"exec", "web", "--", "wc", "-c"}, "12345").output, "0\n");
  EXPECT_EQ(RunVoidbox({"exec", id_.substr(0, 6), "--", "no-such-program"}).exit_status, 127);
  EXPECT_EQ(RunVoidbox({"exec", "--timeout", "300ms", "web", "--", "sleep", "60"}).exit_status,
            124);
  EXPECT_EQ(Exec({"sh", "-c", "kill -9 $$"}).exit_status, 128 + SIGKILL);
}

TEST_F(SandboxCommandsTest, ExecHasUsersIsolationAndLimits) {
  EXPECT_EQ(Exec({"id", "-u"}).output, "1000\n");
  EXPECT_EQ(RunVoidbox({"exec", "-u", "root", "web", "--", "id", "-u"}).output, "0\n");
  EXPECT_EQ(RunVoidbox({"exec", "-e", "A=b", "-w", "/tmp", "web", "--", "sh", "-c", "echo $A $PWD"})
                .output,
            "b /tmp\n");
  const Result jail =
      RunVoidbox({"exec", "--isolation", "jail", "web", "--", "sh", "-c", "ls /; ls /etc"});
  EXPECT_THAT(jail.output, Not(HasSubstr("proc")));
  EXPECT_NE(jail.exit_status, 0);
  const Result hungry = RunVoidbox(
      {"exec", "--memory", "16M", "web", "--", "sh", "-c", "x=a; while :; do x=$x$x; done"});
  EXPECT_EQ(hungry.exit_status, 128 + SIGKILL);
  EXPECT_THAT(hungry.error, HasSubstr("memory"));
}

TEST_F(SandboxCommandsTest, WrongNamesAndFlagsSayWhatToDo) {
  const Result unknown = RunVoidbox({"exec", "nobody", "--", "true"});
  EXPECT_EQ(unknown.exit_status, 125);
  EXPECT_THAT(unknown.error, HasSubstr("no sandbox 'nobody'; see `voidbox ps -a`"));
  EXPECT_THAT(RunVoidbox({"exec", "web"}).error, HasSubstr("no command"));
  EXPECT_THAT(RunVoidbox({"exec", "--wrong", "web", "--", "true"}).error, HasSubstr("--wrong"));
  EXPECT_THAT(RunVoidbox({"run", "-d", "--name", "web"}).error, HasSubstr("the name 'web'"));
  EXPECT_THAT(RunVoidbox({"run", "-d", "--name", "a/b"}).error, HasSubstr("'a/b'"));
  EXPECT_THAT(RunVoidbox({"run", "-d", "-t", "--", "sh"}).error, HasSubstr("--detach"));
  EXPECT_THAT(RunVoidbox({"rm", "web"}).error, HasSubstr("stop it first"));
  EXPECT_THAT(RunVoidbox({"shell", "web"}).error, HasSubstr("no terminal"));
}

TEST_F(SandboxCommandsTest, ACommandLeftRunningIsAttachedTo) {
  ASSERT_EQ(Exec({"mkfifo", "/home/user/go"}).exit_status, 0);
  const Result started = RunVoidbox(
      {"exec", "-d", "web", "--", "sh", "-c", "echo first; read x < go; echo $x; exit 3"});
  ASSERT_EQ(started.exit_status, 0) << started.error;
  std::string number = started.output;
  number.pop_back();
  // It went on without its caller, who reads this.
  EXPECT_EQ(Exec({"sh", "-c", "echo on > go"}).exit_status, 0);
  const Result attached = RunVoidbox({"attach", "web", number});
  EXPECT_EQ(attached.output, "first\non\n");
  EXPECT_EQ(attached.exit_status, 3);
  EXPECT_EQ(RunVoidbox({"attach", "web", "4000000"}).exit_status, 125);
}

TEST_F(SandboxCommandsTest, CopiesFilesAndFolders) {
  const std::string in = Folder("copy_in");
  std::filesystem::create_directories(in + "/tree/sub");
  const std::string big(3 << 20, 'x');
  ASSERT_THAT(WriteFileAtomically(in + "/tree/a", "hello\n", 0640), IsOk());
  ASSERT_THAT(WriteFileAtomically(in + "/tree/sub/big", big, 0755), IsOk());
  ASSERT_EQ(::symlink("a", (in + "/tree/link").c_str()), 0);
  Result copied = RunVoidbox({"cp", in + "/tree", "web:"});
  ASSERT_EQ(copied.exit_status, 0) << copied.error;
  EXPECT_EQ(Exec({"sh", "-c",
                  "cat tree/a; wc -c < tree/sub/big; stat -c '%a %u' tree/sub/big; "
                  "readlink tree/link"})
                .output,
            "hello\n3145728\n755 1000\na\n");
  // Another name, and into a folder that is there.
  ASSERT_EQ(RunVoidbox({"cp", in + "/tree/a", "web:renamed"}).exit_status, 0);
  ASSERT_EQ(RunVoidbox({"cp", in + "/tree/a", "web:/workspace/tree/sub"}).exit_status, 0);
  EXPECT_EQ(Exec({"cat", "renamed", "tree/sub/a"}).output, "hello\nhello\n");

  const std::string out = Folder("copy_out");
  copied = RunVoidbox({"cp", "web:tree", out});
  ASSERT_EQ(copied.exit_status, 0) << copied.error;
  EXPECT_EQ(*ReadFile(out + "/tree/sub/big"), big);
  ASSERT_EQ(RunVoidbox({"cp", "web:tree/a", out + "/b"}).exit_status, 0);
  EXPECT_EQ(*ReadFile(out + "/b"), "hello\n");
  // A tar stream there and back.
  const Result stream = RunVoidbox({"cp", "web:tree/sub", "-"});
  ASSERT_EQ(stream.exit_status, 0) << stream.error;
  ASSERT_EQ(RunVoidbox({"cp", "-", "web:again"}, stream.output).exit_status, 0);
  EXPECT_EQ(Exec({"sh", "-c", "wc -c < again/sub/big"}).output, "3145728\n");
}

TEST_F(SandboxCommandsTest, CopiesNamesByteForByteAndContentsAlone) {
  const std::string in = Folder("copy_names");
  std::filesystem::create_directories(in + "/names");
  // In UTF-8, decomposed, and in Latin-1.
  const std::vector<std::string> names = {"\xc3\xa9", "e\xcc\x81", "\xe9"};
  for (const std::string& name : names) {
    ASSERT_THAT(WriteFileAtomically(in + "/names/" + name, name), IsOk());
  }
  ASSERT_EQ(RunVoidbox({"cp", in + "/names", "web:"}).exit_status, 0);
  EXPECT_EQ(Exec({"sh", "-c",
                  "cd names; for f in *; do [ \"$f\" = \"$(cat \"$f\")\" ] || exit; done;"
                  "ls | wc -l"})
                .output,
            "3\n");
  ASSERT_EQ(Exec({"mkdir", "dst"}).exit_status, 0);
  ASSERT_EQ(RunVoidbox({"cp", in + "/names/.", "web:dst"}).exit_status, 0);
  EXPECT_EQ(Exec({"sh", "-c", "ls dst | wc -l"}).output, "3\n");
  const std::string out = Folder("copy_names_out");
  const Result copied = RunVoidbox({"cp", "web:dst/.", out});
  ASSERT_EQ(copied.exit_status, 0) << copied.error;
  for (const std::string& name : names) EXPECT_EQ(ReadFile(out + "/" + name).value_or(""), name);
}

TEST_F(SandboxCommandsTest, OfAGuestsLinksThoseThatStayInsideAreCopiedAndOthersAreAStatusOf1) {
  ASSERT_EQ(Exec({"sh", "-c",
                  "mkdir -p links/bin inside && cd links && echo x > tool && "
                  "ln -s ../tool bin/tool && cp -r . ../inside && "
                  "ln -s /etc/passwd absolute && ln -s ../up up"})
                .exit_status,
            0);
  const std::string out = Folder("copy_links");
  const auto expect_copied = [&](const std::string& name, const Result& copied) {
    EXPECT_THAT(copied.error, HasSubstr("link '" + name + "/absolute' -> '/etc/passwd'"));
    EXPECT_THAT(copied.error, HasSubstr("link '" + name + "/up' -> '../up'"));
    EXPECT_EQ(ReadFile(out + "/" + name + "/bin/tool").value_or(""), "x\n");
    for (const std::string left_out : {"/absolute", "/up"}) {
      std::error_code none;
      EXPECT_EQ(std::filesystem::symlink_status(out + "/" + name + left_out, none).type(),
                std::filesystem::file_type::not_found);
    }
  };
  const Result copied = RunVoidbox({"cp", "web:links", out});
  EXPECT_EQ(copied.exit_status, 1);
  expect_copied("links", copied);
  // Asked for, it is no failure; they are listed all the same.
  const Result skipped = RunVoidbox({"cp", "--skip-links", "web:links", out + "/again"});
  EXPECT_EQ(skipped.exit_status, 0);
  expect_copied("again", skipped);
  const Result alone = RunVoidbox({"cp", "web:links/absolute", out});
  EXPECT_EQ(alone.exit_status, 125);
  EXPECT_THAT(alone.error, HasSubstr("leads through a symbolic link"));
  // Nothing to list.
  const Result inside = RunVoidbox({"cp", "web:inside", out});
  EXPECT_EQ(inside.exit_status, 0);
  EXPECT_EQ(inside.error, "");
}

TEST_F(SandboxCommandsTest, ACopyThatFailsLeavesBothSidesAsTheyWere) {
  const std::string in = Folder("copy_fails");
  std::string deep = in + "/tree";
  for (int i = 0; i < 201; ++i) deep += "/d";
  std::filesystem::create_directories(deep);
  const Result up = RunVoidbox({"cp", in + "/tree", "web:half_a_tree"});
  EXPECT_EQ(up.exit_status, 125);
  EXPECT_THAT(up.error, HasSubstr("deeper than the limit of 200 levels"));
  EXPECT_THAT(up.error, Not(HasSubstr("tar archive"))) << "one reason, the first";
  EXPECT_NE(Exec({"ls", "half_a_tree"}).exit_status, 0);

  ASSERT_EQ(Exec({"sh", "-c",
                  "mkdir -p locked && echo 1 > locked/a && dd if=/dev/zero "
                  "of=locked/big bs=1M count=2"})
                .exit_status,
            0);
  const std::string out = Folder("copy_fails_out");
  const Result down = RunVoidbox({"cp", "--max-size", "1M", "web:locked", out});
  EXPECT_EQ(down.exit_status, 125);
  EXPECT_THAT(down.error, HasSubstr("limit of 1048576 bytes"));
  EXPECT_THAT(down.error, Not(HasSubstr("Broken pipe")));
  ASSERT_EQ(Exec({"chmod", "000", "locked/a"}).exit_status, 0);
  const Result unreadable = RunVoidbox({"cp", "web:locked", out});
  EXPECT_EQ(unreadable.exit_status, 125);
  EXPECT_THAT(unreadable.error, HasSubstr("'locked/a': Permission denied"));
  EXPECT_TRUE(std::filesystem::is_empty(out));
}

TEST_F(SandboxCommandsTest, CopiesThatCannotBeSayWhy) {
  const std::string out = Folder("copy_errors");
  EXPECT_THAT(RunVoidbox({"cp", "web:../../etc", out}).error, HasSubstr(".."));
  EXPECT_THAT(RunVoidbox({"cp", "web:/etc/passwd", out}).error, HasSubstr("/etc/passwd"));
  EXPECT_THAT(RunVoidbox({"cp", "web:none", out}).error, HasSubstr("none"));
  EXPECT_THAT(RunVoidbox({"cp", out + "/none", "web:"}).error, HasSubstr("none"));
  EXPECT_THAT(RunVoidbox({"cp", "web:a", "web:b"}).error, HasSubstr("ID:PATH"));
  // Half a stream changes nothing.
  EXPECT_NE(RunVoidbox({"cp", "-", "web:half"}, std::string(700, 'x')).exit_status, 0);
  EXPECT_NE(Exec({"ls", "half"}).exit_status, 0);
  EXPECT_THAT(std::filesystem::is_empty(out), true);
}

TEST_F(SandboxCommandsTest, StatsAndInspectTellOfTheGuest) {
  const nlohmann::json stats = Json({"stats", "web"});
  ASSERT_EQ(stats.size(), 1u);
  EXPECT_GT(stats[0].at("guest").at("memory_total_bytes"), 200 << 20);
  EXPECT_GT(stats[0].at("vmm_resident_bytes"), 0);
  EXPECT_THAT(RunVoidbox({"stats", "--once", "--format", "text"}).output, HasSubstr(id_));
  const nlohmann::json inspected = Json({"inspect", id_});
  ASSERT_EQ(inspected.size(), 1u);
  EXPECT_EQ(inspected[0].at("name"), "web");
  EXPECT_EQ(inspected[0].at("vmm").at("state"), "running");
  EXPECT_TRUE(inspected[0].at("guest").at("execs").is_array());
}

TEST_F(SandboxCommandsTest, ProxyGivesTheHttpFace) {
  // Longer than a socket's address may be.
  const std::string folder = Folder("proxy-" + std::string(100, 'x'));
  const std::string socket = folder + "/s";
  const UniqueFd directory(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  VoidboxProcess proxy({"proxy", "web", "8080", "--listen", "unix:" + socket});
  ASSERT_TRUE(proxy.WaitForError("listening at"));
  for (int i = 0; i < 2; ++i) {
    const auto client = ConnectUnix(directory.get(), "s");
    ASSERT_THAT(client, IsOk());
    ASSERT_THAT(
        WriteAll(client->get(), "GET /health HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n"),
        IsOk());
    ASSERT_EQ(::fcntl(client->get(), F_SETFL, 0), 0);
    std::string answer(65536, '\0');
    const auto got = ReadUpTo(client->get(), answer.data(), answer.size());
    ASSERT_THAT(got, IsOk());
    answer.resize(*got);
    EXPECT_THAT(answer, HasSubstr("200 OK"));
  }
  proxy.Signal(SIGTERM);
  EXPECT_EQ(proxy.Finish().exit_status, 0);
  EXPECT_FALSE(std::filesystem::exists(socket));
  EXPECT_THAT(RunVoidbox({"proxy", "web", "8080", "--listen", "tcp:0.0.0.0:80"}).error,
              HasSubstr("loopback"));
}

TEST_F(SandboxCommandsTest, AShellHasATerminal) {
  TerminalProcess shell({"shell", "web"}, 30, 100);
  shell.Type("stty size; echo $((6*7))\r");
  ASSERT_TRUE(shell.WaitFor("30 100"));
  ASSERT_TRUE(shell.WaitFor("42"));
  EXPECT_FALSE(shell.IsCooked());
  shell.Resize(40, 120);
  shell.Type("while ! stty size | grep '40 120'; do sleep 0.1; done; echo resi''zed\r");
  ASSERT_TRUE(shell.WaitFor("resized"));
  // Ctrl-C ends what runs there, not the shell.
  shell.Type("echo be''gun; sleep 1000\r");
  ASSERT_TRUE(shell.WaitFor("begun"));
  shell.Type("\x03");
  shell.Type("echo still he''re\r");
  ASSERT_TRUE(shell.WaitFor("still here"));
  // Job control: Ctrl-Z stops a job, fg takes it back.
  shell.Type("sh -c 'echo on; read x; echo got $x'\r");
  ASSERT_TRUE(shell.WaitFor("on\r\n"));
  shell.Type("\x1a");
  ASSERT_TRUE(shell.WaitFor("Stopped"));
  shell.Type("fg\r");
  ASSERT_TRUE(shell.WaitFor("read x"));
  shell.Type("it\r");
  ASSERT_TRUE(shell.WaitFor("got it"));
  ASSERT_TRUE(shell.WaitFor("$ "));
  // Ctrl-D ends the shell at its prompt (before, the terminal takes it for an end of input that
  // nobody reads), and its status is passed on.
  shell.Type("(exit 5)\r");
  ASSERT_TRUE(shell.WaitFor("$ "));
  shell.Type("\x04");
  EXPECT_EQ(shell.Finish(), 5);
  EXPECT_TRUE(shell.IsCooked());
}

TEST_F(SandboxCommandsTest, RunTakesATerminalToo) {
  TerminalProcess run(
      {"run", "-it", "--", "sh", "-c", "tty; stty size; read x; echo got $x; exit 4"}, 33, 77);
  ASSERT_TRUE(run.WaitFor("33 77"));
  run.Type("hello\r");
  ASSERT_TRUE(run.WaitFor("got hello"));
  EXPECT_EQ(run.Finish(), 4);
  EXPECT_TRUE(run.IsCooked());
}

TEST_F(SandboxCommandsTest, TablesAreForTerminals) {
  TerminalProcess ps({"ps"});
  ASSERT_TRUE(ps.WaitFor("ID "));
  ASSERT_TRUE(ps.WaitFor("web"));
  EXPECT_EQ(ps.Finish(), 0);
  TerminalProcess stats({"stats", "--interval", "200ms"});
  ASSERT_TRUE(stats.WaitFor("MEMORY USED"));
  ASSERT_TRUE(stats.WaitFor("MEMORY USED"));  // once more
  stats.Type("\x03");
  EXPECT_EQ(stats.Finish(), 0);
}

TEST_F(SandboxCommandsTest, ADetachedCommandIsLoggedAndItsEndKept) {
  const Result run = RunVoidbox(
      {"run", "-d", "--name", "job", "--", "sh", "-c", "echo out; echo err >&2; sleep 1; exit 4"});
  ASSERT_EQ(run.exit_status, 0) << run.error;
  const Result logs = RunVoidbox({"logs", "-f", "job"});  // until its end
  EXPECT_EQ(logs.exit_status, 0);
  EXPECT_EQ(logs.output, "out\n");
  EXPECT_THAT(logs.error, HasSubstr("err\n"));
  const nlohmann::json ended = Listed("job");
  ASSERT_TRUE(ended.is_object());
  EXPECT_EQ(ended.at("state"), "exited");
  EXPECT_EQ(ended.at("exit_status"), 4);
  EXPECT_THAT(RunVoidbox({"exec", "job", "--", "true"}).error, HasSubstr("does not run"));
  // The name is taken until it is removed.
  EXPECT_THAT(RunVoidbox({"run", "-d", "--name", "job"}).error, HasSubstr("voidbox rm job"));
  EXPECT_EQ(RunVoidbox({"rm", "job"}).output, "job\n");
  EXPECT_TRUE(Listed("job").is_null());
  EXPECT_EQ(RunVoidbox({"logs", "job"}).exit_status, 125);
}

TEST_F(SandboxCommandsTest, StopEndsInOrderAndKillAtOnce) {
  for (const char* command : {"stop", "kill"}) {
    ASSERT_EQ(RunVoidbox({"run", "-d", "--name", "ends", "--memory", "128M"}).exit_status, 0);
    const Result end = RunVoidbox({command, "ends"});
    EXPECT_EQ(end.exit_status, 0) << end.error;
    const nlohmann::json ended = Listed("ends");
    ASSERT_TRUE(ended.is_object());
    EXPECT_EQ(ended.at("state"), "exited");
    EXPECT_EQ(ended.at("end_reason"), std::string(command) == "stop" ? "stopped" : "killed");
    EXPECT_EQ(RunVoidbox({command, "ends"}).exit_status, 125);
    EXPECT_EQ(RunVoidbox({"rm", "ends"}).exit_status, 0);
  }
}

TEST_F(SandboxCommandsTest, ASandboxThatCannotStartLeavesNothing) {
  const Result run = RunVoidbox({"run", "-d", "--name", "broken", "--kernel", "/etc/passwd"});
  EXPECT_EQ(run.exit_status, 125);
  EXPECT_THAT(run.error, HasSubstr("/etc/passwd"));
  EXPECT_TRUE(Listed("broken").is_null());
  const Result missing =
      RunVoidbox({"run", "-d", "--rm", "--name", "gone", "--", "no-such-program"});
  // The command's failure comes after the sandbox is ready.
  EXPECT_EQ(missing.exit_status, 0);
  RunVoidbox({"logs", "-f", "gone"});
  EXPECT_TRUE(Listed("gone").is_null());
}

TEST_F(SandboxCommandsTest, AKilledSupervisorTakesItsSandboxAlong) {
  ASSERT_EQ(RunVoidbox({"run", "-d", "--name", "orphan", "--memory", "128M"}).exit_status, 0);
  const nlohmann::json record = Listed("orphan");
  const std::string script = "kill -9 " + record.at("owner_pid").dump() + "; while [ -e /proc/" +
                             record.at("pid").dump() + "/exe ]; do sleep 0.1; done";
  const Result inside = RunVoidbox({"host", "exec", "--", "sh", "-c", script});
  if (inside.exit_status != 0) {
    ASSERT_EQ(std::system(script.c_str()), 0);  // a machine with KVM
  }
  EXPECT_EQ(Listed("orphan").at("state"), "died");
  EXPECT_EQ(RunVoidbox({"rm", "orphan"}).exit_status, 0);
}

TEST_F(SandboxCommandsTest, RunTsSaysWhatAnImageWithoutDenoLacks) {
  const Result result = RunVoidbox({"run-ts", "--in", "web", "-"}, "console.log(1)");
  EXPECT_EQ(result.exit_status, 125);
  EXPECT_THAT(result.error, HasSubstr("debian"));
}

}  // namespace
}  // namespace voidbox
