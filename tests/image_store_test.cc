// What a user gets of `voidbox image` and `voidbox run --image`, on a machine with KVM or through
// the emulated host.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"
#include "gtest/gtest.h"
#include "image/testing/oci_layout.h"
#include "image/testing/tar_builder.h"
#include "tests/test_rootfs.h"
#include "tests/voidbox_process.h"

namespace voidbox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Result = VoidboxProcess::Result;

class ImageStoreCommandTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    home_ = UseOwnHome();
    runfiles_ = std::string(std::getenv("TEST_SRCDIR")) + "/voidbox";
  }
  static void TearDownTestSuite() { StopOwnHost(); }
  void SetUp() override {
    for (const std::string& name : Names()) Succeed({"rm", name});
  }

  static std::string kernel() { return runfiles_ + "/image/kernel/vmlinux"; }
  static std::string initramfs() { return runfiles_ + "/image/minimal.cpio"; }
  static Result Image(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "image");
    return RunVoidbox(arguments);
  }
  static Result Succeed(const std::vector<std::string>& arguments) {
    Result result = Image(arguments);
    EXPECT_EQ(result.exit_status, 0) << result.error;
    EXPECT_THAT(result.error, IsEmpty());  // no progress where nobody watches
    return result;
  }
  // The error of a command that must fail.
  static std::string Refusal(const std::vector<std::string>& arguments) {
    const Result result = Image(arguments);
    EXPECT_EQ(result.exit_status, 125) << result.output;
    return result.error;
  }
  static nlohmann::json Json(const std::vector<std::string>& arguments) {
    return nlohmann::json::parse(Succeed(arguments).output);
  }
  static std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const auto& image : Json({"ls"})) names.push_back(image.at("name"));
    return names;
  }
  static bool IsEmptyDirectory(const std::string& name) {
    return std::filesystem::is_empty(home_ + "/images/" + name);
  }
  // A root file system of no use, with a terabyte to copy: nobody sees the end of it.
  static std::string EndlessRootfs() {
    const std::string path = ::testing::TempDir() + "/endless.ext4";
    MakeTestRootfs({.path = path, .agent = runfiles_ + "/agent/guest-agent"});
    std::filesystem::resize_file(path, uint64_t{1} << 40);
    return path;
  }
  // An import of that, once it copies its second file.
  static std::unique_ptr<VoidboxProcess> StartEndlessImport() {
    const std::string incoming = home_ + "/images/incoming";
    std::filesystem::create_directories(incoming);
    const UniqueFd events(::inotify_init1(IN_CLOEXEC));
    EXPECT_GE(::inotify_add_watch(events.get(), incoming.c_str(), IN_CREATE), 0);
    auto import = std::make_unique<VoidboxProcess>(
        std::vector<std::string>{"image", "import", "endless", "--rootfs", EndlessRootfs()});
    while (!std::filesystem::exists(incoming + "/copy.1")) {
      char event[4096];
      if (::read(events.get(), event, sizeof(event)) <= 0) break;
    }
    return import;
  }
  // Waits until nobody uses an image: whoever does has a shared lock on its manifest.
  static void WaitUntilUnused(const std::string& name) {
    const std::string digest = ReadFile(home_ + "/images/names/" + name).value_or("");
    const std::string path = home_ + "/images/blobs/sha256/" + digest.substr(7, 64);
    const UniqueFd manifest(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(manifest) << path;
    ASSERT_EQ(::flock(manifest.get(), LOCK_EX), 0);
  }

  static std::string home_, runfiles_;
};
std::string ImageStoreCommandTest::home_;
std::string ImageStoreCommandTest::runfiles_;

TEST_F(ImageStoreCommandTest, ImportsListsInspectsExportsAndRemoves) {
  const nlohmann::json imported = Json(
      {"import", "mine", "--kernel", kernel(), "--initramfs", initramfs(), "--cmdline", "a=b"});
  EXPECT_EQ(imported.at("name"), "mine");
  EXPECT_EQ(Names(), std::vector<std::string>{"mine"});

  const nlohmann::json image = Json({"inspect", "mine"});
  EXPECT_EQ(image, imported);
  EXPECT_EQ(image.at("kernel").at("kind"), "vmlinux");
  EXPECT_EQ(image.at("kernel").at("bytes"), std::filesystem::file_size(kernel()));
  EXPECT_EQ(image.at("command_line"), "a=b");
  EXPECT_EQ(image.at("in_use"), false);
  std::string sum;
  ASSERT_EQ(RunProgram({"/usr/bin/sha256sum", initramfs()}, &sum), 0);
  EXPECT_EQ(image.at("initramfs").at("digest"), "sha256:" + sum.substr(0, 64));

  const std::string exported = ::testing::TempDir() + "/exported";
  Succeed({"export", "mine", exported});
  EXPECT_EQ(RunProgram({"/usr/bin/cmp", exported + "/vmlinux", kernel()}), 0);
  EXPECT_EQ(RunProgram({"/usr/bin/cmp", exported + "/initramfs.cpio", initramfs()}), 0);
  EXPECT_THAT(Refusal({"export", "mine", exported}), HasSubstr("is there already"));

  EXPECT_EQ(Json({"verify"}).at(0).at("whole"), true);
  EXPECT_GT(Json({"rm", "mine"}).at(0).at("freed_bytes"), 1 << 20);
  EXPECT_THAT(Names(), IsEmpty());
  EXPECT_TRUE(IsEmptyDirectory("blobs/sha256"));
  EXPECT_THAT(Refusal({"rm", "mine"}), HasSubstr("no image is called mine"));
}

TEST_F(ImageStoreCommandTest, PrintsTablesForPeople) {
  EXPECT_THAT(Succeed({"ls", "--format", "text"}).output, HasSubstr("No images yet"));
  Succeed({"import", "mine", "--initramfs", initramfs()});
  EXPECT_THAT(Succeed({"ls", "--format", "text"}).output,
              AllOf(HasSubstr("NAME  FLAVOUR   FORM "), HasSubstr("mine  imported  initramfs ")));
  EXPECT_THAT(Succeed({"inspect", "mine", "--format", "text"}).output,
              AllOf(HasSubstr("kernel       vmlinux, "), HasSubstr("memory       32.0 MiB")));
  EXPECT_THAT(Succeed({"verify", "--format", "text"}).output, HasSubstr("mine: whole\n"));
  EXPECT_THAT(Succeed({"rm", "mine", "--format", "text"}).output,
              HasSubstr("Removed mine, freed "));
}

TEST_F(ImageStoreCommandTest, RunBootsAnInitramfsOfTheStore) {
  Succeed({"import", "mine", "--initramfs", initramfs(), "--cmdline", "voidbox.test=1"});
  const Result result = RunVoidbox(
      {"run", "--image", "mine", "--cmdline", "voidbox.test=2", "--", "cat", "/proc/cmdline"});
  EXPECT_EQ(result.exit_status, 0) << result.error;
  EXPECT_THAT(result.output, HasSubstr(" voidbox.test=1 voidbox.test=2"));
}

TEST_F(ImageStoreCommandTest, RunBootsARootDiskOfTheStoreAndDoesNotWriteToIt) {
  const std::string rootfs = ::testing::TempDir() + "/rootfs.ext4";
  MakeTestRootfs({.path = rootfs, .agent = runfiles_ + "/agent/guest-agent"});
  Succeed({"import", "disk", "--rootfs", rootfs});
  for (int i = 0; i < 2; ++i) {
    const Result result =
        RunVoidbox({"run", "--user", "root", "--image", "disk", "--disk-size", "64M", "--", "sh",
                    "-c", "test ! -e /new && echo x >/new && sync && cat /new"});
    EXPECT_EQ(result.exit_status, 0) << result.error;
    EXPECT_EQ(result.output, "x\n");
  }
  EXPECT_EQ(Json({"verify", "disk"}).at(0).at("whole"), true);
}

TEST_F(ImageStoreCommandTest, RunsWhatAContainerImageNamesAsItsUserInItsDirectory) {
  TarBuilder layer;
  layer.Add({.name = "bin/busybox", .data = *ReadFile("/bin/busybox", 16 << 20), .mode = 0755})
      .Add({.name = "bin/sh", .type = '1', .data = "", .link = "bin/busybox"})
      .Add({.name = "etc/passwd", .data = "www:x:33:34::/:/bin/sh\n"})
      .Add({.name = "etc/group", .data = "staff:x:90:\n"});
  const std::string archive = ::testing::TempDir() + "/container.tar";
  const OciLayout layout =
      LayoutOf(layer.Finish(), R"({"User":"www:staff","WorkingDir":"srv/app",)"
                               R"("Env":["PATH=/bin","A=1\n2","BARE"],)"
                               R"("Entrypoint":["/bin/sh","-c"],)"
                               R"("Cmd":["busybox id -u; busybox id -g; pwd; echo >made; )"
                               R"(echo \"$A\""]})");
  ASSERT_THAT(WriteFileAtomically(archive, layout.Tar()), IsOk());
  Succeed({"import", "container", "--oci", archive});
  EXPECT_THAT(Succeed({"inspect", "container", "--format", "text"}).output,
              AllOf(HasSubstr("user         33:90\n"), HasSubstr("workdir      /srv/app\n"),
                    HasSubstr("env          A=1\\n2\n"), HasSubstr("[\"/bin/sh\",\"-c\"]\n"),
                    HasSubstr("command      [\"busybox id -u;")));
  const auto run = [](const std::vector<std::string>& rest) {
    std::vector<std::string> arguments = {"run", "--image", "container"};
    arguments.insert(arguments.end(), rest.begin(), rest.end());
    const Result result = RunVoidbox(arguments);
    EXPECT_EQ(result.exit_status, 0) << result.error;
    return result.output;
  };
  EXPECT_EQ(run({}), "33\n90\n/srv/app\n1\n2\n");
  EXPECT_EQ(run({"--", "busybox", "echo", "alone"}), "alone\n");
  EXPECT_EQ(run({"--entrypoint", "--", "echo behind the image\\'s"}), "behind the image's\n");
  EXPECT_EQ(run({"--entrypoint=busybox", "--", "echo", "behind"}), "behind\n");
  const Result nothing = RunVoidbox({"run", "--image", "container", "--entrypoint", ""});
  EXPECT_EQ(nothing.exit_status, 125);
  EXPECT_THAT(nothing.error, HasSubstr("no command to run"));
}

TEST_F(ImageStoreCommandTest, RefusesARootThatNothingCouldStartIn) {
  const std::string rootfs = ::testing::TempDir() + "/empty.ext4";
  ASSERT_EQ(RunProgram({"/sbin/mke2fs", "-q", "-t", "ext4", "-F", rootfs, "16M"}), 0);
  EXPECT_THAT(Refusal({"import", "empty", "--rootfs", rootfs}),
              AllOf(HasSubstr("rootfs " + rootfs), HasSubstr("/sbin/init is not there")));
}

TEST_F(ImageStoreCommandTest, AnImageInUseIsNotRemoved) {
  Succeed({"import", "mine", "--initramfs", initramfs()});
  {
    VoidboxProcess process({"run", "--image", "mine", "--", "sh", "-c", "echo up; read line"}, "",
                           /*close_input=*/false);
    ASSERT_TRUE(process.WaitForOutput("up\n"));
    EXPECT_THAT(Refusal({"rm", "mine"}), HasSubstr("mine is in use by a sandbox"));
    EXPECT_EQ(Json({"ls"}).at(0).at("in_use"), true);
    // Replacing it is no harm to who uses it.
    Succeed({"import", "mine", "--initramfs", initramfs(), "--cmdline", "new=1", "--force"});
    Succeed({"prune"});
    process.WriteInput("\n");
    EXPECT_EQ(process.Finish().exit_status, 0);
  }
  Succeed({"prune"});
  Succeed({"rm", "mine"});
  EXPECT_TRUE(IsEmptyDirectory("blobs/sha256"));
}

TEST_F(ImageStoreCommandTest, AKilledRunGivesItsImageBack) {
  Succeed({"import", "mine", "--initramfs", initramfs()});
  VoidboxProcess process({"run", "--image", "mine", "--", "sh", "-c", "echo up; sleep 1000"});
  ASSERT_TRUE(process.WaitForOutput("up\n"));
  process.Signal(SIGKILL);
  EXPECT_EQ(process.Finish().exit_status, 128 + SIGKILL);
  // On a machine with KVM its VMM ends some ms later, and holds the image until then.
  WaitUntilUnused("mine");
  Succeed({"rm", "mine"});
}

TEST_F(ImageStoreCommandTest, AnInterruptedImportLeavesNothing) {
  for (const int number : {SIGINT, SIGTERM}) {
    const auto import = StartEndlessImport();
    import->Signal(number);
    const Result result = import->Finish();
    EXPECT_EQ(result.exit_status, 128 + number);
    EXPECT_THAT(result.error, IsEmpty());
    EXPECT_THAT(Names(), IsEmpty());
    EXPECT_TRUE(IsEmptyDirectory("incoming"));
    EXPECT_TRUE(IsEmptyDirectory("blobs/sha256"));
  }
}

TEST_F(ImageStoreCommandTest, TheNextCommandRemovesWhatAKilledImportLeft) {
  const auto import = StartEndlessImport();
  import->Signal(SIGKILL);
  EXPECT_EQ(import->Finish().exit_status, 128 + SIGKILL);
  EXPECT_FALSE(IsEmptyDirectory("incoming"));
  EXPECT_THAT(Names(), IsEmpty());
  EXPECT_TRUE(IsEmptyDirectory("incoming"));
}

TEST_F(ImageStoreCommandTest, TwoImportsTakeTurnsAndReadersDoNotWait) {
  Succeed({"import", "old", "--initramfs", initramfs()});
  const auto first = StartEndlessImport();
  VoidboxProcess second({"image", "import", "new", "--initramfs", initramfs()});
  EXPECT_EQ(Names(), std::vector<std::string>{"old"});
  EXPECT_EQ(Json({"verify"}).size(), 1u);
  first->Signal(SIGINT);
  EXPECT_EQ(first->Finish().exit_status, 128 + SIGINT);
  const Result result = second.Finish();
  EXPECT_EQ(result.exit_status, 0) << result.error;
  EXPECT_EQ(Names(), (std::vector<std::string>{"new", "old"}));
}

TEST_F(ImageStoreCommandTest, RefusesBadInputBeforeAnythingIsStored) {
  const std::string text = ::testing::TempDir() + "/text";
  ASSERT_THAT(WriteFileAtomically(text, "hello"), IsOk());
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"import", "../x", "--initramfs", initramfs()}, "image name '../x'"},
      {{"import", "x"}, "--initramfs or --rootfs"},
      {{"import", "x", "--initramfs", text}, "initramfs " + text},
      {{"import", "x", "--rootfs", text}, "rootfs " + text},
      {{"import", "x", "--kernel", text, "--initramfs", initramfs()}, "kernel " + text},
      {{"import", "x", "--kernel", "/nonexistent", "--initramfs", initramfs()}, "/nonexistent"},
      {{"import", "x", "--initramfs", initramfs(), "--memory", "lots"}, "lots"},
      {{"inspect", "../x"}, "image name '../x'"},
      {{"inspect", "x"}, "no image is called x"},
      {{"verify", "x"}, "no image is called x"},
      {{"export", "x", "/tmp/y"}, "no image is called x"},
      {{"bogus"}, "bogus"},
      {{}, "ubcommand"},
  };
  for (const auto& [arguments, expected] : cases) {
    EXPECT_THAT(Refusal(arguments), AllOf(HasSubstr(expected), HasSubstr("voidbox: error: ")));
  }
  EXPECT_THAT(Names(), IsEmpty());
  for (const auto& [flags, expected] :
       std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"--image", "x"}, "no image is called x"},
           {{"--image", "x", "--initramfs", initramfs()}, "--image"}}) {
    std::vector<std::string> arguments = {"run"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    arguments.insert(arguments.end(), {"--", "true"});
    const Result result = RunVoidbox(arguments);
    EXPECT_EQ(result.exit_status, 125);
    EXPECT_THAT(result.error, HasSubstr(expected));
  }
}

}  // namespace
}  // namespace voidbox
