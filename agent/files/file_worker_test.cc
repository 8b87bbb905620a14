// The operations, as a host calls them.
#include "agent/files/file_worker.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "agent/files/testing_workspace.h"
#include "base/frame.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Reply = TestingFileClient::Reply;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kNotFound = absl::StatusCode::kNotFound;
constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;

class FileWorkerTest : public ::testing::Test {
 protected:
  TestingWorkspace files_;
  const TestingFileClient& client_ = files_.client();
};

TEST_F(FileWorkerTest, StatTellsWhatThereIs) {
  files_.Write("file", "12345");
  ASSERT_EQ(::chmod(files_.Path("file").c_str(), 0640), 0);
  ASSERT_EQ(::symlink("/etc/passwd", files_.Path("link").c_str()), 0);
  ASSERT_EQ(::mkfifo(files_.Path("fifo").c_str(), 0600), 0);
  const Reply file = client_.Stat("/home/user/file");
  ASSERT_THAT(file.status, IsOk());
  EXPECT_EQ(file.file().name(), "/home/user/file");
  EXPECT_EQ(file.file().type(), agent::REGULAR);
  EXPECT_EQ(file.file().size_bytes(), 5u);
  EXPECT_EQ(file.file().mode(), 0640u);
  EXPECT_EQ(file.file().uid(), ::getuid());
  struct stat info;
  ASSERT_EQ(::stat(files_.Path("file").c_str(), &info), 0);
  EXPECT_EQ(file.file().modified_ns(), info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec);
  const Reply link = client_.Stat("link");
  ASSERT_THAT(link.status, IsOk());
  EXPECT_EQ(link.file().type(), agent::SYMLINK);
  EXPECT_EQ(link.file().link_target(), "/etc/passwd");
  EXPECT_EQ(client_.Stat("fifo").file().type(), agent::OTHER);
  EXPECT_EQ(client_.Stat("").file().type(), agent::DIRECTORY);
}

TEST_F(FileWorkerTest, AMissingPathIsNotFoundAndOneOutsideIsInvalid) {
  EXPECT_THAT(client_.Stat("missing").status, StatusIs(kNotFound, HasSubstr("'missing'")));
  EXPECT_THAT(client_.Stat("missing/below").status, StatusIs(kNotFound, HasSubstr("missing")));
  EXPECT_THAT(client_.Read("missing").status, StatusIs(kNotFound, HasSubstr("missing")));
  EXPECT_THAT(client_.Download("missing").status, StatusIs(kNotFound, HasSubstr("missing")));
  for (const char* path : {"../x", "/etc/passwd", "/home/user/../../etc/passwd"}) {
    EXPECT_THAT(client_.Stat(path).status, StatusIs(kInvalid, HasSubstr("path"))) << path;
    EXPECT_THAT(client_.List(path).status, StatusIs(kInvalid, HasSubstr("path"))) << path;
    EXPECT_THAT(client_.Read(path).status, StatusIs(kInvalid, HasSubstr("path"))) << path;
    EXPECT_THAT(client_.Write(path, "x").status, StatusIs(kInvalid, HasSubstr("path"))) << path;
    EXPECT_THAT(client_.MakeDirectory(path).status, StatusIs(kInvalid, HasSubstr("path"))) << path;
    EXPECT_THAT(client_.Remove(path).status, StatusIs(kInvalid, HasSubstr("path"))) << path;
    EXPECT_THAT(client_.Rename(path, "y").status, StatusIs(kInvalid, HasSubstr("path"))) << path;
    EXPECT_THAT(client_.Rename("y", path).status, StatusIs(kInvalid, HasSubstr("path"))) << path;
    EXPECT_THAT(client_.Upload(path, "").status, StatusIs(kInvalid, HasSubstr("path"))) << path;
    EXPECT_THAT(client_.Download(path).status, StatusIs(kInvalid, HasSubstr("path"))) << path;
  }
}

TEST_F(FileWorkerTest, NothingIsReachedThroughALink) {
  TestingWorkspace outside;
  outside.Write("secret", "s");
  ASSERT_EQ(::symlink(outside.path().c_str(), files_.Path("out").c_str()), 0);
  ASSERT_EQ(::symlink(outside.Path("secret").c_str(), files_.Path("secret").c_str()), 0);
  ASSERT_EQ(::symlink("/proc/self/root", files_.Path("magic").c_str()), 0);
  const auto refused = StatusIs(kInvalid, HasSubstr("symbolic link"));
  EXPECT_THAT(client_.Read("secret").status, refused);
  EXPECT_THAT(client_.Read("out/secret").status, refused);
  EXPECT_THAT(client_.Stat("out/secret").status, refused);
  EXPECT_THAT(client_.Stat("magic/etc/passwd").status, refused);
  EXPECT_THAT(client_.List("out").status, refused);
  EXPECT_THAT(client_.Write("out/new", "x").status, refused);
  EXPECT_THAT(client_.MakeDirectory("out/new").status, refused);
  EXPECT_THAT(client_.MakeDirectory("out/new/deep", true).status, refused);
  EXPECT_THAT(client_.Remove("out/secret").status, refused);
  EXPECT_THAT(client_.Rename("out/secret", "mine").status, refused);
  EXPECT_THAT(client_.Download("out/secret").status, refused);
  EXPECT_THAT(outside.Tree(), ElementsAre("f secret s"));
  // The link itself is in the workspace.
  EXPECT_THAT(client_.Remove("out", true).status, IsOk());
  EXPECT_THAT(outside.Tree(), ElementsAre("f secret s"));
}

TEST_F(FileWorkerTest, ListsThousandsAndNothingElse) {
  EXPECT_THAT(client_.List("").files, IsEmpty());
  for (int i = 0; i < 1234; ++i) files_.Write("f" + std::to_string(i), "");
  const Reply reply = client_.List("/workspace");
  ASSERT_THAT(reply.status, IsOk());
  std::set<std::string> names;
  for (const agent::FileInfo& file : reply.files) names.insert(file.name());
  EXPECT_EQ(names.size(), 1234u);
  EXPECT_EQ(reply.files.size(), 1234u);
  EXPECT_THAT(client_.List("f0").status, StatusIs(kNotFound, HasSubstr("not a directory")));
}

TEST_F(FileWorkerTest, ReadsAFileAndPartsOfIt) {
  std::string contents(1 << 20, '\0');
  for (size_t i = 0; i < contents.size(); ++i) contents[i] = static_cast<char>(i * 7 >> 3);
  files_.Write("file", contents);
  const Reply whole = client_.Read("file");
  ASSERT_THAT(whole.status, IsOk());
  EXPECT_EQ(whole.file().size_bytes(), contents.size());
  EXPECT_TRUE(whole.data == contents);
  EXPECT_EQ(whole.done.bytes(), contents.size());
  EXPECT_EQ(client_.Read("file", 1000, 17).data, contents.substr(1000, 17));
  EXPECT_EQ(client_.Read("file", contents.size() - 3, 17).data,
            contents.substr(contents.size() - 3));
  EXPECT_EQ(client_.Read("file", 2 << 20).data, "");
  EXPECT_THAT(client_.Read("file", UINT64_MAX).status, StatusIs(kInvalid, HasSubstr("offset")));
}

TEST_F(FileWorkerTest, ReadsRegularFilesOnly) {
  ASSERT_EQ(::mkfifo(files_.Path("fifo").c_str(), 0600), 0);
  ASSERT_EQ(::mkdir(files_.Path("directory").c_str(), 0700), 0);
  for (const char* path : {"fifo", "directory", ""}) {
    EXPECT_THAT(client_.Read(path).status, StatusIs(kInvalid, HasSubstr("not a regular file")));
    EXPECT_THAT(client_.Write(path, "x").status, StatusIs(kInvalid, HasSubstr("is"))) << path;
  }
}

TEST_F(FileWorkerTest, WritesReplaceAFileAtOnceAndKeepItsMode) {
  files_.Write("file", "old");
  ASSERT_EQ(::chmod(files_.Path("file").c_str(), 0750), 0);
  const std::string contents(600'000, 'n');
  const Reply reply = client_.Write("file", contents);
  ASSERT_THAT(reply.status, IsOk());
  EXPECT_EQ(reply.done.bytes(), contents.size());
  EXPECT_TRUE(files_.Read("file") == contents);
  EXPECT_EQ(client_.Stat("file").file().mode(), 0750u);
  EXPECT_THAT(client_.Write("new", "").status, IsOk());
  EXPECT_EQ(client_.Stat("new").file().mode(), 0644u);
  EXPECT_EQ(files_.Tree().size(), 2u);
}

TEST_F(FileWorkerTest, AWriteThatIsNotFinishedLeavesTheOldFile) {
  files_.Write("file", "old");
  agent::Request request;
  request.mutable_file()->mutable_write()->set_path("file");
  UniqueFd stream = client_.Start(request);
  EXPECT_TRUE(TestingFileClient::Receive(stream.get()).has_transfer_ready());
  TestingFileClient::SendData(stream.get(), "new");
  stream.Reset();
  files_.AwaitCalls();
  EXPECT_THAT(files_.Tree(), ElementsAre("f file old"));
  request.mutable_file()->mutable_write()->set_max_bytes(5);
  EXPECT_THAT(client_.RunWithData(request, "123456").status,
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("limit of 5 bytes")));
  files_.AwaitCalls();
  EXPECT_THAT(files_.Tree(), ElementsAre("f file old"));
}

TEST_F(FileWorkerTest, Appends) {
  files_.Write("log", "one\n");
  agent::Request request;
  request.mutable_file()->mutable_write()->set_path("log");
  request.mutable_file()->mutable_write()->set_append(true);
  EXPECT_THAT(client_.RunWithData(request, "two\n").status, IsOk());
  EXPECT_EQ(files_.Read("log"), "one\ntwo\n");
  request.mutable_file()->mutable_write()->set_path("missing");
  EXPECT_THAT(client_.RunWithData(request, "x").status, StatusIs(kNotFound, HasSubstr("missing")));
}

TEST_F(FileWorkerTest, MakesDirectories) {
  EXPECT_THAT(client_.MakeDirectory("a", false, 0700).status, IsOk());
  EXPECT_EQ(client_.Stat("a").file().mode(), 0700u);
  EXPECT_THAT(client_.MakeDirectory("a").status,
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("'a'")));
  EXPECT_THAT(client_.MakeDirectory("b/c").status, StatusIs(kNotFound, HasSubstr("'b'")));
  EXPECT_THAT(client_.MakeDirectory("b/c", true).status, IsOk());
  EXPECT_THAT(client_.MakeDirectory("b/c", true).status, IsOk());
  EXPECT_THAT(client_.MakeDirectory("x", false, 04755).status,
              StatusIs(kInvalid, HasSubstr("mode")));
  EXPECT_THAT(files_.Tree(), ElementsAre("d a", "d b", "d b/c"));
}

TEST_F(FileWorkerTest, Renames) {
  files_.Write("a", "1");
  files_.Write("b", "2");
  ASSERT_EQ(::mkdir(files_.Path("d").c_str(), 0700), 0);
  EXPECT_THAT(client_.Rename("a", "d/a").status, IsOk());
  EXPECT_THAT(client_.Rename("d/a", "b").status, IsOk());
  EXPECT_THAT(files_.Tree(), ElementsAre("d d", "f b 1"));
  EXPECT_THAT(client_.Rename("missing", "x").status, StatusIs(kNotFound, HasSubstr("missing")));
  EXPECT_THAT(client_.Rename("b", "d").status, StatusIs(kPrecondition, HasSubstr("directory")));
  EXPECT_THAT(client_.Rename("d", "d/e").status, StatusIs(kPrecondition, HasSubstr("'d/e'")));
}

TEST_F(FileWorkerTest, Removes) {
  std::filesystem::create_directories(files_.Path("d/e/f"));
  files_.Write("d/e/file", "1");
  EXPECT_THAT(client_.Remove("d").status, StatusIs(kPrecondition, HasSubstr("recursive")));
  EXPECT_THAT(client_.Remove("d/e/f").status, IsOk());
  EXPECT_THAT(client_.Remove("d/e/file").status, IsOk());
  std::filesystem::create_directories(files_.Path("d/e/f/g"));
  ASSERT_EQ(::symlink("/etc", files_.Path("d/e/f/link").c_str()), 0);
  EXPECT_THAT(client_.Remove("d", true).status, IsOk());
  EXPECT_THAT(files_.Tree(), IsEmpty());
  EXPECT_THAT(client_.Remove("d", true).status, StatusIs(kNotFound, HasSubstr("'d'")));
  EXPECT_THAT(client_.Remove("", true).status, StatusIs(kInvalid, HasSubstr("workspace itself")));
}

TEST_F(FileWorkerTest, AFrameThatDoesNotBelongEndsTheCall) {
  agent::Request request;
  request.mutable_file()->mutable_write()->set_path("file");
  const UniqueFd stream = client_.Start(request);
  EXPECT_TRUE(TestingFileClient::Receive(stream.get()).has_transfer_ready());
  agent::ClientFrame frame;
  frame.set_stdin("x");
  ASSERT_THAT(WriteFrame(stream.get(), frame), IsOk());
  EXPECT_THAT(TestingFileClient::Finish(stream.get()).status,
              StatusIs(kInvalid, HasSubstr("neither data nor end_data")));
  EXPECT_THAT(client_.Run(agent::Request()).status,
              StatusIs(kInvalid, HasSubstr("not about files")));
  agent::Request nothing;
  nothing.mutable_file();
  EXPECT_THAT(client_.Run(nothing).status, StatusIs(kInvalid, HasSubstr("no operation")));
}

TEST_F(FileWorkerTest, AFrameThatIsTooLongEndsTheCall) {
  agent::Request request;
  request.mutable_file()->mutable_write()->set_path("file");
  const UniqueFd stream = client_.Start(request);
  EXPECT_TRUE(TestingFileClient::Receive(stream.get()).has_transfer_ready());
  TestingFileClient::SendData(stream.get(), std::string((256 << 10) + 100, 'x'));
  EXPECT_THAT(TestingFileClient::Finish(stream.get()).status,
              StatusIs(kInvalid, HasSubstr("longer than the limit")));
}

}  // namespace
}  // namespace voidbox
