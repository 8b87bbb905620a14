#include "image/builder/debian_base.h"

#include <unistd.h>

#include <string>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "image/builder/fake_programs.h"
#include "image/builder/tree_files.h"
#include "image/testing/tar_builder.h"

namespace voidbox {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

// Drops its own options, up to the first word that is none.
constexpr char kUnshare[] = R"(while [ "${1#--}" != "$1" ]; do shift; done; exec "$@")";

TEST(PackageListTest, HasAPackageALine) {
  EXPECT_THAT(ParsePackageList("# comment\n\n git \ncurl  # why\n"), ElementsAre("git", "curl"));
}

TEST(DebianBaseTest, RunsMmdebstrapAndTakesItsArchive) {
  const FakePrograms programs({{"unshare", kUnshare},
                               {"mmdebstrap",
                                "echo \"$@\" > $FAKE/arguments; "
                                "echo $SOURCE_DATE_EPOCH $TZ > $FAKE/environment; "
                                "cat $FAKE/archive"}});
  ASSERT_THAT(WriteFileAtomically(
                  programs.directory() + "/archive",
                  TarBuilder()
                      .Add({.name = "./etc/debian_version", .data = "12.1\n"})
                      .Add({.name = "./dev/null", .type = '3', .data = "", .major = 1, .minor = 3})
                      .Finish()),
              IsOk());
  auto tree = FileTree::Create();
  ASSERT_THAT(tree, IsOk());
  NoProgress progress;
  EXPECT_THAT(AddDebian({.packages = {"git", "curl"},
                         .mirror = "http://mirror.example/debian",
                         .source_date_epoch = 1234},
                        *tree, progress),
              IsOk());
  EXPECT_EQ(*ReadText(*tree, "/etc/debian_version"), "12.1\n");
  EXPECT_EQ(tree->Find("/dev/null"), nullptr);
  const std::string arguments = programs.Written("arguments");
  EXPECT_THAT(arguments, HasSubstr(::geteuid() == 0 ? "--mode=root " : "--mode=unshare "));
  EXPECT_THAT(arguments, HasSubstr(" --variant=minbase "));
  EXPECT_THAT(arguments, HasSubstr(" --include=git,curl "));
  EXPECT_THAT(arguments, EndsWith(" bookworm - http://mirror.example/debian\n"));
  EXPECT_EQ(programs.Written("environment"), "1234 UTC\n");
}

TEST(DebianBaseTest, MmdebstrapsOwnErrorIsTheReason) {
  const FakePrograms programs(
      {{"unshare", kUnshare}, {"mmdebstrap", "echo E: no such suite >&2; exit 25"}});
  auto tree = FileTree::Create();
  ASSERT_THAT(tree, IsOk());
  NoProgress progress;
  const absl::Status status = AddDebian({}, *tree, progress);
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(status.message(), "mmdebstrap ended with exit status 25:\nE: no such suite");
}

TEST(DebianBaseTest, FallsBackToFakechroot) {
  const FakePrograms programs({{"unshare", "exit 1"},
                               {"fakechroot", ""},
                               {"fakeroot", ""},
                               {"mmdebstrap", "echo \"$@\" > $FAKE/arguments; exit 1"}});
  auto tree = FileTree::Create();
  ASSERT_THAT(tree, IsOk());
  NoProgress progress;
  EXPECT_EQ(AddDebian({}, *tree, progress).code(), absl::StatusCode::kAborted);
  EXPECT_THAT(programs.Written("arguments"), HasSubstr("--mode=fakechroot "));
}

TEST(DebianBaseTest, RemovesWhatDiffersFromMachineToMachine) {
  auto tree = FileTree::Create();
  ASSERT_THAT(tree, IsOk());
  for (const char* const file :
       {"/etc/machine-id", "/etc/hostname", "/etc/resolv.conf", "/etc/passwd-",
        "/var/log/apt/history.log", "/var/lib/apt/lists/x_Packages", "/var/cache/apt/pkgcache.bin",
        "/var/cache/ldconfig/aux-cache", "/var/lib/dpkg/status-old", "/tmp/left",
        "/usr/share/python3/debpython/__pycache__/files.cpython-311.pyc"}) {
    ASSERT_THAT(AddText(*tree, file, {}, "of this machine"), IsOk());
  }
  ASSERT_THAT(AddText(*tree, "/var/lib/dpkg/status", {}, "stays"), IsOk());
  EXPECT_THAT(RemoveTracesOfBuild(*tree), IsOk());
  EXPECT_THAT(tree->Visit([&](absl::string_view path, const Inode& inode) {
    if (inode.type == FileType::kRegular) {
      EXPECT_NE(*tree->spool().ReadAll(inode.contents, 4096), "of this machine") << path;
    }
    return absl::OkStatus();
  }),
              IsOk());
  EXPECT_EQ(*ReadText(*tree, "/var/lib/dpkg/status"), "stays");
  EXPECT_EQ(tree->Find("/etc/machine-id")->contents.size, 0);
  EXPECT_EQ(*ReadText(*tree, "/etc/hostname"), "voidbox\n");
  EXPECT_NE(tree->Find("/var/log"), nullptr);
}

}  // namespace
}  // namespace voidbox
