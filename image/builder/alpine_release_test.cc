#include "image/builder/alpine_release.h"

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "image/builder/fake_programs.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

std::string Releases() {
  return absl::StrCat(
      "---\n-\n  title: \"Standard\"\n  flavor: alpine-standard\n  file: alpine-standard.iso\n"
      "  sha256: 00\n-\n  title: \"Mini root filesystem\"\n  version: 3.20.3\n"
      "  flavor: alpine-minirootfs\n  file: alpine-minirootfs-3.20.3-x86_64.tar.gz\n  sha256: ",
      Digest::Of("rootfs").hex(), "\n-\n  flavor: alpine-virt\n  file: alpine-virt.iso\n");
}

TEST(AlpineReleaseTest, FindsTheMinirootfs) {
  const auto rootfs = ParseAlpineReleases(Releases());
  ASSERT_THAT(rootfs, IsOk());
  EXPECT_EQ(rootfs->file, "alpine-minirootfs-3.20.3-x86_64.tar.gz");
  EXPECT_EQ(rootfs->digest, Digest::Of("rootfs"));
}

TEST(AlpineReleaseTest, RefusesListsThatDoNotHaveIt) {
  EXPECT_FALSE(ParseAlpineReleases("").ok());
  EXPECT_FALSE(ParseAlpineReleases("<html>not found</html>").ok());
  for (const char* const file : {"../../etc/passwd", "alpine-minirootfs-/../x.tar.gz", ""}) {
    EXPECT_FALSE(
        ParseAlpineReleases(
            absl::StrReplaceAll(Releases(), {{"alpine-minirootfs-3.20.3-x86_64.tar.gz", file}}))
            .ok())
        << file;
  }
  EXPECT_FALSE(
      ParseAlpineReleases(absl::StrReplaceAll(Releases(), {{Digest::Of("rootfs").hex(), "abc"}}))
          .ok());
}

class AlpineMirrorTest : public ::testing::Test {
 protected:
  // The last argument is the URL; --output FILE may stand before it.
  static constexpr char kCurl[] = R"(
    for url; do :; done
    while [ $# -gt 1 ] && [ "$1" != --output ]; do shift; done
    file=$FAKE/mirror/${url##*/}
    if [ ! -f "$file" ]; then
      [ "$1" != --output ] || echo half > "$2"
      echo "curl: (6) could not resolve host" >&2
      exit 6
    fi
    echo "$url" >> "$FAKE/fetched"
    if [ "$1" = --output ]; then cp "$file" "$2"; else cat "$file"; fi)";

  void SetUp() override {
    std::filesystem::remove_all(cache_);
    std::filesystem::create_directories(programs_.directory() + "/mirror");
  }
  void Serve(const std::string& name, const std::string& contents) {
    ASSERT_THAT(WriteFileAtomically(programs_.directory() + "/mirror/" + name, contents), IsOk());
  }

  const FakePrograms programs_{{{"curl", kCurl}}};
  const std::string cache_ = ::testing::TempDir() + "/alpine_cache";
  NoProgress progress_;
};

TEST_F(AlpineMirrorTest, FetchesTheMinirootfsOnce) {
  Serve("latest-releases.yaml", Releases());
  Serve("alpine-minirootfs-3.20.3-x86_64.tar.gz", "rootfs");
  for (int i = 0; i < 2; ++i) {
    const auto path = FetchAlpineRootfs("http://mirror.example/alpine", cache_, progress_);
    ASSERT_THAT(path, IsOk());
    EXPECT_EQ(*ReadFile(*path), "rootfs");
  }
  const std::string releases = "http://mirror.example/alpine/latest-stable/releases/x86_64/";
  EXPECT_EQ(programs_.Written("fetched"), absl::StrCat(releases, "latest-releases.yaml\n", releases,
                                                       "alpine-minirootfs-3.20.3-x86_64.tar.gz\n",
                                                       releases, "latest-releases.yaml\n"));
}

TEST_F(AlpineMirrorTest, RefusesAnotherFileThanTheListSays) {
  Serve("latest-releases.yaml", Releases());
  Serve("alpine-minirootfs-3.20.3-x86_64.tar.gz", "evil");
  EXPECT_EQ(FetchAlpineRootfs("http://mirror.example", cache_, progress_).status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_TRUE(std::filesystem::is_empty(cache_));
}

TEST_F(AlpineMirrorTest, LeavesNothingOfADownloadThatFails) {
  Serve("latest-releases.yaml", Releases());
  EXPECT_EQ(FetchAlpineRootfs("http://mirror.example", cache_, progress_).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_TRUE(std::filesystem::is_empty(cache_));
}

TEST_F(AlpineMirrorTest, SaysInOneLineThatTheMirrorCannotBeReached) {
  const auto path = FetchAlpineRootfs("http://nowhere.example", cache_, progress_);
  EXPECT_EQ(path.status(), absl::UnavailableError("Alpine mirror http://nowhere.example: curl: "
                                                  "(6) could not resolve host"));
}

}  // namespace
}  // namespace voidbox
