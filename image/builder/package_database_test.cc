#include "image/builder/package_database.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(PackageDatabaseTest, TakesWhatDpkgSaysIsInstalled) {
  const auto packages = ParseDpkgStatus(
      "Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\n"
      "Version: 1:1.2.13\nDescription: compression\n Package: no field\n\n"
      "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n"
      "Package: half\nStatus: install ok half-installed\nVersion: 1\n\n\n"
      "Package: bash\nStatus: hold ok installed\nVersion: 5.2-1\n");
  ASSERT_THAT(packages, IsOk());
  ASSERT_EQ(packages->size(), 2);
  EXPECT_EQ((*packages)[0].name, "bash");
  EXPECT_EQ((*packages)[0].purl, "pkg:deb/debian/bash@5.2-1");
  EXPECT_EQ((*packages)[1].version, "1:1.2.13");
  EXPECT_EQ((*packages)[1].purl, "pkg:deb/debian/zlib1g@1:1.2.13?arch=amd64");
}

TEST(PackageDatabaseTest, TakesWhatApkHas) {
  const auto packages = ParseApkInstalled(
      "C:Q1abc=\nP:musl\nV:1.2.5-r0\nA:x86_64\nF:lib\nR:ld-musl-x86_64.so.1\n\n"
      "P:busybox\nV:1.36.1-r29\nA:x86_64\n\n");
  ASSERT_THAT(packages, IsOk());
  ASSERT_EQ(packages->size(), 2);
  EXPECT_EQ((*packages)[0].name, "busybox");
  EXPECT_EQ((*packages)[1].purl, "pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64");
}

TEST(PackageDatabaseTest, AnEmptyDatabaseHasNoPackages) {
  EXPECT_THAT(*ParseDpkgStatus(""), IsEmpty());
  EXPECT_THAT(*ParseApkInstalled("\n\n"), IsEmpty());
}

TEST(PackageDatabaseTest, RefusesPackagesWithoutProperNames) {
  for (const std::string& record :
       {std::string("V:1\n"), std::string("P:name\n"), std::string("P:two words\nV:1\n"),
        std::string("P:name\nV:\x01\n"), absl::StrCat("P:", std::string(256, 'x'), "\nV:1\n")}) {
    const auto packages = ParseApkInstalled(absl::StrCat("P:fine\nV:1\n\n", record));
    EXPECT_EQ(packages.status().code(), absl::StatusCode::kInvalidArgument) << record;
    EXPECT_THAT(packages.status().message(), HasSubstr("the package at line 4"));
  }
}

TEST(PackageDatabaseTest, RefusesMorePackagesThanThereAre) {
  std::string text;
  for (int i = 0; i <= 100'000; ++i) text += "P:a\nV:1\n\n";
  EXPECT_EQ(ParseApkInstalled(text).status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace voidbox
