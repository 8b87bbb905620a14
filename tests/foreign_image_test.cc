// Container images as other tools write them, with what is odd in each, imported and booted.
#include <cstdlib>
#include <string>
#include <vector>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "image/testing/oci_layout.h"
#include "image/testing/tar_builder.h"
#include "tests/voidbox_process.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

class ForeignImageTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { UseOwnHome(); }
  static void TearDownTestSuite() { StopOwnHost(); }

  // BusyBox, as kaniko and ko write a layer: every name with a slash in front.
  static TarBuilder Base() {
    TarBuilder base;
    base.Add({.name = "/", .type = '5', .mode = 0755});
    base.Add({.name = "/bin/busybox", .data = ReadFile("/bin/busybox").value(), .mode = 0755});
    for (const char* const name : {"sh", "cat", "stat", "id", "ls", "touch"}) {
      base.Add({.name = std::string("/bin/") + name, .type = '2', .link = "busybox"});
    }
    base.Add({.name = "/usr/lib", .type = '5', .mode = 0755});
    base.Add({.name = "/lib", .type = '2', .link = "usr/lib"});
    base.Add({.name = "/etc/x", .data = "etc\n"});
    base.Add({.name = "/srv", .data = "a file here, a directory above"});
    return base;
  }
  static std::string Write(const std::string& name, const std::string& bytes) {
    const std::string path = ::testing::TempDir() + "/" + name;
    EXPECT_THAT(WriteFileAtomically(path, bytes), IsOk());
    return path;
  }
  static void ExpectOutput(const std::vector<std::string>& arguments, const std::string& output) {
    const VoidboxProcess::Result result = RunVoidbox(arguments);
    EXPECT_EQ(result.exit_status, 0) << result.error;
    EXPECT_EQ(result.output, output) << result.error;
  }
};

TEST_F(ForeignImageTest, AnImageWithEverythingThatOtherReadersTakeBoots) {
  const std::string acl = "user::rw-,user:1000:r--,group::---,mask::r--,other::---";
  TarBuilder base = Base();
  base.Add({.name = "old", .data = "", .pax = {{"mtime", "-77.5"}}});
  base.Add({.name = "new", .data = "", .pax = {{"mtime", "4102444800"}}});
  base.Add({.name = "acl", .data = "acl\n", .mode = 0640, .pax = {{"SCHILY.acl.access", acl}}});
  base.Add({.name = "x", .data = "composed\n", .pax = {{"path", "\xc3\xa9"}}});
  base.Add({.name = "x", .data = "two marks\n", .pax = {{"path", "e\xcc\x81"}}});
  base.Add({.name = "x", .data = "no UTF-8\n", .pax = {{"path", "\xff"}}});
  base.Add({.name = "large",
            .data = "large\n",
            .pax = {{"SCHILY.xattr.user.large", std::string(20'000, 'x')}}});
  const std::string upper =
      TarBuilder()
          .Add({.name = "lib/sub/l", .type = '2', .link = "../../../../etc/x"})
          .Add({.name = "/srv/hard", .type = '1', .link = "/etc/x"})
          .Add({.name = "srv/below", .data = "below\n"})
          .WithoutEnd();
  const std::string unpadded = upper.substr(0, upper.size() - (512 - 6));
  const std::string image = Write(
      "odd.tar", DockerArchive("config.json", DockerConfig({base.Finish(), unpadded, ""}, ""),
                               {Pack(base.Finish(), "gzip"), unpadded, Pack("", "gzip")}, "a:b"));
  const VoidboxProcess::Result imported =
      RunVoidbox({"image", "import", "odd", "--oci", "-"}, ReadFile(image, 64 << 20).value());
  ASSERT_EQ(imported.exit_status, 0) << imported.error;
  ExpectOutput(
      {"run", "--image", "odd", "--", "sh", "-c",
       "cat /lib/sub/l /srv/hard /srv/below /large; stat -c %Y /old /new;"
       "cat /acl \"$(printf '/\\303\\251')\" \"$(printf '/e\\314\\201')\" "
       "\"$(printf '/\\377')\"; id -u"},
      "etc\netc\nbelow\nlarge\n-78\n4102444800\nacl\ncomposed\ntwo marks\nno UTF-8\n1000\n");
}

TEST_F(ForeignImageTest, ItsUserIsInHisGroupsAndItsVolumesAreThere) {
  const std::string layer =
      Base()
          .Add({.name = "etc/passwd", .data = "app:x:70:71::/srv/app:/bin/sh\n"})
          .Add({.name = "etc/group", .data = "video:x:44:app\nother:x:45:user\nlast:x:46:x,app"})
          .Finish();
  const std::string image =
      Write("groups.tar", LayoutOf(layer, R"({"User":"70","Volumes":{"/data/v":{}}})").Tar());
  const VoidboxProcess::Result imported = RunVoidbox({"image", "import", "groups", "--oci", image});
  ASSERT_EQ(imported.exit_status, 0) << imported.error;
  ExpectOutput({"run", "--image", "groups", "--", "sh", "-c", "id -u; id -G; ls -d /data/v"},
               "70\n71 44 46\n/data/v\n");
}

// mysql, postgres, apache and sshd make the directories of their sockets in the image.
TEST_F(ForeignImageTest, WhatAnImageHasBelowRunAndTmpIsThereAtRunTime) {
  TarBuilder base = Base();
  base.Add({.name = "run", .type = '5', .mode = 0755});
  base.Add({.name = "run/mysqld", .type = '5', .mode = 01777});
  base.Add({.name = "run/app/conf", .data = "conf\n", .mode = 0600, .uid = 33, .gid = 34});
  base.Add({.name = "run/app/link", .type = '2', .link = "conf"});
  base.Add({.name = "var/lock", .type = '2', .link = "/run/lock"});
  base.Add({.name = "tmp", .type = '5', .mode = 01777});
  base.Add({.name = "tmp/keep", .data = "kept\n"});
  const VoidboxProcess::Result imported = RunVoidbox(
      {"image", "import", "mounts", "--oci",
       Write("mounts.tar", DockerArchive("config.json", DockerConfig({base.Finish()}, ""),
                                         {base.Finish()}, "a:b"))});
  ASSERT_EQ(imported.exit_status, 0) << imported.error;
  ExpectOutput({"run", "--image", "mounts", "--user", "root", "--", "sh", "-c",
                "stat -c '%a %u:%g %n' /run/mysqld /run/app/conf; cat /run/app/link /tmp/keep"},
               "1777 0:0 /run/mysqld\n600 33:34 /run/app/conf\nconf\nkept\n");
  // For the user too, and nobody had to make /run/lock.
  ExpectOutput({"run", "--image", "mounts", "--", "sh", "-c",
                "id -u; touch /run/mysqld/s /var/lock/l /tmp/t && cat /tmp/keep"},
               "1000\nkept\n");
}

TEST_F(ForeignImageTest, OneOfSeveralImagesBesideTheirSignaturesBoots) {
  OciLayout layout;
  const auto image = [&](const std::string& name) {
    return layout.AddImage(
        {Base().Finish(), TarBuilder().Add({.name = "is", .data = name + "\n"}).Finish()}, "zstd",
        "amd64",
        R"(,"annotations":{"io.containerd.image.name":"docker.io/library/)" + name +
            R"(:latest","org.opencontainers.image.ref.name":"latest"})");
  };
  const std::string empty = layout.AddBlob("{}", "application/vnd.oci.empty.v1+json");
  const std::string signature = layout.AddBlob(
      R"({"schemaVersion":2,"config":)" + empty + R"(,"layers":[)" +
          layout.AddBlob("s", "application/vnd.dev.cosign.simplesigning.v1+json") + "]}",
      "application/vnd.oci.image.manifest.v1+json");
  layout.SetIndex({image("app"), signature, image("db")});
  const std::string archive = Write("two.tar", layout.Tar());
  const VoidboxProcess::Result unclear = RunVoidbox({"image", "import", "two", "--oci", archive});
  EXPECT_EQ(unclear.exit_status, 125);
  EXPECT_THAT(unclear.error, HasSubstr("'latest, docker.io/library/db:latest' for linux/amd64"));
  const VoidboxProcess::Result imported =
      RunVoidbox({"image", "import", "two", "--oci", archive, "--ref", "db"});
  ASSERT_EQ(imported.exit_status, 0) << imported.error;
  ExpectOutput({"run", "--image", "two", "--", "cat", "/is"}, "db\n");
}

TEST_F(ForeignImageTest, AnImageGivenAsATarIsRefusedWithAWord) {
  OciLayout layout;
  layout.SetIndex({layout.AddImage({Base().Finish()})});
  layout.files["oci-layout"] = "{}";
  const VoidboxProcess::Result result =
      RunVoidbox({"image", "import", "no", "--tar", Write("image.tar", layout.Tar())});
  EXPECT_EQ(result.exit_status, 125);
  EXPECT_THAT(result.error, HasSubstr("is a container image, not a root file system"));
}

}  // namespace
}  // namespace voidbox
