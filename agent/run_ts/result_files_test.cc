#include "agent/run_ts/result_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

using ::testing::Eq;
using ::testing::Optional;
using ::testing::StartsWith;

class ResultFilesTest : public ::testing::Test {
 protected:
  ResultFilesTest() {
    workspace_ = ::testing::TempDir() + "/workspace.XXXXXX";
    EXPECT_NE(::mkdtemp(workspace_.data()), nullptr);
    std::filesystem::create_directory(workspace_ + "/.cache");
  }
  ~ResultFilesTest() override { std::filesystem::remove_all(workspace_); }

  static void Write(const std::string& path, const std::string& text) {
    ASSERT_THAT(WriteFileAtomically(path, text), IsOk());
  }
  ResultFiles Create() { return ResultFiles::Create(workspace_, ::getuid()).value(); }

  std::string workspace_;
};

TEST_F(ResultFilesTest, EveryJsonValueIsReadAsItIs) {
  const ResultFiles files = Create();
  EXPECT_THAT(files.result_path(), StartsWith(workspace_ + "/.cache/"));
  EXPECT_EQ(files.ReadResult(), std::nullopt);
  for (const char* text : {"1", "-0.5e3", "\"s\"", "\"\xc3\xa9\\u0000\"", "null", "true", "[]",
                           "[1,[null]]", "{\"a\":{}}"}) {
    Write(files.result_path(), text);
    EXPECT_THAT(files.ReadResult(), Optional(Eq(text)));
  }
  Write(files.error_path(), "\"wrong\"");
  EXPECT_THAT(files.ReadError(), Optional(Eq("\"wrong\"")));
  const std::string large = "\"" + std::string(kMaxResultBytes - 2, 'x') + "\"";
  Write(files.result_path(), large);
  EXPECT_TRUE(files.ReadResult() == large);
}

TEST_F(ResultFilesTest, WhatIsNotJsonOrTooLongIsNoResult) {
  const ResultFiles files = Create();
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("1 2"), std::string("NaN"),
        std::string("\"\xff\""), "\"" + std::string(kMaxResultBytes - 1, 'x') + "\"",
        std::string(100'000, '[')}) {
    Write(files.result_path(), text);
    EXPECT_EQ(files.ReadResult(), std::nullopt) << text.substr(0, 10);
  }
}

TEST_F(ResultFilesTest, OnlyAPlainFileOfTheOwnersIsRead) {
  const std::string outside = workspace_ + "/outside";
  Write(outside, "1");
  const ResultFiles files = Create();
  ASSERT_EQ(::symlink(outside.c_str(), files.result_path().c_str()), 0);
  EXPECT_EQ(files.ReadResult(), std::nullopt) << "a link";
  ASSERT_EQ(::unlink(files.result_path().c_str()), 0);
  ASSERT_EQ(::link(outside.c_str(), files.result_path().c_str()), 0);
  EXPECT_EQ(files.ReadResult(), std::nullopt) << "another name of a file";
  ASSERT_EQ(::unlink(files.result_path().c_str()), 0);
  ASSERT_EQ(::mkfifo(files.result_path().c_str(), 0600), 0);
  EXPECT_EQ(files.ReadResult(), std::nullopt) << "a FIFO, without waiting";
  ASSERT_EQ(::unlink(files.result_path().c_str()), 0);
  std::filesystem::create_directory(files.result_path());
  EXPECT_EQ(files.ReadResult(), std::nullopt) << "a directory";
  std::filesystem::remove(files.result_path());
  Write(files.result_path(), "1");
  EXPECT_TRUE(files.ReadResult().has_value());
  std::filesystem::rename(workspace_ + "/.cache", workspace_ + "/moved");
  ASSERT_EQ(::symlink("moved", (workspace_ + "/.cache").c_str()), 0);
  EXPECT_EQ(files.ReadResult(), std::nullopt) << "a link on the way";
}

TEST_F(ResultFilesTest, AnotherUsersFileIsNotRead) {
  const ResultFiles files = ResultFiles::Create(workspace_, ::getuid() + 1).value();
  Write(files.result_path(), "1");
  EXPECT_EQ(files.ReadResult(), std::nullopt);
}

TEST_F(ResultFilesTest, ALeaseOnTheFileDelaysNothing) {
  const ResultFiles files = Create();
  Write(files.result_path(), "1");
  const UniqueFd holder(::open(files.result_path().c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::fcntl(holder.get(), F_SETSIG, 0), 0);
  ASSERT_EQ(::signal(SIGIO, SIG_IGN), SIG_DFL);
  ASSERT_EQ(::fcntl(holder.get(), F_SETLEASE, F_WRLCK), 0);
  EXPECT_EQ(files.ReadResult(), std::nullopt);
}

TEST_F(ResultFilesTest, RemoveLeavesNothing) {
  const ResultFiles files = Create();
  Write(files.result_path(), "1");
  Write(files.error_path(), "2");
  Write(files.error_path() + ".new", "half");
  files.Remove();
  files.Remove();
  EXPECT_TRUE(std::filesystem::is_empty(workspace_ + "/.cache"));
  EXPECT_NE(files.result_path(), Create().result_path());
}

}  // namespace
}  // namespace voidbox
