#include "image/compress.h"

#include <unistd.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

// The tools that stand for the kernel's decompressors, by name.
const std::vector<std::pair<std::string, std::string>> kTools = {
    {".gz", "gzip"}, {".lz4", "lz4"}, {".zst", "zstd"}};

TEST(CompressTest, MakesWhatTheToolsUnpack) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/compress-", ::getpid());
  std::string large;
  for (int i = 0; large.size() < (9 << 20); ++i) large += absl::StrCat(i % 1000, " ");
  for (const auto& [ending, tool] : kTools) {
    for (const std::string& data : {std::string("x"), large}) {
      const std::string packed = Compress(data, CompressionOfName("a" + ending)).value();
      ASSERT_THAT(WriteFileAtomically(path, packed), IsOk());
      ASSERT_EQ(std::system(absl::StrCat(tool, " -dc < ", path, " > ", path, ".out").c_str()), 0);
      EXPECT_TRUE(ReadFile(path + ".out").value() == data) << tool;
      EXPECT_EQ(Compress(data, CompressionOfName(ending)).value(), packed);
    }
  }
  ::unlink(path.c_str());
  ::unlink((path + ".out").c_str());
}

TEST(CompressTest, AGzipHeaderHasNoTime) {
  EXPECT_EQ(Compress("x", Compression::kGzip).value().substr(3, 5), std::string(5, '\0'));
}

TEST(CompressTest, Lz4IsTheLegacyFormatThatTheKernelKnows) {
  EXPECT_EQ(Compress("x", Compression::kLz4).value().substr(0, 4), "\x02\x21\x4c\x18");
}

TEST(CompressTest, NoEndingMeansNone) {
  EXPECT_EQ(CompressionOfName("initramfs.cpio"), Compression::kNone);
  EXPECT_EQ(Compress("data", Compression::kNone).value(), "data");
}

}  // namespace
}  // namespace voidbox
