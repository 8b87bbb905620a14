#include "image/builder/npm_package.h"

#include <fcntl.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"
#include "gtest/gtest.h"
#include "image/builder/fake_programs.h"
#include "image/builder/integrity.h"
#include "image/builder/tree_files.h"
#include "image/flavours/flavour_files.h"
#include "image/testing/tar_builder.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

// SHA-512 of "abc", FIPS 180-4's own example.
constexpr char kIntegrityOfAbc[] =
    "sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw"
    "==";

class NpmPackageTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(cache_); }
  void TearDown() override { std::filesystem::remove_all(cache_); }

  static std::string IntegrityOf(const std::string& path) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const auto integrity = Sha512Integrity(file.get(), [](uint64_t) { return absl::OkStatus(); });
    EXPECT_THAT(integrity, IsOk());
    return *integrity;
  }

  // Gives $FAKE/archive for every URL, which is its last argument; --output FILE stands before it.
  static constexpr char kCurl[] = R"(
    for url; do :; done
    while [ "$1" != --output ]; do shift; done
    echo half > "$2"
    cat "$FAKE/archive" > "$2" 2>/dev/null || { echo "curl: (22) 404" >&2; exit 22; }
    echo "$url" >> "$FAKE/fetched")";

  const std::string cache_ = ::testing::TempDir() + "/npm_cache";
  NoProgress progress_;
};

TEST_F(NpmPackageTest, IntegrityIsAsNpmWritesIt) {
  const std::string path = ::testing::TempDir() + "/abc";
  ASSERT_THAT(WriteFileAtomically(path, "abc"), IsOk());
  EXPECT_EQ(IntegrityOf(path), kIntegrityOfAbc);
}

TEST_F(NpmPackageTest, TheLockFilePinsWhatTheFlavoursTake) {
  for (const char* const name : {"@deno/linux-x64-glibc", "@anthropic-ai/claude-code-linux-x64"}) {
    const auto package = FindNpmPackage(kNpmLock, name);
    ASSERT_THAT(package, IsOk());
    EXPECT_FALSE(package->version.empty());
    EXPECT_EQ(package->integrity.size(), std::string(kIntegrityOfAbc).size());
  }
  EXPECT_EQ(FindNpmPackage(kNpmLock, "left-pad").status().code(), absl::StatusCode::kNotFound);
  for (const char* const bad : {"", "[]", "{\"a\": 1}", "{\"a\": {\"version\": \"1\"}}",
                                "{\"a\": {\"version\": \"1\", \"integrity\": \"sha1-x\"}}"}) {
    EXPECT_FALSE(FindNpmPackage(bad, "a").ok()) << bad;
  }
}

TEST_F(NpmPackageTest, FetchesAPackageOnce) {
  const FakePrograms programs({{"curl", kCurl}});
  ASSERT_THAT(WriteFileAtomically(programs.directory() + "/archive", "abc"), IsOk());
  ::setenv("npm_config_registry", "http://registry.example/npm/", 1);
  const NpmPackage package = {
      .name = "@scope/name", .version = "1.2", .integrity = kIntegrityOfAbc};
  for (int i = 0; i < 2; ++i) {
    const auto path = FetchNpmPackage(package, cache_, progress_);
    ASSERT_THAT(path, IsOk());
    EXPECT_EQ(*ReadFile(*path), "abc");
  }
  EXPECT_EQ(programs.Written("fetched"),
            "http://registry.example/npm/@scope/name/-/name-1.2.tgz\n");
  // One that was damaged in the cache is fetched again.
  ASSERT_THAT(WriteFileAtomically(*FetchNpmPackage(package, cache_, progress_), "abd"), IsOk());
  EXPECT_EQ(*ReadFile(*FetchNpmPackage(package, cache_, progress_)), "abc");
  ::unsetenv("npm_config_registry");
}

TEST_F(NpmPackageTest, RefusesAnotherFileThanTheLockFileSays) {
  const FakePrograms programs({{"curl", kCurl}});
  ASSERT_THAT(WriteFileAtomically(programs.directory() + "/archive", "evil"), IsOk());
  const auto path = FetchNpmPackage({.name = "name", .version = "1", .integrity = kIntegrityOfAbc},
                                    cache_, progress_);
  EXPECT_EQ(path.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(path.status().message(), HasSubstr("npm package name 1, http"));
  EXPECT_THAT(path.status().message(), HasSubstr("it is not the file"));
  EXPECT_TRUE(std::filesystem::is_empty(cache_));
}

TEST_F(NpmPackageTest, SaysWhyARegistryDoesNotGiveIt) {
  const FakePrograms programs({{"curl", kCurl}});
  const auto path = FetchNpmPackage({.name = "name", .version = "1", .integrity = kIntegrityOfAbc},
                                    cache_, progress_);
  EXPECT_EQ(path.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(path.status().message(), HasSubstr("/name/-/name-1.tgz: curl: (22) 404"));
  EXPECT_TRUE(std::filesystem::is_empty(cache_));
}

TEST_F(NpmPackageTest, UnpacksWhatNpmPacked) {
  const std::string archive = ::testing::TempDir() + "/package.tgz";
  ASSERT_THAT(
      WriteFileAtomically(
          archive,
          Pack(TarBuilder().Add({.name = "package/deno", .data = "program"}).Finish(), "gzip")),
      IsOk());
  const auto tree = UnpackNpmPackage(archive, "", progress_);
  ASSERT_THAT(tree, IsOk());
  EXPECT_EQ(*ReadText(*tree, "/package/deno"), "program");
  auto other = FileTree::Create();
  EXPECT_THAT(CopyFile(*tree, "package/deno", *other, "/bin/deno", {.permissions = 0755}), IsOk());
  EXPECT_EQ(*ReadText(*other, "/bin/deno"), "program");
  EXPECT_EQ(CopyFile(*tree, "package/none", *other, "/bin/none", {}).code(),
            absl::StatusCode::kNotFound);
}

TEST_F(NpmPackageTest, HasAPackageUrl) {
  EXPECT_EQ(DescribeNpmPackage({.name = "@scope/name", .version = "1", .integrity = "x"}).purl,
            "pkg:npm/%40scope/name@1");
}

}  // namespace
}  // namespace voidbox
