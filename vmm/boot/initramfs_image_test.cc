#include "vmm/boot/initramfs_image.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_matchers.h"
#include "vmm/boot/testing_images.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

std::string Entry(const std::string& name, const std::string& contents) {
  std::string entry = "070701";
  for (int field = 0; field < 13; ++field) {
    const size_t value = field == 6 ? contents.size() : field == 11 ? name.size() + 1 : 0;
    absl::StrAppendFormat(&entry, "%08x", value);
  }
  entry += name + '\0';
  entry.resize((entry.size() + 3) / 4 * 4);
  entry += contents;
  entry.resize((entry.size() + 3) / 4 * 4);
  return entry;
}

std::string Archive() {
  return Entry("init", "#!/bin/sh\n") + Entry("bin", "") + Entry("TRAILER!!!", "");
}

void ExpectRefused(const std::string& file, const std::string& message) {
  EXPECT_THAT(CheckInitramfs(AsBytes(file)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)));
}

TEST(CheckInitramfsTest, TakesArchivesInARowAndZeroesBetweenThem) {
  EXPECT_THAT(CheckInitramfs(AsBytes(Archive())), IsOk());
  EXPECT_THAT(CheckInitramfs(AsBytes(Archive() + std::string(400, '\0'))), IsOk());
  EXPECT_THAT(CheckInitramfs(AsBytes(Archive() + std::string(512, '\0') + Archive())), IsOk());
  EXPECT_THAT(CheckInitramfs(AsBytes(Archive() + "\x28\xb5\x2f\xfd...")), IsOk());
}

TEST(CheckInitramfsTest, TakesWhatTheKernelDecompresses) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"\x1f\x8b", "gzip"},         {"\x1f\x9e", "gzip"},         {"BZ", "bzip2"},
      {"\xfd\x37zXZ", "xz"},        {"\x89\x4c", "lzo"},          {"\x02\x21\x4c\x18", "lz4"},
      {"\x28\xb5\x2f\xfd", "zstd"}, {{"\x5d\x00\x00", 3}, "lzma"}};
  for (const auto& [magic, name] : cases) {
    for (const std::string& file : {magic, magic + "rest", Archive() + magic}) {
      const auto found = CheckInitramfs(AsBytes(file));
      ASSERT_THAT(found, IsOk()) << name;
      EXPECT_EQ(found->packing, name);
      EXPECT_TRUE(absl::StartsWith(file.substr(found->packed_at), magic)) << name;
    }
  }
  EXPECT_EQ(CheckInitramfs(AsBytes(Archive()))->packing, "");
  EXPECT_EQ(CheckInitramfs(AsBytes(Archive()))->packed_at, Archive().size());
}

TEST(CheckInitramfsTest, KnowsWhetherThereIsInit) {
  EXPECT_TRUE(CheckInitramfs(AsBytes(Archive()))->has_init);
  const auto has = [](const std::string& name) {
    return CheckInitramfs(AsBytes(Entry(name, "") + Entry("TRAILER!!!", "")))->has_init;
  };
  EXPECT_TRUE(has("/init"));
  EXPECT_TRUE(has("./init"));
  EXPECT_FALSE(has("sbin/init"));
  EXPECT_FALSE(has("init2"));
  EXPECT_FALSE(has(std::string("init\0x", 6)));
  EXPECT_TRUE(CheckInitramfs(AsBytes(Archive() + "\x1f\x8b"))->has_init);
  EXPECT_FALSE(CheckInitramfs(AsBytes("\x1f\x8b" + Archive()))->has_init);
}

TEST(CheckInitramfsTest, EveryTruncationIsSeen) {
  const std::string archive = Archive();
  // Without the padding behind the last name it is whole, for the kernel too.
  const size_t whole = archive.rfind('!') + 2;
  for (size_t size = 1; size < whole; ++size) {
    ExpectRefused(archive.substr(0, size), size < 6 ? "neither a cpio" : "truncated");
  }
  EXPECT_THAT(CheckInitramfs(AsBytes(archive.substr(0, whole))), IsOk());
}

TEST(CheckInitramfsTest, RefusesWhatIsNoArchive) {
  ExpectRefused("hello world", "'hello ' at byte 0 begins neither a cpio archive");
  ExpectRefused(std::string(100, '\0'), "nothing but zeroes");
  ExpectRefused("", "nothing but zeroes");
  ExpectRefused("\177ELF....", "neither");
  ExpectRefused(Archive() + "x", absl::StrCat("'x' at byte ", Archive().size()));
  std::string archive = Archive();
  archive.replace(archive.rfind("070701"), 6, "070700");
  ExpectRefused(archive, "where the archive goes on");
}

TEST(CheckInitramfsTest, RefusesImpossibleNumbers) {
  std::string archive = Archive();
  archive.replace(6 + 6 * 8, 8, "ffffffff");
  ExpectRefused(archive, "goes on behind the file's");
  archive = Archive();
  archive.replace(6 + 11 * 8, 8, "ffffffff");
  ExpectRefused(archive, "a name of 4294967295 bytes, expected 1 to 4096");
  archive.replace(6 + 11 * 8, 8, "00000000");
  ExpectRefused(archive, "a name of 0 bytes");
  archive.replace(6 + 11 * 8, 8, "-0000001");
  ExpectRefused(archive, "has '-0000001' where a number should be");
}

}  // namespace
}  // namespace voidbox
