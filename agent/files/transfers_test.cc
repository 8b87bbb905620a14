// Uploads and downloads, as a host makes them.
#include "agent/files/transfers.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/files/testing_workspace.h"
#include "base/status_matchers.h"
#include "base/tar/tar_unpacker.h"
#include "image/testing/tar_builder.h"

namespace voidbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Reply = TestingFileClient::Reply;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr auto kExhausted = absl::StatusCode::kResourceExhausted;

class TransfersTest : public ::testing::Test {
 protected:
  // Of the directory, which a call that is over has changed for good.
  std::vector<std::string> Tree() {
    files_.AwaitCalls();
    return files_.Tree();
  }
  void ExpectRefused(const std::string& archive, const std::string& why) {
    const std::vector<std::string> before = Tree();
    EXPECT_THAT(client_.Upload("", archive).status, StatusIs(kInvalid, HasSubstr(why)));
    EXPECT_EQ(Tree(), before) << why;
  }

  TestingWorkspace files_;
  const TestingFileClient& client_ = files_.client();
};

std::string Archive() {
  return TarBuilder()
      .Add({.name = "a/", .type = '5', .mode = 0750, .mtime = 1000})
      .Add({.name = "a/run", .data = "#!/bin/sh\n", .mode = 0755, .mtime = 2000})
      .Add({.name = "implied/deep/file", .data = std::string(700, 'x')})
      .Add({.name = "./top", .data = "", .mode = 06600})
      .Finish();
}

TEST_F(TransfersTest, UploadUnpacksATarStream) {
  const Reply reply = client_.Upload("", Archive());
  ASSERT_THAT(reply.status, IsOk());
  EXPECT_TRUE(reply.has_done);
  EXPECT_EQ(reply.done.files(), 3u);
  EXPECT_EQ(reply.done.bytes(), 710u);
  EXPECT_THAT(Tree(), ElementsAre("d a", "d implied", "d implied/deep", "f a/run #!/bin/sh\n",
                                  "f implied/deep/file " + std::string(700, 'x'), "f top "));
  struct stat info;
  ASSERT_EQ(::stat(files_.Path("a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0750u);
  ASSERT_EQ(::stat(files_.Path("a/run").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0755u);
  EXPECT_EQ(info.st_mtime, 2000);
  ASSERT_EQ(::stat(files_.Path("top").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u) << "set-id bits are dropped";
}

TEST_F(TransfersTest, UploadUnpacksGzip) {
  EXPECT_THAT(client_.Upload("x", Pack(Archive(), "gzip"), agent::GZIP).status, IsOk());
  EXPECT_EQ(Tree().size(), 7u);
}

TEST_F(TransfersTest, UploadIsPackedAsItSays) {
  EXPECT_THAT(client_.Upload("", Pack(Archive(), "gzip")).status,
              StatusIs(kInvalid, HasSubstr("tar archive")));
  EXPECT_THAT(client_.Upload("", Archive(), agent::GZIP).status,
              StatusIs(kInvalid, HasSubstr("not packed with gzip once")));
  EXPECT_THAT(client_.Upload("", Pack(Pack(Archive(), "gzip"), "gzip"), agent::GZIP).status,
              StatusIs(kInvalid, HasSubstr("not packed with gzip once")));
  EXPECT_THAT(client_.Upload("", "", agent::GZIP).status, StatusIs(kInvalid, HasSubstr("tar")));
  EXPECT_THAT(Tree(), IsEmpty());
}

TEST_F(TransfersTest, UploadMakesItsDestination) {
  EXPECT_THAT(client_.Upload("/workspace/new/place", Archive()).status, IsOk());
  EXPECT_EQ(files_.Read("new/place/a/run"), "#!/bin/sh\n");
}

TEST_F(TransfersTest, UploadMergesDirectoriesAndReplacesFiles) {
  std::filesystem::create_directories(files_.Path("d/a"));
  files_.Write("d/a/run", "old");
  files_.Write("d/a/kept", "kept");
  ASSERT_EQ(::chmod(files_.Path("d/a").c_str(), 0700), 0);
  ASSERT_EQ(::symlink("/etc/passwd", files_.Path("d/top").c_str()), 0);
  EXPECT_THAT(client_.Upload("d", Archive()).status, IsOk());
  EXPECT_THAT(Tree(), ElementsAre("d d", "d d/a", "d d/implied", "d d/implied/deep",
                                  "f d/a/kept kept", "f d/a/run #!/bin/sh\n",
                                  "f d/implied/deep/file " + std::string(700, 'x'), "f d/top "));
  struct stat info;
  ASSERT_EQ(::stat(files_.Path("d/a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700u) << "a directory that was there keeps its mode";
}

// "symlinks and traversal are rejected"
TEST_F(TransfersTest, UploadRejectsSymlinksAndTraversal) {
  files_.Write("mine", "mine");
  const TarBuilder::Entry good = {.name = "good", .data = "good"};
  const auto with = [&](const TarBuilder::Entry& bad) {
    return TarBuilder().Add(good).Add(bad).Finish();
  };
  ExpectRefused(with({.name = "/etc/passwd", .data = "x"}), "is absolute");
  ExpectRefused(with({.name = "../up", .data = "x"}), "'..' is not allowed");
  ExpectRefused(with({.name = "a/../../up", .data = "x"}), "'..' is not allowed");
  ExpectRefused(with({.name = "link", .type = '2', .data = "", .link = "/etc"}), "symbolic link");
  ExpectRefused(with({.name = "link", .type = '2', .data = "", .link = "good"}), "symbolic link");
  ExpectRefused(with({.name = "hard", .type = '1', .data = "", .link = "good"}), "hard link");
  ExpectRefused(with({.name = "hard", .type = '1', .data = "", .link = "/etc/passwd"}),
                "hard link");
  ExpectRefused(with({.name = "null", .type = '3', .data = "", .major = 1, .minor = 3}),
                "a device");
  ExpectRefused(with({.name = "disk", .type = '4', .data = "", .major = 8}), "a device");
  ExpectRefused(with({.name = "fifo", .type = '6', .data = ""}), "a FIFO");
  ExpectRefused(with({.name = "x", .data = "", .pax = {{"path", "../../x"}}}), "'..'");
  ExpectRefused(with({.name = "x", .type = '2', .data = "", .pax = {{"linkpath", "/etc"}}}),
                "symbolic link");
}

// "a failed upload leaves the destination as it was"
TEST_F(TransfersTest, AFailedUploadLeavesTheDestinationAsItWas) {
  std::filesystem::create_directories(files_.Path("d/top"));  // where the archive has a file
  files_.Write("d/kept", "kept");
  std::filesystem::create_directories(files_.Path("d/a"));
  files_.Write("d/a/run", "old");
  const std::vector<std::string> before = Tree();
  EXPECT_THAT(client_.Upload("d", Archive()).status,
              StatusIs(kPrecondition, HasSubstr("place of a directory")));
  EXPECT_EQ(Tree(), before) << "renames are taken back";
  const std::string archive = Archive();
  EXPECT_THAT(client_.Upload("d", archive.substr(0, 512)).status,
              StatusIs(kInvalid, HasSubstr("cut short")));
  EXPECT_THAT(client_.Upload("d", archive.substr(0, 1300)).status,
              StatusIs(kInvalid, HasSubstr("damaged")));
  std::string garbled = archive;
  garbled[1536 + 5] ^= 1;
  EXPECT_THAT(client_.Upload("d", garbled).status, StatusIs(kInvalid, HasSubstr("damaged")));
  std::string packed = Pack(archive, "gzip");
  packed.resize(packed.size() / 2);
  EXPECT_THAT(client_.Upload("d", packed, agent::GZIP).status,
              StatusIs(kInvalid, HasSubstr("tar")));
  EXPECT_THAT(client_.Upload("d/kept/below", archive).status,
              StatusIs(kPrecondition, HasSubstr("something else than a directory")));
  EXPECT_THAT(client_.Upload("new/x", archive.substr(0, 512)).status,
              StatusIs(kInvalid, HasSubstr("cut short")));
  EXPECT_EQ(Tree(), before);
}

TEST_F(TransfersTest, UploadBeyondTheLimitIsRefusedAndNotCut) {
  const std::string archive = TarBuilder()
                                  .Add({.name = "a", .data = std::string(600, 'a')})
                                  .Add({.name = "b", .data = std::string(500, 'b')})
                                  .Finish();
  EXPECT_THAT(client_.Upload("", archive, agent::COMPRESSION_NONE, 1099).status,
              StatusIs(kExhausted, HasSubstr("limit of 1099 bytes")));
  EXPECT_THAT(Tree(), IsEmpty());
  EXPECT_THAT(client_.Upload("", archive, agent::COMPRESSION_NONE, 1100).status, IsOk());
}

TEST_F(TransfersTest, AGzipBombIsRefused) {
  const std::string bomb = Pack(
      TarBuilder().Add({.name = "zeroes", .data = std::string(64 << 20, '\0')}).Finish(), "gzip");
  ASSERT_LT(bomb.size(), 1u << 20);
  EXPECT_THAT(client_.Upload("", bomb, agent::GZIP, 1 << 20).status,
              StatusIs(kExhausted, HasSubstr("limit of 1048576 bytes")));
  EXPECT_THAT(Tree(), IsEmpty());
}

TEST_F(TransfersTest, AHostThatHangsUpLeavesNothing) {
  const std::string archive = Archive();
  for (const size_t sent : {size_t{0}, size_t{700}, archive.size()}) {
    agent::Request request;
    request.mutable_upload()->set_destination("d");
    UniqueFd stream = client_.Start(request);
    EXPECT_TRUE(TestingFileClient::Receive(stream.get()).has_transfer_ready());
    TestingFileClient::SendData(stream.get(), archive.substr(0, sent));
    stream.Reset();  // without EndData, whatever came
    EXPECT_THAT(Tree(), IsEmpty()) << sent;
  }
}

TEST_F(TransfersTest, WhatAKilledWorkerLeftIsRemovedByTheNextUpload) {
  std::filesystem::create_directories(files_.Path(".voidbox-upload-0123456789abcdef/a/b"));
  files_.Write(".voidbox-upload-0123456789abcdef/a/file", "left");
  EXPECT_THAT(client_.Upload("d", Archive()).status, IsOk());
  EXPECT_FALSE(std::filesystem::exists(files_.Path(".voidbox-upload-0123456789abcdef")));
}

TEST_F(TransfersTest, UploadsAtOnceLeaveEachOtherAlone) {
  agent::Request request;
  request.mutable_upload()->set_destination("slow");
  const UniqueFd slow = client_.Start(request);
  EXPECT_TRUE(TestingFileClient::Receive(slow.get()).has_transfer_ready());
  const std::string archive = Archive();
  TestingFileClient::SendData(slow.get(), archive.substr(0, 700));
  EXPECT_THAT(client_.Upload("quick", archive).status, IsOk());
  TestingFileClient::SendData(slow.get(), archive.substr(700));
  TestingFileClient::EndData(slow.get());
  EXPECT_TRUE(TestingFileClient::Finish(slow.get()).has_done);
  EXPECT_EQ(files_.Read("slow/a/run"), files_.Read("quick/a/run"));
}

TEST_F(TransfersTest, WhatIsDownloadedCanBeUploaded) {
  std::filesystem::create_directories(files_.Path("d/empty"));
  const std::string odd = "\xff\xfe not utf-8";
  files_.Write("d/" + odd, "odd");
  files_.Write("d/" + std::string(200, 'n'), "long");
  std::string big(1'000'000, '\0');
  for (size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>(i * i >> 5);
  files_.Write("d/big", big);
  for (const auto compression : {agent::COMPRESSION_NONE, agent::GZIP}) {
    const Reply down = client_.Download("d", compression);
    ASSERT_THAT(down.status, IsOk());
    EXPECT_TRUE(down.has_ready);
    EXPECT_EQ(down.done.files(), 3u);
    EXPECT_EQ(down.done.bytes(), big.size() + 7);
    const std::string copy = absl::StrCat("copy", static_cast<int>(compression));
    ASSERT_THAT(client_.Upload(copy, down.data, compression).status, IsOk());
    EXPECT_TRUE(files_.Read(copy + "/d/big") == big);
    EXPECT_EQ(files_.Read(copy + "/d/" + odd), "odd");
    EXPECT_EQ(files_.Read(copy + "/d/" + std::string(200, 'n')), "long");
    EXPECT_TRUE(std::filesystem::is_directory(files_.Path(copy + "/d/empty")));
  }
}

TEST_F(TransfersTest, DownloadOfOneFileOrOfContentsOnly) {
  std::filesystem::create_directories(files_.Path("d/e"));
  files_.Write("d/e/file", "1");
  ASSERT_THAT(client_.Upload("one", client_.Download("d/e/file").data).status, IsOk());
  ASSERT_THAT(
      client_.Upload("two", client_.Download("d", agent::COMPRESSION_NONE, true).data).status,
      IsOk());
  EXPECT_EQ(files_.Read("one/file"), "1");
  EXPECT_EQ(files_.Read("two/e/file"), "1");
}

TEST_F(TransfersTest, DownloadLeavesOutWhatIsNeitherFileNorDirectory) {
  std::filesystem::create_directories(files_.Path("d"));
  files_.Write("d/file", "1");
  ASSERT_EQ(::symlink("/etc/passwd", files_.Path("d/link").c_str()), 0);
  ASSERT_EQ(::symlink("/etc", files_.Path("d/dir").c_str()), 0);
  ASSERT_EQ(::mkfifo(files_.Path("d/fifo").c_str(), 0600), 0);
  const Reply down = client_.Download("", agent::COMPRESSION_NONE);
  ASSERT_THAT(down.status, IsOk());
  EXPECT_EQ(down.done.left_out(), 3u);
  TestingWorkspace other;
  ASSERT_THAT(other.client().Upload("", down.data).status, IsOk());
  other.AwaitCalls();
  EXPECT_THAT(other.Tree(), ElementsAre("d d", "f d/file 1"));
}

TEST_F(TransfersTest, LinksAreKeptAsTheyAreIfAskedFor) {
  const std::string archive =
      TarBuilder()
          .Add({.name = "d/", .type = '5', .data = "", .mode = 0755})
          .Add({.name = "d/out", .type = '2', .data = "", .link = "/etc/passwd"})
          .Add({.name = "d/in", .type = '2', .data = "", .link = "../d/\xc3\xa9"})
          .Finish();
  agent::Request up;
  up.mutable_upload()->set_keep_links(true);
  EXPECT_THAT(client_.RunWithData(up, archive).status, IsOk());
  EXPECT_THAT(Tree(), ElementsAre("d d", "l d/in -> ../d/\xc3\xa9", "l d/out -> /etc/passwd"));
  agent::Request down;
  down.mutable_download()->set_path("d");
  down.mutable_download()->set_keep_links(true);
  const Reply reply = client_.Run(down);
  ASSERT_THAT(reply.status, IsOk());
  EXPECT_EQ(reply.done.left_out(), 0u);
  TestingWorkspace other;
  EXPECT_THAT(other.client().RunWithData(up, reply.data).status, IsOk());
  other.AwaitCalls();
  EXPECT_EQ(other.Tree(), Tree());
  // Through one that is there, nothing is written.
  EXPECT_THAT(client_.Upload("d/in/x", Archive()).status,
              StatusIs(kInvalid, HasSubstr("symbolic link")));
}

// A process in the jail that swaps a directory for a link while a tree is moved loses.
class RaceTest : public TransfersTest {
 protected:
  RaceTest() {
    std::filesystem::create_directories(files_.Path("d/a"));
    outside_.Write("secret", "secret");
    EXPECT_EQ(::symlink(outside_.path().c_str(), files_.Path("trap").c_str()), 0);
    racer_ = std::thread([this] {
      const std::string directory = files_.Path("d/a");
      const std::string trap = files_.Path("trap");
      while (!stop_) {
        if (::syscall(SYS_renameat2, AT_FDCWD, directory.c_str(), AT_FDCWD, trap.c_str(),
                      RENAME_EXCHANGE) == 0) {
          ++swaps_;
        }
      }
    });
  }
  ~RaceTest() override {
    stop_ = true;
    racer_.join();
    EXPECT_GT(swaps_, 0);
    EXPECT_THAT(outside_.Tree(), ElementsAre("f secret secret"));
  }

  TestingWorkspace outside_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> swaps_ = 0;
  std::thread racer_;
};

TEST_F(RaceTest, UploadNeverWritesThroughALink) {
  const std::string archive = TarBuilder()
                                  .Add({.name = "a/", .type = '5', .data = "", .mode = 0755})
                                  .Add({.name = "a/planted", .data = "planted"})
                                  .Finish();
  int refused = 0;
  for (int i = 0; i < 300; ++i) {
    const absl::Status status = client_.Upload("d", archive).status;
    refused += status.ok() ? 0 : 1;
    files_.AwaitCalls();
  }
  EXPECT_GT(refused, 0) << "the race was never met";
}

TEST_F(RaceTest, DownloadNeverReadsThroughALink) {
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(client_.Download("d").data.find("secret"), std::string::npos);
    EXPECT_EQ(client_.Read("d/a/secret").data, "");
    files_.AwaitCalls();
  }
}

TEST_F(RaceTest, RemoveNeverFollowsALink) {
  for (int i = 0; i < 300; ++i) {
    static_cast<void>(client_.Remove("d/a/secret"));
    static_cast<void>(client_.MakeDirectory("d/a/new"));
    files_.AwaitCalls();
  }
}

}  // namespace
}  // namespace voidbox
