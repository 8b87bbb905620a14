#include "agent/files/watch_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "agent/files/testing_workspace.h"
#include "base/frame.h"
#include "base/io.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

using agent::FileEvent;
using ::testing::HasSubstr;

class WatchFilesTest : public ::testing::Test {
 protected:
  void Watch(const std::string& path, bool recursive = false) {
    agent::Request request;
    request.mutable_file()->mutable_watch()->set_path(path);
    request.mutable_file()->mutable_watch()->set_recursive(recursive);
    stream_ = files_.client().Start(request);
    EXPECT_TRUE(TestingFileClient::Receive(stream_.get()).has_file());
  }
  // Takes events until this one, which must come.
  void Await(FileEvent::Kind kind, const std::string& path) {
    std::string seen;
    for (;;) {
      const agent::ServerFrame frame = TestingFileClient::Receive(stream_.get());
      ASSERT_TRUE(frame.has_file_event()) << frame.ShortDebugString() << seen;
      if (frame.file_event().kind() == kind && frame.file_event().path() == path) return;
      seen += "\n" + frame.ShortDebugString();
    }
  }
  TestingWorkspace files_;
  UniqueFd stream_;
};

TEST_F(WatchFilesTest, TellsWhatHappensInADirectory) {
  Watch("");
  files_.Write("file", "1");  // by a temporary file and a rename
  Await(FileEvent::CREATED, "file.tmp." + std::to_string(::getpid()));
  Await(FileEvent::MODIFIED, "file.tmp." + std::to_string(::getpid()));
  Await(FileEvent::MOVED_FROM, "file.tmp." + std::to_string(::getpid()));
  Await(FileEvent::MOVED_TO, "file");
  ASSERT_EQ(::chmod(files_.Path("file").c_str(), 0600), 0);
  Await(FileEvent::ATTRIBUTES, "file");
  ASSERT_EQ(::unlink(files_.Path("file").c_str()), 0);
  Await(FileEvent::REMOVED, "file");
  stream_.Reset();
}

TEST_F(WatchFilesTest, FollowsDirectoriesThatAreMadeAndMoved) {
  std::filesystem::create_directories(files_.Path("top/a/b"));
  Watch("top", true);
  files_.Write("top/a/b/file", "1");
  Await(FileEvent::MOVED_TO, "a/b/file");
  // Whatever is there before the new directory is watched is told as well.
  std::filesystem::create_directories(files_.Path("top/new/deep"));
  Await(FileEvent::CREATED, "new");
  Await(FileEvent::CREATED, "new/deep");
  files_.Write("top/new/deep/file", "1");
  Await(FileEvent::MOVED_TO, "new/deep/file");
  ASSERT_EQ(::rename(files_.Path("top/a").c_str(), files_.Path("top/c").c_str()), 0);
  Await(FileEvent::MOVED_TO, "c");
  files_.Write("top/c/b/other", "1");
  Await(FileEvent::MOVED_TO, "c/b/other");
  stream_.Reset();
}

TEST_F(WatchFilesTest, EndsWhenWhatIsWatchedIsGone) {
  files_.Write("file", "1");
  Watch("file");
  ASSERT_EQ(::unlink(files_.Path("file").c_str()), 0);
  Await(FileEvent::GONE, "");
  agent::ServerFrame frame;
  EXPECT_THAT(ReadFrame(stream_.get(), frame),
              StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("end")));
}

TEST_F(WatchFilesTest, EventsThatAreLostAreTold) {
  files_.Write("a", "");
  files_.Write("b", "");
  Watch("");
  // The host takes nothing meanwhile; the socket and then the kernel's queue are full.
  const auto limit = ReadFile("/proc/sys/fs/inotify/max_queued_events");
  ASSERT_THAT(limit, IsOk());
  const std::string a = files_.Path("a"), b = files_.Path("b");  // in turns: equal events are one
  for (int i = 0; i < std::stoi(*limit); ++i) {
    ASSERT_EQ(::chmod(a.c_str(), 0600), 0);
    ASSERT_EQ(::chmod(b.c_str(), 0600), 0);
  }
  Await(FileEvent::OVERFLOW, "");
  stream_.Reset();
}

TEST_F(WatchFilesTest, TakesNoFrames) {
  Watch("");
  TestingFileClient::EndData(stream_.get());
  EXPECT_THAT(TestingFileClient::Finish(stream_.get()).status,
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("a watch takes none")));
}

TEST_F(WatchFilesTest, WatchesNothingThroughALink) {
  ASSERT_EQ(::symlink("/etc", files_.Path("link").c_str()), 0);
  agent::Request request;
  request.mutable_file()->mutable_watch()->set_path("link/default");
  EXPECT_THAT(files_.client().Run(request).status,
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("symbolic link")));
}

}  // namespace
}  // namespace voidbox
