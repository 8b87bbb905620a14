// The calls of files in a real guest: its kernel's openat2, its agent's workers, its processes as
// attackers.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/agent.pb.h"
#include "agent/files/testing_file_client.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"
#include "image/testing/tar_builder.h"
#include "tests/guest_sandbox.h"
#include "tests/guest_suite.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Reply = TestingFileClient::Reply;
using Exec = GuestSandbox::Exec;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kExhausted = absl::StatusCode::kResourceExhausted;
constexpr uint32_t kUser = 1000;

class FilesGuestTest : public GuestSuite {
 protected:
  static void SetUpTestSuite() {
    ::signal(SIGPIPE, SIG_IGN);
    BootGuest();
  }
  void SetUp() override {
    GuestSuite::SetUp();
    if (guest_ != nullptr) before_ = Tree();
  }
  // Whatever a test did, it leaves the workspace as it was, no worker and no process.
  void TearDown() override {
    if (guest_ == nullptr || HasFatalFailure()) return;
    EXPECT_THAT(client_.Remove("t", true).status, IsOk());
    EXPECT_EQ(Tree(), before_);
    std::string left;
    guest_->Await([&] {
      left = Run(
          "for c in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$c; done 2>/dev/null | "
          "grep -c 'file-worke[r]'; "
          "grep -l 'populated 1' $(find /sys/fs/cgroup -path '*/exec-*/cgroup.events') | wc -l");
      return left == "0\n1\n";
    });
    EXPECT_EQ(left, "0\n1\n") << "workers, and cgroups with processes but for the asking command's";
  }

  static UniqueFd Connect() {
    auto stream = guest_->sandbox().ConnectVsock();
    EXPECT_THAT(stream, IsOk());
    EXPECT_EQ(::fcntl(stream->get(), F_SETFL, 0), 0);
    EXPECT_THAT(WriteAll(stream->get(), "CONNECT 1234\n"), IsOk());
    std::string line;
    for (char c = 0; c != '\n'; line += c) {
      const auto got = ReadUpTo(stream->get(), &c, 1);
      EXPECT_TRUE(got.ok() && *got == 1) << line;
      if (!got.ok() || *got == 0) break;
    }
    EXPECT_THAT(line, HasSubstr("OK "));
    return *std::move(stream);
  }
  // The output of a script of root's.
  static std::string Run(const std::string& script) {
    agent::ExecRequest request = GuestSandbox::Shell(script);
    request.set_user("root");
    return guest_->Run(request)->out;
  }
  static std::unique_ptr<Exec> Start(const std::string& script) {
    return guest_->Start(GuestSandbox::Shell(script));
  }
  static std::string Tree() { return Run("cd /home/user && find . | sort"); }

  const TestingFileClient client_{Connect};
  std::string before_;
};

std::string Archive() {
  return TarBuilder()
      .Add({.name = "a/", .type = '5', .data = "", .mode = 0750})
      .Add({.name = "a/run", .data = "#!/bin/sh\necho ran $1\n", .mode = 0755})
      .Add({.name = "a/big", .data = std::string(3'000'000, 'x')})
      .Finish();
}

// "file upload/download is restricted to /home/user and uses tar.gz streams"
TEST_F(FilesGuestTest, UploadAndDownloadAreRestrictedToHomeUserAndUseTarGzStreams) {
  const Reply up = client_.Upload("/home/user/t", Pack(Archive(), "gzip"), agent::GZIP);
  ASSERT_THAT(up.status, IsOk());
  EXPECT_EQ(up.done.files(), 2u);
  EXPECT_EQ(Run("/home/user/t/a/run well; stat -c '%u:%g %a' /home/user/t/a"),
            "ran well\n1000:1000 750\n");
  const Reply down = client_.Download("/workspace/t", agent::GZIP);
  ASSERT_THAT(down.status, IsOk());
  EXPECT_EQ(down.data.substr(0, 2), "\x1f\x8b");
  ASSERT_THAT(client_.Upload("t/copy", down.data, agent::GZIP).status, IsOk());
  EXPECT_EQ(Run("cmp /home/user/t/a/big /home/user/t/copy/t/a/big && echo same"), "same\n");
  for (const char* elsewhere : {"/", "/etc", "/root", "/home", "/tmp/x", "..", "t/../.."}) {
    EXPECT_THAT(client_.Upload(elsewhere, Archive()).status, StatusIs(kInvalid, HasSubstr("path")))
        << elsewhere;
    EXPECT_THAT(client_.Download(elsewhere).status, StatusIs(kInvalid, HasSubstr("path")))
        << elsewhere;
  }
}

// "symlinks and traversal are rejected"
TEST_F(FilesGuestTest, SymlinksAndTraversalAreRejected) {
  ASSERT_THAT(client_.MakeDirectory("t").status, IsOk());
  const TarBuilder::Entry bad[] = {
      {.name = "/etc/planted", .data = "x"},
      {.name = "../planted", .data = "x"},
      {.name = "x/../../planted", .data = "x"},
      {.name = "link", .type = '2', .data = "", .link = "/etc"},
      {.name = "hard", .type = '1', .data = "", .link = "/etc/passwd"},
      {.name = "disk", .type = '4', .data = "", .major = 254},
      {.name = "fifo", .type = '6', .data = ""},
  };
  for (const TarBuilder::Entry& entry : bad) {
    const std::string archive =
        TarBuilder().Add({.name = "first", .data = "1"}).Add(entry).Finish();
    EXPECT_THAT(client_.Upload("t", archive).status, StatusIs(kInvalid, HasSubstr("tar entry")))
        << entry.name;
  }
  EXPECT_THAT(client_.List("t").files, IsEmpty());
  // A link that a process of the guest made.
  Run("ln -s /etc /home/user/t/etc; ln -s /proc/1/root /home/user/t/root");
  for (const char* link : {"t/etc", "t/root"}) {
    EXPECT_THAT(client_.Upload(link, Archive()).status,
                StatusIs(kInvalid, HasSubstr("symbolic link")));
    EXPECT_THAT(client_.Read(absl::StrCat(link, "/passwd")).status,
                StatusIs(kInvalid, HasSubstr("symbolic link")));
    EXPECT_EQ(client_.Stat(link).file().type(), agent::SYMLINK);
  }
  const Reply down = client_.Download("t");
  EXPECT_THAT(down.status, IsOk());
  EXPECT_EQ(down.done.left_out(), 2u);
  EXPECT_EQ(Run("ls -d /etc/planted /home/planted /planted 2>/dev/null"), "");
}

TEST_F(FilesGuestTest, AFailedUploadLeavesTheDestinationAsItWas) {
  ASSERT_THAT(client_.Upload("t", Archive()).status, IsOk());
  const std::string before = Run("cd /home/user/t && find . -type f | sort | xargs md5sum");
  std::string other = TarBuilder()
                          .Add({.name = "a/run", .data = "new"})
                          .Add({.name = "b", .data = std::string(100'000, 'b')})
                          .Finish();
  EXPECT_THAT(client_.Upload("t", other.substr(0, 1024)).status, StatusIs(kInvalid, HasSubstr("")));
  EXPECT_THAT(client_.Upload("t", other, agent::COMPRESSION_NONE, 1000).status,
              StatusIs(kExhausted, HasSubstr("limit of 1000 bytes")));
  EXPECT_EQ(Run("cd /home/user/t && find . -type f | sort | xargs md5sum"), before);
  EXPECT_EQ(Tree().find(".voidbox-upload"), std::string::npos);
}

TEST_F(FilesGuestTest, AFullFileSystemIsToldAndLeavesNothing) {
  ASSERT_THAT(client_.MakeDirectory("t").status, IsOk());
  // Half of the guest's memory is what its root file system takes.
  const std::string archive =
      TarBuilder().Add({.name = "big", .data = std::string(180 << 20, 'x')}).Finish();
  EXPECT_THAT(client_.Upload("t", archive).status,
              StatusIs(kExhausted, HasSubstr("No space left on device")));
  EXPECT_THAT(client_.Write("t/big", archive).status,
              StatusIs(kExhausted, HasSubstr("No space left on device")));
  EXPECT_THAT(client_.List("t").files, IsEmpty());
  EXPECT_THAT(client_.Write("t/small", "x").status, IsOk());
}

TEST_F(FilesGuestTest, AHostThatHangsUpLeavesNothing) {
  ASSERT_THAT(client_.MakeDirectory("t").status, IsOk());
  const std::string before = Tree();
  for (int i = 0; i < 5; ++i) {
    agent::Request request;
    request.mutable_upload()->set_destination("t");
    UniqueFd stream = client_.Start(request);
    EXPECT_TRUE(TestingFileClient::Receive(stream.get()).has_transfer_ready());
    TestingFileClient::SendData(stream.get(), Archive().substr(0, 200'000));
  }
  std::string after;
  guest_->Await([&] { return (after = Tree()) == before; });
  EXPECT_EQ(after, before);
  // Neither does one that does not take a download.
  ASSERT_THAT(client_.Upload("t", Archive()).status, IsOk());
  agent::Request request;
  request.mutable_download()->set_path("t");
  UniqueFd stream = client_.Start(request);
  EXPECT_TRUE(TestingFileClient::Receive(stream.get()).has_transfer_ready());
}

TEST_F(FilesGuestTest, AKilledWorkersUploadIsRemovedByTheNext) {
  ASSERT_THAT(client_.MakeDirectory("t").status, IsOk());
  agent::Request request;
  request.mutable_upload()->set_destination("t");
  const UniqueFd stream = client_.Start(request);
  EXPECT_TRUE(TestingFileClient::Receive(stream.get()).has_transfer_ready());
  TestingFileClient::SendData(stream.get(), Archive().substr(0, 200'000));
  EXPECT_THAT(Tree(), HasSubstr(".voidbox-upload-"));
  Run("kill -9 $(pidof exe)");
  EXPECT_FALSE(TestingFileClient::Finish(stream.get()).has_done);
  EXPECT_THAT(client_.Upload("t", Archive()).status, IsOk());
  EXPECT_EQ(Tree().find(".voidbox-upload"), std::string::npos);
}

// A process of the guest swaps a directory for a link, over and over, and never wins.
TEST_F(FilesGuestTest, ADirectoryThatBecomesALinkMeanwhileLeadsNowhere) {
  ASSERT_THAT(client_.MakeDirectory("t").status, IsOk());
  Run("mkdir /tmp/outside && chmod 777 /tmp/outside && echo secret >/tmp/outside/secret && "
      "chmod 666 /tmp/outside/secret");
  const auto racer = Start(
      "cd /home/user/t; echo ready; while :; do mkdir d 2>/dev/null; mv d e 2>/dev/null; "
      "ln -s /tmp/outside d; rm -rf e; rm -f d; done");
  guest_->AwaitOutput(*racer, "ready\n");
  const std::string archive = TarBuilder()
                                  .Add({.name = "d/", .type = '5', .data = "", .mode = 0777})
                                  .Add({.name = "d/planted", .data = "planted"})
                                  .Add({.name = "d/secret", .data = "overwritten"})
                                  .Finish();
  for (int i = 0; i < 20; ++i) {
    static_cast<void>(client_.Upload("t", archive));
    static_cast<void>(client_.Write("t/d/secret", "overwritten"));
    static_cast<void>(client_.Remove("t/d/secret"));
    EXPECT_EQ(client_.Read("t/d/secret").data.find("secret\n"), std::string::npos);
    EXPECT_EQ(client_.Download("t").data.find("secret\n"), std::string::npos);
  }
  racer->Signal(SIGKILL);
  guest_->Finish(*racer);
  EXPECT_EQ(Run("cd /tmp/outside && ls && cat secret && rm -r /tmp/outside"), "secret\nsecret\n");
}

TEST_F(FilesGuestTest, WatchTellsWhatProcessesDo) {
  ASSERT_THAT(client_.MakeDirectory("t").status, IsOk());
  agent::Request request;
  request.mutable_file()->mutable_watch()->set_path("t");
  request.mutable_file()->mutable_watch()->set_recursive(true);
  const UniqueFd stream = client_.Start(request);
  EXPECT_TRUE(TestingFileClient::Receive(stream.get()).has_file());
  Run("mkdir /home/user/t/d");
  agent::ServerFrame frame = TestingFileClient::Receive(stream.get());
  EXPECT_EQ(frame.file_event().kind(), agent::FileEvent::CREATED);
  EXPECT_EQ(frame.file_event().path(), "d");
  EXPECT_TRUE(frame.file_event().is_directory());
  Run("echo x >/home/user/t/d/file");
  frame = TestingFileClient::Receive(stream.get());
  EXPECT_EQ(frame.file_event().kind(), agent::FileEvent::CREATED);
  EXPECT_EQ(frame.file_event().path(), "d/file");
  Run("rm -r /home/user/t/d");  // root's
}

TEST_F(FilesGuestTest, WorkersAreBoundedAndTheAgentGoesOn) {
  ASSERT_THAT(client_.MakeDirectory("t").status, IsOk());
  agent::Request request;
  request.mutable_file()->mutable_watch()->set_path("t");
  std::vector<UniqueFd> watches;
  for (int i = 0; i < 32; ++i) {
    watches.push_back(client_.Start(request));
    EXPECT_TRUE(TestingFileClient::Receive(watches.back().get()).has_file());
  }
  EXPECT_THAT(client_.Stat("t").status, StatusIs(kExhausted, HasSubstr("limit of 32 at once")));
  EXPECT_EQ(Run("echo up"), "up\n");
  watches.clear();
  Reply reply;
  guest_->Await([&] { return (reply = client_.Stat("t")).status.ok(); });
  EXPECT_EQ(reply.file().uid(), kUser);
}

TEST_F(FilesGuestTest, NothingIsLeftAfterTwoHundredCalls) {
  ASSERT_THAT(client_.MakeDirectory("t").status, IsOk());
  static_cast<void>(client_.Stat("t"));
  const auto descriptors = [] {
    int count = -1;
    EXPECT_TRUE(absl::SimpleAtoi(Run("ls /proc/1/fd | wc -l"), &count));
    return count;
  };
  const int before = descriptors();
  for (int i = 0; i < 200; ++i) {
    switch (i % 4) {
      case 0:
        EXPECT_THAT(client_.Write("t/file", absl::StrCat(i)).status, IsOk());
        break;
      case 1:
        EXPECT_EQ(client_.Read("t/file").data, absl::StrCat(i - 1));
        break;
      case 2:
        EXPECT_THAT(client_.Stat("t/missing").status,
                    StatusIs(absl::StatusCode::kNotFound, HasSubstr("missing")));
        break;
      default:
        static_cast<void>(client_.Upload("t", "garbage"));
    }
  }
  // A worker of the test before may have been there at first.
  int after = 0;
  guest_->Await([&] { return (after = descriptors()) <= before; });
  EXPECT_LE(after, before);
}

}  // namespace
}  // namespace voidbox
