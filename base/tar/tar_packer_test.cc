// Trees that are not as one wishes, packed. What is packed and unpacked is in
// agent/files/transfers_test.cc.
#include "base/tar/tar_packer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/io.h"
#include "base/status_matchers.h"
#include "base/tar/relative_path.h"
#include "base/tar/tar_unpacker.h"
#include "base/tar/testing_tree.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TarPackerTest : public ::testing::Test {
 protected:
  absl::StatusOr<TarCount> Pack(const TarSource& source, const PackOptions& options = {}) {
    archive_.clear();
    return PackTar(source, options, [this](absl::string_view piece) {
      archive_.append(piece.data(), piece.size());
      return absl::OkStatus();
    });
  }
  absl::StatusOr<TarCount> Pack(const std::vector<std::string>& path,
                                const PackOptions& options = {}) {
    return Pack({.root = in_.root(), .path = path}, options);
  }
  absl::StatusOr<TarCount> Unpack() {
    bool done = false;
    return UnpackTar(
        [&]() -> absl::StatusOr<absl::string_view> {
          if (std::exchange(done, true)) return absl::string_view();
          return archive_;
        },
        {.links = TarLinks::kKeep}, out_.root());
  }
  static void BecomeNobody() {
    if (::geteuid() == 0) {
      ASSERT_EQ(::seteuid(65534), 0);
    }
  }
  // What was packed until an error is no archive for whoever unpacks it.
  void ExpectNoArchive() {
    EXPECT_THAT(Unpack(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("tar archive")));
  }

  TestingTree in_;
  TestingTree out_;
  std::string archive_;
};

TEST_F(TarPackerTest, NamesStayByteForByte) {
  in_.Directory("d");
  const std::vector<std::string> names = {"\xc3\xa9", "e\xcc\x81",          "\xe9",
                                          "\xff\xfe", "line\nfeed\x1b[m",   "\xe2\x80\xae",
                                          "\\ back",  std::string(240, 'n')};
  for (const std::string& name : names) in_.Write("d/" + name, name);
  in_.Link("d/link", "e\xcc\x81/\xff");
  ASSERT_THAT(Pack({"d"}, {.links = true}), IsOk());
  ASSERT_THAT(Unpack(), IsOk());
  EXPECT_EQ(out_.Tree(), in_.Tree());
  for (const std::string& name : names) EXPECT_EQ(out_.Read("d/" + name), name);
}

TEST_F(TarPackerTest, LinksAreLeftOutOrPackedAsTheyAre) {
  in_.Directory("d");
  in_.Link("d/out", "/etc/passwd");
  in_.Link("d/none", "../../x");
  const auto without = Pack({"d"});
  ASSERT_THAT(without, IsOk());
  EXPECT_EQ(without->left_out, 2u);
  const auto with = Pack({"d"}, {.links = true});
  ASSERT_THAT(with, IsOk());
  EXPECT_EQ(with->left_out, 0u);
  ASSERT_THAT(Unpack(), IsOk());
  EXPECT_THAT(out_.Tree(), ElementsAre("d d", "l d/none -> ../../x", "l d/out -> /etc/passwd"));
}

TEST_F(TarPackerTest, HolesOfAFileAreNeitherCarriedNorFilled) {
  constexpr off_t kSize = 16 << 20;
  constexpr off_t kMiddle = 8 << 20;
  in_.Directory("d");
  for (const char* const name : {"d/middle", "d/ends", "d/none"}) in_.Write(name, "");
  in_.Write("d/ends", "first");
  const auto write = [&](const char* name, off_t at, const std::string& text) {
    const UniqueFd file(::open(in_.Path(name).c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(::ftruncate(file.get(), kSize), 0);
    ASSERT_EQ(::pwrite(file.get(), text.data(), text.size(), at), text.size());
  };
  write("d/middle", kMiddle, "in the middle");
  write("d/ends", kSize - 4, "last");
  write("d/none", 0, "");
  ASSERT_THAT(Pack({"d"}), IsOk());
  EXPECT_LT(archive_.size(), 1 << 20);
  ASSERT_THAT(Unpack(), IsOk());
  for (const char* const name : {"d/middle", "d/ends", "d/none"}) {
    EXPECT_TRUE(out_.Read(name) == in_.Read(name)) << name;
    struct stat info;
    ASSERT_EQ(::stat(out_.Path(name).c_str(), &info), 0);
    EXPECT_EQ(info.st_size, kSize);
    EXPECT_LT(info.st_blocks * 512, 1 << 20) << name;
  }
}

TEST_F(TarPackerTest, AFileOfTooManyHolesIsCarriedWhole) {
  const UniqueFd file(::openat(in_.root(), "f", O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  constexpr off_t kStep = 8 << 10;  // a block and a hole
  for (off_t i = 0; i < 5000; ++i) ASSERT_EQ(::pwrite(file.get(), "x", 1, i * kStep), 1);
  ASSERT_THAT(Pack({"f"}), IsOk());
  EXPECT_GT(archive_.size(), 4999 * kStep);
  ASSERT_THAT(Unpack(), IsOk());
  constexpr size_t kMost = 64 << 20;
  EXPECT_TRUE(ReadFile(out_.Path("f"), kMost).value() == ReadFile(in_.Path("f"), kMost).value());
}

TEST_F(TarPackerTest, PackedWithGzipEveryReaderKnowsItsForm) {
  in_.Write("f", "");
  ASSERT_EQ(::truncate(in_.Path("f").c_str(), 16 << 20), 0);
  ASSERT_THAT(Pack({"f"}, {.gzip = true}), IsOk());
  EXPECT_LT(archive_.size(), 1 << 20);
  const auto unpacked = UnpackTar(
      [piece = absl::string_view(archive_)]() mutable -> absl::StatusOr<absl::string_view> {
        return std::exchange(piece, {});
      },
      {.gzip = true}, out_.root());
  ASSERT_THAT(unpacked, IsOk());
  EXPECT_TRUE(out_.Read("f") == in_.Read("f"));
}

TEST_F(TarPackerTest, TheTopMayHaveAnotherName) {
  in_.Directory("d/d");
  in_.Write("d/f", "1");
  ASSERT_THAT(Pack({.root = in_.root(), .path = {"d"}, .as = "new"}), IsOk());
  ASSERT_THAT(Unpack(), IsOk());
  EXPECT_THAT(out_.Tree(), ElementsAre("d new", "d new/d", "f new/f 1"));
}

TEST_F(TarPackerTest, ContentsAreThoseOfADirectory) {
  in_.Directory("d");
  in_.Write("d/f", "1");
  ASSERT_THAT(Pack({.root = in_.root(), .path = {"d"}, .contents_only = true}), IsOk());
  ASSERT_THAT(Unpack(), IsOk());
  EXPECT_THAT(out_.Tree(), ElementsAre("f f 1"));
  EXPECT_THAT(Pack({.root = in_.root(), .path = {"d", "f"}, .contents_only = true}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("'d/f': not a directory")));
}

TEST_F(TarPackerTest, AFileThatShrinksLeavesNoArchive) {
  in_.Directory("d");
  in_.Write("d/big", std::string(1 << 20, 'x'));
  const auto packed = Pack({"d"}, {.progress = [this](uint64_t) {
                             std::filesystem::resize_file(in_.Path("d/big"), 300'000);
                             return absl::OkStatus();
                           }});
  EXPECT_THAT(packed, StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("'d/big': became shorter while it was read")));
  ExpectNoArchive();
}

TEST_F(TarPackerTest, AFileThatGrowsIsPackedAsLongAsItWas) {
  in_.Write("big", std::string(300'000, 'x'));
  ASSERT_THAT(Pack({"big"}, {.progress =
                                 [this](uint64_t) {
                                   std::filesystem::resize_file(in_.Path("big"), 1 << 20);
                                   return absl::OkStatus();
                                 }}),
              IsOk());
  ASSERT_THAT(Unpack(), IsOk());
  EXPECT_EQ(out_.Read("big"), std::string(300'000, 'x'));
}

TEST_F(TarPackerTest, WhatIsRemovedMeanwhileIsNotThere) {
  in_.Directory("d/sub");
  for (const char* name : {"d/a", "d/b", "d/sub/c"}) in_.Write(name, "x");
  const auto packed =
      Pack({"d"}, {.progress = [this](uint64_t) {
             for (const auto& entry : std::filesystem::directory_iterator(in_.Path("d"))) {
               std::filesystem::remove_all(entry);
             }
             return absl::OkStatus();
           }});
  ASSERT_THAT(packed, IsOk());
  EXPECT_EQ(packed->files, 1u);
  EXPECT_THAT(Unpack(), IsOk());
}

TEST_F(TarPackerTest, WhatIsAskedForMustBeThere) {
  EXPECT_THAT(Pack({"none"}), StatusIs(absl::StatusCode::kNotFound, HasSubstr("none")));
  EXPECT_THAT(archive_, IsEmpty());
}

// As another user than root, whom nothing is refused.
TEST_F(TarPackerTest, WhatCannotBeReadIsNamedAndLeavesNoArchive) {
  in_.Directory("d/closed");
  in_.Write("d/a", "x");
  in_.Write("d/closed/secret", "x");
  for (const char* name : {".", "d"}) ASSERT_EQ(::chmod(in_.Path(name).c_str(), 0755), 0);
  ASSERT_EQ(::chmod(in_.Path("d/closed").c_str(), 0711), 0);
  const uid_t before = ::geteuid();
  BecomeNobody();
  const auto directory = Pack({"d"});
  ASSERT_EQ(::seteuid(before), 0);
  EXPECT_THAT(directory, StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("'d/closed'")));
  ExpectNoArchive();
  ASSERT_EQ(::chmod(in_.Path("d/closed").c_str(), 0755), 0);
  ASSERT_EQ(::chmod(in_.Path("d/closed/secret").c_str(), 0000), 0);
  BecomeNobody();
  const auto file = Pack({"d"});
  ASSERT_EQ(::seteuid(before), 0);
  EXPECT_THAT(file, StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("'d/closed/secret'")));
  ExpectNoArchive();
}

TEST_F(TarPackerTest, AFileThatDoesNotKnowItsSizeIsReadToItsEnd) {
  const UniqueFd proc(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  ASSERT_THAT(Pack(TarSource{.root = proc.get(), .path = {"version"}}), IsOk());
  ASSERT_THAT(Unpack(), IsOk());
  EXPECT_THAT(out_.Read("version"), HasSubstr("Linux version"));
  // Longer than what is held back for it.
  EXPECT_THAT(Pack(TarSource{.root = proc.get(), .path = {"kallsyms"}}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("says that it is empty")));
}

TEST_F(TarPackerTest, ATreeThatIsTooDeepLeavesNoArchive) {
  std::string path = "d";
  for (size_t i = 0; i <= kMaxDepth; ++i) path += "/d";
  in_.Directory(path);
  EXPECT_THAT(Pack({"d"}), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("200 levels")));
  ExpectNoArchive();
}

TEST_F(TarPackerTest, WhatIsNeitherFileNorDirectoryIsLeftOutAndCounted) {
  in_.Directory("d");
  in_.Write("d/f", "x");
  ASSERT_EQ(::link(in_.Path("d/f").c_str(), in_.Path("d/same").c_str()), 0);
  ASSERT_EQ(::mkfifo(in_.Path("d/fifo").c_str(), 0600), 0);
  const auto packed = Pack({"d"});
  ASSERT_THAT(packed, IsOk());
  EXPECT_EQ(packed->left_out, 1u);
  EXPECT_EQ(packed->files, 2u) << "each name of a file is a file";
  ASSERT_THAT(Unpack(), IsOk());
  EXPECT_THAT(out_.Tree(), ElementsAre("d d", "f d/f x", "f d/same x"));
}

}  // namespace
}  // namespace voidbox
