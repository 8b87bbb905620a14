#include "image/cpio_writer.h"

#include <gtest/gtest.h>

#include <string>

#include "base/status_matchers.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

TEST(CpioWriterTest, AnEmptyArchiveIsItsTrailer) {
  EXPECT_EQ(CpioWriter().Finish().value(),
            std::string("070701"
                        "00000000000000000000000000000000"  // inode, mode, uid, gid
                        "00000001000000000000000000000000"  // links, time, size, major
                        "0000000000000000000000000000000B00000000"
                        "TRAILER!!!\0\0\0\0",
                        6 + 104 + 14));
}

TEST(CpioWriterTest, AFileIsItsHeaderNameAndContents) {
  CpioWriter writer;
  ASSERT_THAT(writer.AddFile("/a", {.permissions = 04644, .uid = 1000, .gid = 16}, "hello"),
              IsOk());
  const std::string archive = writer.Finish().value();
  EXPECT_EQ(archive.substr(0, 110),
            "070701"
            "00000001000089A4000003E800000010"
            "00000001000000000000000500000000"
            "0000000000000000000000000000000200000000");
  EXPECT_EQ(archive.substr(110, 10), std::string("a\0hello\0\0\0", 10));
  EXPECT_EQ(archive.size() % 4, 0u);
}

TEST(CpioWriterTest, TheOrderOfAddingDoesNotMatter) {
  CpioWriter one, two;
  ASSERT_THAT(one.AddDirectory("d", {}), IsOk());
  ASSERT_THAT(one.AddFile("d/f", {}, "x"), IsOk());
  ASSERT_THAT(one.AddDirectory("d-e", {}), IsOk());
  ASSERT_THAT(two.AddDirectory("/d-e/", {}), IsOk());
  ASSERT_THAT(two.AddFile("/d/f", {}, "x"), IsOk());
  ASSERT_THAT(two.AddDirectory("d/", {}), IsOk());
  EXPECT_EQ(one.Finish().value(), two.Finish().value());
}

TEST(CpioWriterTest, DevicesAndLinks) {
  CpioWriter writer;
  ASSERT_THAT(
      writer.AddDevice("console", {.permissions = 0600}, CpioWriter::DeviceKind::kCharacter, 5, 1),
      IsOk());
  ASSERT_THAT(writer.AddSymlink("init", "sbin/guest-agent"), IsOk());
  const std::string archive = writer.Finish().value();
  EXPECT_THAT(archive, HasSubstr("00002180"));  // a character device, 0600
  EXPECT_THAT(archive, HasSubstr("00000005000000010000000800000000console"));
  EXPECT_THAT(archive, HasSubstr("0000A1FF"));  // a link, 0777
  EXPECT_THAT(archive, HasSubstr(std::string("init\0\0sbin/guest-agent", 22)));
}

TEST(CpioWriterTest, NamesOfOneFileShareItsInodeAndTheLastHasTheContents) {
  CpioWriter writer;
  ASSERT_THAT(writer.AddFile("b", {}, "data"), IsOk());
  ASSERT_THAT(writer.AddHardLink("/c", "/b"), IsOk());
  ASSERT_THAT(writer.AddHardLink("a", "c"), IsOk());
  ASSERT_THAT(writer.AddFile("d", {}, ""), IsOk());
  const std::string archive = writer.Finish().value();
  const std::string owner = "000081ED0000000000000000";
  EXPECT_THAT(archive, HasSubstr("07070100000001" + owner + "000000030000000000000000"));
  EXPECT_THAT(archive, HasSubstr("07070100000001" + owner + "000000030000000000000004"));
  EXPECT_THAT(archive, HasSubstr("07070100000002" + owner + "000000010000000000000000"));
  EXPECT_LT(archive.find(std::string("c\0data", 6)), archive.find(std::string("d\0", 2)));
  EXPECT_THAT(
      writer.AddHardLink("e", "nothing"),
      StatusIs(absl::StatusCode::kNotFound, "cpio entry 'e': no file 'nothing' to link to"));
}

TEST(CpioWriterTest, RefusesPathsThatLeaveTheRoot) {
  CpioWriter writer;
  for (const std::string path : {"", "/", "..", "a/../b", "./a", "a//b", "/a/."}) {
    EXPECT_THAT(writer.AddFile(path, {}, ""),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'" + path + "'")));
  }
  EXPECT_THAT(writer.AddFile(std::string("a\0b", 3), {}, ""),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("NUL")));
  EXPECT_THAT(writer.AddFile("TRAILER!!!", {}, ""),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("end")));
  EXPECT_THAT(writer.AddSymlink("a", ""),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("target")));
}

TEST(CpioWriterTest, RefusesAPathTwice) {
  CpioWriter writer;
  ASSERT_THAT(writer.AddFile("a", {}, ""), IsOk());
  EXPECT_THAT(writer.AddDirectory("/a/", {}),
              StatusIs(absl::StatusCode::kAlreadyExists, "cpio entry '/a/': twice"));
}

TEST(CpioWriterTest, RefusesAnEntryWithoutItsDirectory) {
  CpioWriter writer;
  ASSERT_THAT(writer.AddFile("a/b", {}, ""), IsOk());
  EXPECT_THAT(writer.Finish(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                        "cpio entry 'a/b': its directory is not in the archive"));
  ASSERT_THAT(writer.AddFile("a", {}, ""), IsOk());
  EXPECT_THAT(writer.Finish(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("a/b")));
}

}  // namespace
}  // namespace voidbox
