#include "image/builder/flavours.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/late_link_list.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "image/builder/image_builder.h"
#include "image/builder/tree_files.h"
#include "image/testing/tar_builder.h"

namespace voidbox {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> Names(const std::vector<Component>& components) {
  std::vector<std::string> names;
  for (const Component& component : components) names.push_back(component.name);
  return names;
}

class FlavoursTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.agent = ::testing::TempDir() + "/agent";
    options_.busybox = "/bin/busybox";
    options_.deno = false;  // it would be downloaded
    ASSERT_THAT(WriteFileAtomically(options_.agent, "the agent"), IsOk());
  }

  // A distribution with a program, and the traces of a machine.
  static std::string Base() {
    return TarBuilder()
        .Add({.name = "./etc/passwd", .data = "root:x:0:0:root:/root:/bin/bash\n"})
        .Add({.name = "./etc/group", .data = "root:x:0:\n"})
        .Add({.name = "./etc/machine-id", .data = "0123456789abcdef0123456789abcdef\n"})
        .Add({.name = "./usr/sbin/init", .data = "another init", .mode = 0755})
        .Add({.name = "./sbin", .type = '2', .data = "", .link = "usr/sbin"})
        .Add({.name = "./bin/tool", .data = "tool", .mode = 04755, .mtime = 4'000'000'000})
        .Add({.name = "./lib/apk/db/installed", .data = "P:musl\nV:1.2.5-r0\n\n"})
        .Add({.name = "./var/lib/dpkg/status",
              .data = "Package: dash\nStatus: install ok installed\nVersion: 0.5\n"})
        .Finish();
  }
  void UseBase(const std::string& tar) {
    options_.base_tarball = ::testing::TempDir() + "/base.tar";
    ASSERT_THAT(WriteFileAtomically(options_.base_tarball, tar), IsOk());
  }
  absl::StatusOr<Build> BuildFlavour(const std::string& name) {
    const auto flavour = FindFlavour(name);
    EXPECT_THAT(flavour, IsOk());
    return BuildTree(*flavour, options_, progress_);
  }

  BuildOptions options_;
  NoProgress progress_;
};

TEST_F(FlavoursTest, AreThese) {
  std::vector<std::string> names;
  for (const FlavourDefinition& flavour : Flavours()) names.push_back(flavour.name);
  EXPECT_THAT(names, ElementsAre("minimal", "debian", "alpine", "agents"));
  EXPECT_EQ(FindFlavour("arch").status(),
            absl::InvalidArgumentError(
                "there is no flavour 'arch'; there are minimal, debian, alpine, agents"));
}

// What every guest image has, whatever it is made of.
TEST_F(FlavoursTest, KeepTheGuestContract) {
  UseBase(Base());
  for (const std::string name : {"minimal", "debian", "alpine", "agents"}) {
    const auto build = BuildFlavour(name);
    ASSERT_THAT(build, IsOk()) << name;
    const FileTree& tree = build->tree;
    for (const char* const path : {"/sbin/guest-agent", "/sbin/init", "/init"}) {
      EXPECT_EQ(*ReadText(tree, path), "the agent") << name << path;
    }
    EXPECT_EQ(build->agent, Digest::Of("the agent"));
    EXPECT_THAT(*ReadText(tree, "/etc/passwd"),
                HasSubstr("\nuser:x:1000:1000:user:/home/user:/bin/sh\n"));
    EXPECT_THAT(*ReadText(tree, "/etc/group"), HasSubstr("\nuser:x:1000:\n"));
    const Inode* const home = tree.Find("/home/user");
    ASSERT_NE(home, nullptr);
    EXPECT_EQ(home->metadata.uid, 1000);
    EXPECT_EQ(home->metadata.gid, 1000);
    EXPECT_EQ(tree.Resolve("/workspace"), home);
    EXPECT_EQ(tree.Find("/home/user/bin/busybox")->metadata.uid, 0);
    EXPECT_EQ(tree.Find("/home/user/bin/sh")->symlink_target, "busybox");
    for (const auto& [node, minor] :
         std::map<std::string, uint32_t>{{"null", 3}, {"zero", 5}, {"full", 7}, {"urandom", 9}}) {
      const Inode* const inode = tree.Find("/home/user/dev/" + node);
      ASSERT_NE(inode, nullptr) << node;
      EXPECT_EQ(inode->type, FileType::kCharacterDevice);
      EXPECT_EQ(inode->device_major, 1);
      EXPECT_EQ(inode->device_minor, minor);
      EXPECT_EQ(inode->metadata.permissions, 0666);
    }
    EXPECT_THAT(*ReadText(tree, "/usr/local/bin/claude-code"), HasSubstr("claude-code plan"));
    EXPECT_THAT(Names(build->components), Contains("voidbox-guest-agent"));
  }
}

TEST_F(FlavoursTest, TheMinimalOneLeavesItsLinksToTheAgent) {
  const auto build = BuildFlavour("minimal");
  ASSERT_THAT(build, IsOk());
  EXPECT_EQ(build->tree.Find("/bin/sh")->symlink_target, "/bin/busybox");
  EXPECT_EQ(build->tree.Find("/bin/ls"), nullptr);
  const auto list = ReadText(build->tree, kLateLinkList);
  ASSERT_THAT(list, IsOk());
  EXPECT_THAT(*list, HasSubstr("/bin/busybox /bin/ls\n"));
  for (const char* const path : {" /bin/sh\n", " /bin/busybox\n", " /sbin/init\n", "linuxrc"}) {
    EXPECT_THAT(*list, Not(HasSubstr(path)));
  }
}

// BusyBox' ping wants a raw socket, which only root may have.
TEST_F(FlavoursTest, PingIsTheAgentUnlessTheImageHasAnother) {
  UseBase(Base());
  const auto minimal = BuildFlavour("minimal");
  ASSERT_THAT(minimal, IsOk());
  EXPECT_EQ(minimal->tree.Find("/bin/ping"), nullptr) << "an entry costs the boot time";
  const auto list = ReadText(minimal->tree, kLateLinkList);
  ASSERT_THAT(list, IsOk());
  EXPECT_THAT(*list, AllOf(HasSubstr("/sbin/guest-agent /bin/ping\n"),
                           HasSubstr("/sbin/guest-agent /bin/ping6\n"),
                           Not(HasSubstr("/bin/busybox /bin/ping"))));
  const auto debian = BuildFlavour("debian");
  ASSERT_THAT(debian, IsOk());
  EXPECT_EQ(debian->tree.Find("/bin/ping")->symlink_target, "/sbin/guest-agent");
  UseBase(TarBuilder()
              .Add({.name = "bin", .type = '2', .data = "", .link = "usr/bin"})
              .Add({.name = "usr/bin/ping", .data = "of iputils", .mode = 0755})
              .Add({.name = "usr/bin/ping6", .type = '2', .data = "", .link = "/bin/busybox"})
              .Finish());
  const auto other = BuildFlavour("alpine");
  ASSERT_THAT(other, IsOk());
  EXPECT_EQ(*ReadText(other->tree, "/bin/ping"), "of iputils");
  EXPECT_EQ(other->tree.Find("/usr/bin/ping6")->symlink_target, "/sbin/guest-agent");
}

TEST_F(FlavoursTest, ADistributionStaysAsItIsButForItsMachine) {
  UseBase(Base());
  const auto build = BuildFlavour("debian");
  ASSERT_THAT(build, IsOk());
  const Inode* const tool = build->tree.Find("/bin/tool");
  ASSERT_NE(tool, nullptr);
  EXPECT_EQ(tool->metadata.permissions, 04755);
  EXPECT_EQ(tool->metadata.mtime, kDefaultSourceDateEpoch);
  EXPECT_EQ(build->tree.Find("/etc/machine-id")->contents.size, 0);
  EXPECT_EQ(build->inputs[0].name, "base");
  EXPECT_EQ(build->inputs[0].digest, Digest::Of(Base()));
  EXPECT_EQ(build->components[0].name, "dash");
}

TEST_F(FlavoursTest, AlpinesPackagesAreKnown) {
  UseBase(Base());
  const auto build = BuildFlavour("alpine");
  ASSERT_THAT(build, IsOk());
  EXPECT_EQ(build->components[0].purl, "pkg:apk/alpine/musl@1.2.5-r0");
}

TEST_F(FlavoursTest, TheSameBaseInAnotherOrderGivesTheSameTree) {
  UseBase(TarBuilder()
              .Add({.name = "a", .data = "1", .mtime = 5})
              .Add({.name = "b/c", .data = "2", .mtime = 5})
              .Finish());
  const auto first = BuildFlavour("debian");
  UseBase(Pack(TarBuilder()
                   .Add({.name = "./b/c", .data = "2", .mtime = 5})
                   .Add({.name = "./a", .data = "1", .mtime = 5})
                   .Finish(),
               "zstd"));
  const auto second = BuildFlavour("debian");
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(first->tree.Digest(), second->tree.Digest());
}

TEST_F(FlavoursTest, WithoutBusyboxThereIsAGuestAllTheSame) {
  options_.busybox.clear();
  const auto build = BuildFlavour("minimal");
  ASSERT_THAT(build, IsOk());
  EXPECT_EQ(build->tree.Find("/bin/sh"), nullptr);
  EXPECT_NE(build->tree.Resolve("/init"), nullptr);
  EXPECT_THAT(Names(build->components), Not(Contains("busybox")));
}

TEST_F(FlavoursTest, SayWhatIsWrongWithABase) {
  UseBase("this is no archive");
  const auto no_archive = BuildFlavour("debian");
  EXPECT_THAT(no_archive.status().message(), HasSubstr(options_.base_tarball));
  UseBase(TarBuilder().Add({.name = "../evil", .data = ""}).Finish());
  EXPECT_THAT(BuildFlavour("alpine").status().message(), HasSubstr("'../evil'"));
  options_.base_tarball = "/nonexistent.tar";
  EXPECT_EQ(BuildFlavour("debian").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(FlavoursTest, AlpineNeedsAMirrorOrATarball) {
  EXPECT_EQ(BuildFlavour("alpine").status(),
            absl::InvalidArgumentError("the alpine flavour needs --mirror URL of an Alpine mirror, "
                                       "or --base FILE with a minirootfs tarball"));
}

TEST_F(FlavoursTest, AFileIsOfItsFlavoursForm) {
  EXPECT_TRUE(NamesFile("a/b.cpio.gz"));
  EXPECT_TRUE(NamesFile("rootfs.ext4"));
  EXPECT_FALSE(NamesFile("dist/images/debian"));
  const auto minimal = FindFlavour("minimal");
  EXPECT_EQ(BuildIntoFile(*minimal, options_, "/nonexistent/x.ext4", progress_).code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace voidbox
