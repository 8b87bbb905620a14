#include "sandbox/local_tree.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>

#include "base/pipe.h"
#include "base/status_matchers.h"
#include "base/tar/testing_tree.h"
#include "gtest/gtest.h"
#include "image/testing/tar_builder.h"

namespace voidbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

absl::Status NoProgress(uint64_t) { return absl::OkStatus(); }

class LocalTreeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);
    stream_.Reset(::open(other_.Path("stream").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_TRUE(stream_);
  }
  absl::StatusOr<TarCount> Pack(const std::string& path, const std::string& as) {
    const auto packed = PackLocalTree(path, as, stream_.get(), NoProgress);
    ::lseek(stream_.get(), 0, SEEK_SET);
    return packed;
  }
  void SetStream(const std::string& archive) {
    ASSERT_EQ(::ftruncate(stream_.get(), 0), 0);
    ASSERT_EQ(::pwrite(stream_.get(), archive.data(), archive.size(), 0),
              static_cast<ssize_t>(archive.size()));
    ::lseek(stream_.get(), 0, SEEK_SET);
  }
  // Into `out_` and in place.
  absl::StatusOr<TarCount> Unpack(const UnpackOptions& options) {
    auto destination = LocalDestination::Open(out_.path(), false);
    if (!destination.ok()) return destination.status();
    auto count = destination->Unpack(stream_.get(), options);
    if (!count.ok()) return count;
    const absl::Status status = destination->Commit();
    if (!status.ok()) return status;
    return count;
  }

  TestingTree in_;
  TestingTree out_;
  TestingTree other_;
  UniqueFd stream_;
};

TEST_F(LocalTreeTest, ATreeComesOutAsItWas) {
  in_.Directory("t/sub");
  in_.Write("t/a", std::string(300'000, 'a'));
  in_.Write("t/sub/\xc3\xa9", "b");
  ASSERT_EQ(::chmod(in_.Path("t/a").c_str(), 0751), 0);
  in_.Link("t/link", "sub");
  EXPECT_EQ(MeasureTree(in_.Path("t")), 300'001u);
  EXPECT_EQ(MeasureTree(in_.Path("t/a")), 300'000u);
  ASSERT_THAT(Pack(in_.Path("t"), "t"), IsOk());
  const mode_t mask = ::umask(077);
  const auto count = Unpack({.links = TarLinks::kInside, .only = "t", .rename = "u"});
  ::umask(mask);
  ASSERT_THAT(count, IsOk());
  EXPECT_THAT(out_.Tree(), ElementsAre("d u", "d u/sub", "f u/a " + std::string(300'000, 'a'),
                                       "f u/sub/\xc3\xa9 b", "l u/link -> sub"));
  struct stat info;
  ASSERT_EQ(::stat(out_.Path("u/a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0751u) << "whatever the umask";
}

TEST_F(LocalTreeTest, TheSourceMayBeALinkOrContents) {
  in_.Directory("t");
  in_.Write("t/a", "1");
  in_.Link("to_t", "t");
  in_.Link("to_a", "t/a");
  ASSERT_THAT(Pack(in_.Path("to_t"), "named"), IsOk());
  ASSERT_THAT(Unpack({.only = "named"}), IsOk());
  SetStream("");
  ASSERT_THAT(Pack(in_.Path("to_a"), "file"), IsOk());
  ASSERT_THAT(Unpack({.only = "file"}), IsOk());
  SetStream("");
  ASSERT_THAT(Pack(in_.Path("to_t"), ""), IsOk());
  ASSERT_THAT(Unpack({}), IsOk());
  EXPECT_THAT(out_.Tree(), ElementsAre("d named", "f a 1", "f file 1", "f named/a 1"));
}

TEST_F(LocalTreeTest, ASourceThatCannotBeCopiedIsNamed) {
  EXPECT_THAT(Pack(in_.Path("none"), "none"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/none: No such file")));
  in_.Link("dangling", "none");
  EXPECT_THAT(Pack(in_.Path("dangling"), "x"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/dangling: No such file")));
  ASSERT_EQ(::mkfifo(in_.Path("fifo").c_str(), 0600), 0);
  EXPECT_THAT(Pack(in_.Path("fifo"), "x"), StatusIs(absl::StatusCode::kInvalidArgument,
                                                    HasSubstr("neither a file nor a directory")));
  in_.Write("file", "");
  EXPECT_FALSE(Pack(in_.Path("file") + "/.", "").ok());
  EXPECT_EQ(MeasureTree(in_.Path("none")), 0u);
}

TEST_F(LocalTreeTest, AReaderThatIsGoneIsNoErrorOfItsOwn) {
  in_.Write("a", std::string(1 << 20, 'a'));
  auto pipe = *NewPipe();
  pipe.read.Reset();
  EXPECT_EQ(PackLocalTree(in_.Path("a"), "a", pipe.write.get(), NoProgress).status().code(),
            absl::StatusCode::kCancelled);
}

TEST_F(LocalTreeTest, WhatFailsLeavesTheDestinationAsItWas) {
  out_.Directory("t");
  out_.Write("t/a", "old");
  const auto before = out_.Tree();
  in_.Directory("t");
  in_.Write("t/a", std::string(5000, 'n'));
  in_.Write("t/b", "new");
  ASSERT_THAT(Pack(in_.Path("t"), "t"), IsOk());
  std::string archive(64 << 10, '\0');
  const ssize_t size = ::pread(stream_.get(), archive.data(), archive.size(), 0);
  ASSERT_GT(size, 7000);
  // Cut at every block and in some.
  for (ssize_t cut = 0; cut < size - 1024; cut += 256) {
    SetStream(archive.substr(0, static_cast<size_t>(cut)));
    EXPECT_FALSE(Unpack({.only = "t"}).ok()) << cut;
    EXPECT_EQ(out_.Tree(), before) << cut;
  }
  SetStream(TarBuilder()
                .Add({.name = "t/", .type = '5', .data = ""})
                .Add({.name = "t/a", .data = "new"})
                .Add({.name = ".bashrc", .data = "evil"})
                .Finish());
  EXPECT_THAT(Unpack({.only = "t"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'.bashrc': not asked for")));
  EXPECT_EQ(out_.Tree(), before);
  // In place of what a copy does not replace.
  out_.Directory("t/b");
  const auto with_directory = out_.Tree();
  SetStream(archive.substr(0, static_cast<size_t>(size)));
  EXPECT_THAT(Unpack({.only = "t"}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("place of a directory")));
  EXPECT_EQ(out_.Tree(), with_directory);
}

TEST_F(LocalTreeTest, NoLinkThatIsThereIsFollowed) {
  other_.Directory("elsewhere");
  other_.Write("kept", "kept");
  out_.Link("d", other_.Path("elsewhere"));
  out_.Link("f", other_.Path("kept"));
  SetStream(TarBuilder()
                .Add({.name = "d/", .type = '5', .data = ""})
                .Add({.name = "d/x", .data = "x"})
                .Finish());
  EXPECT_EQ(Unpack({.only = "d"}).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(std::filesystem::exists(other_.Path("elsewhere/x")));
  SetStream(TarBuilder().Add({.name = "f", .data = "x"}).Finish());
  ASSERT_THAT(Unpack({.only = "f"}), IsOk());
  EXPECT_EQ(other_.Read("kept"), "kept");
  EXPECT_EQ(out_.Read("f"), "x") << "one in the file's own place is replaced";
}

TEST_F(LocalTreeTest, ADeviceOrPipeIsNotReplaced) {
  ASSERT_EQ(::mkfifo(out_.Path("f").c_str(), 0600), 0);
  SetStream(TarBuilder().Add({.name = "f", .data = "x"}).Finish());
  EXPECT_THAT(Unpack({.only = "f"}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("device, FIFO or socket")));
  EXPECT_THAT(out_.Tree(), ElementsAre("? f"));
}

TEST_F(LocalTreeTest, ADestinationIsMadeAndGoesAgainWithoutACommit) {
  const std::string path = out_.Path("new");
  EXPECT_THAT(LocalDestination::Open(path, false),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/new")));
  {
    auto destination = LocalDestination::Open(path, true);
    ASSERT_THAT(destination, IsOk());
    SetStream(std::string(600, 'x'));
    EXPECT_FALSE(destination->Unpack(stream_.get(), {}).ok());
  }
  EXPECT_THAT(out_.Tree(), IsEmpty());
  {
    auto destination = LocalDestination::Open(path, true);
    ASSERT_THAT(destination, IsOk());
    SetStream(TarBuilder().Add({.name = "f", .data = "x"}).Finish());
    ASSERT_THAT(destination->Unpack(stream_.get(), {}), IsOk());
    ASSERT_THAT(destination->Commit(), IsOk());
  }
  EXPECT_THAT(out_.Tree(), ElementsAre("d new", "f new/f x"));
  EXPECT_FALSE(LocalDestination::Open(out_.Path("none/new"), true).ok());
  EXPECT_FALSE(LocalDestination::Open(path + "/f", true).ok());
}

}  // namespace
}  // namespace voidbox
