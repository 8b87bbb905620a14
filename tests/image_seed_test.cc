// What the guest's two specifications say of its image, sentence by sentence: images are built and
// guests booted from them as a user does it.
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "tests/test_rootfs.h"
#include "tests/voidbox_process.h"

namespace voidbox {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Result = VoidboxProcess::Result;

class ImageSeedTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    work_ = ::testing::TempDir() + "/image_seed";
    std::filesystem::create_directories(work_ + "/home");
    runfiles_ = std::string(std::getenv("TEST_SRCDIR")) + "/voidbox";
    ::setenv("VOIDBOX_HOME", (work_ + "/home").c_str(), 1);
    ::setenv("XDG_CACHE_HOME", (work_ + "/cache").c_str(), 1);
    ::setenv("VOIDBOX_HOST_IDLE", "300", 1);                         // should this test be killed
    ::setenv("VOIDBOX", (runfiles_ + "/tools/voidbox").c_str(), 1);  // of the scripts
    ::setenv("BASE", runfiles_.c_str(), 1);
    for (const char* const distribution : {"musl", "debian"}) {
      std::string output;
      ASSERT_EQ(
          RunProgram({runfiles_ + "/tests/make_base_tarball.sh", distribution, Base(distribution)},
                     &output),
          0)
          << output;
    }
    Build({"alpine", "--base", Base("musl")});
    Build({"debian", "--base", Base("debian"), "--no-deno"});
    Build({"minimal"});
  }
  static void TearDownTestSuite() {
    StopOwnHost();
    std::filesystem::remove_all(work_);
  }

  static std::string Base(const std::string& distribution) {
    return absl::StrCat(work_, "/", distribution, ".tar");
  }
  static Result Build(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"image", "build"});
    Result result = RunVoidbox(arguments);
    EXPECT_EQ(result.exit_status, 0) << result.error;
    return result;
  }
  // In a guest of an image of the store; must succeed.
  static std::string InGuest(const std::string& image, const std::string& script) {
    const Result result =
        RunVoidbox({"run", "--user", "root", "--image", image, "--", "sh", "-c", script});
    EXPECT_EQ(result.exit_status, 0) << image << ": " << result.error;
    return result.output;
  }
  static std::string Script(const std::string& environment, const std::string& script) {
    std::string output;
    EXPECT_EQ(RunProgram(
                  {"/bin/sh", "-c", absl::StrCat(environment, " ", runfiles_, "/scripts/", script)},
                  &output),
              0)
        << output;
    return output;
  }

  static std::string work_;
  static std::string runfiles_;
};
std::string ImageSeedTest::work_;
std::string ImageSeedTest::runfiles_;

// --- "Guest image design": the initramfs ---

// "Init process: /init that starts the guest-agent (PID 1)." "Guest-agent: /sbin/guest-agent."
// "proc, sys, dev, tmp: created by guest-agent or init." "Layout."
TEST_F(ImageSeedTest, InitStartsTheGuestAgentAsPid1AndTheLayoutIsThere) {
  EXPECT_EQ(InGuest("minimal", R"sh(
      readlink /init; cat /proc/1/comm; cmp /proc/1/exe /sbin/guest-agent && echo the agent
      for path in /init /sbin/guest-agent /bin/sh /usr/local/bin/claude-code; do
        test -x $path || echo $path is not there
      done
      for mounted in /proc /sys /dev /tmp; do
        grep -q " $mounted " /proc/mounts || echo $mounted is not mounted
      done)sh"),
            "/sbin/guest-agent\ninit\nthe agent\n");
}

// "For the agent to run sh, echo, cat, tr, etc., the rootfs should include a minimal userland."
TEST_F(ImageSeedTest, ShEchoCatAndTrWork) {
  EXPECT_EQ(InGuest("minimal", "echo hello | cat | tr a-z A-Z; sh -c 'echo in a shell'"),
            "HELLO\nin a shell\n");
}

// "Optional Claude Code mock: /usr/local/bin/claude-code for workflow demos."
TEST_F(ImageSeedTest, TheClaudeCodeMockPlansAndApplies) {
  const std::string output = InGuest("minimal", R"sh(
      cd /tmp && claude-code plan /workspace > plan && cat plan && claude-code apply /workspace < plan
      claude-code; echo status $?; claude-code apply < /dev/null; echo status $?)sh");
  const size_t end = output.find("\n}\n") + 3;
  const auto plan = nlohmann::json::parse(output.substr(0, end));
  EXPECT_THAT(plan.at("summary"), HasSubstr("/workspace"));
  EXPECT_FALSE(plan.at("actions").empty());
  EXPECT_EQ(output.substr(end), "applied 7 lines in /workspace\nstatus 1\nstatus 1\n");
}

// "Script: scripts/build_guest_image.sh builds the rootfs and produces an initramfs (cpio.gz)."
// "OUT_DIR=/tmp/my-rootfs OUT_CPIO=/tmp/my.cpio.gz", "BUSYBOX=/path/to/busybox".
TEST_F(ImageSeedTest, TheScriptBuildsTheInitramfsThatItsVariablesSay) {
  const std::string cpio = work_ + "/my/image.cpio.gz", directory = work_ + "/my/rootfs";
  const std::string busybox = work_ + "/my-busybox";
  std::filesystem::copy_file("/bin/busybox", busybox);
  Script(absl::StrCat("OUT_DIR=", directory, " OUT_CPIO=", cpio, " BUSYBOX=", busybox),
         "build_guest_image.sh");
  EXPECT_EQ(*ReadFile(directory + "/bin/busybox"), *ReadFile(busybox));
  EXPECT_EQ(std::filesystem::read_symlink(directory + "/init"), "/sbin/guest-agent");
  EXPECT_LT(std::filesystem::file_size(cpio), 3'000'000);
  const Result result =
      RunVoidbox({"run", "--initramfs", cpio, "--", "sh", "-c", "echo booted | tr a-z A-Z"});
  EXPECT_EQ(result.output, "BOOTED\n") << result.error;
}

// "Without it, the VM may boot but commands like echo will not be available."
TEST_F(ImageSeedTest, WithoutBusyboxTheVmBootsAndSaysThatThereAreNoCommands) {
  const std::string cpio = work_ + "/no_busybox.cpio.gz";
  const Result build = Build({"minimal", "--no-busybox", "--out", cpio});
  EXPECT_THAT(build.error, HasSubstr("the guest has no shell and no commands"));
  const Result none = RunVoidbox({"run", "--initramfs", cpio, "--", "echo", "hello"});
  EXPECT_EQ(none.exit_status, 127) << none.error;
  EXPECT_THAT(none.error, HasSubstr("echo"));
}

// "default /tmp/void-box-rootfs.cpio.gz" is what the script says of itself.
TEST_F(ImageSeedTest, TheScriptsDefaultIsThatOfTheSpecification) {
  EXPECT_THAT(*ReadFile(runfiles_ + "/scripts/build_guest_image.sh"),
              HasSubstr("${OUT_CPIO:-/tmp/void-box-rootfs.cpio.gz}"));
}

// "scripts/run_kvm_tests.sh can call build_guest_image.sh": what it hands to the tests' guests is
// tried in agent_guest_test.

// --- "Guest image (kernel + rootfs)" ---

// "boots microVMs from a kernel (vmlinux) plus a root filesystem (rootfs.ext4)."
// "./scripts/build-guest-image.sh", with OUT_DIR.
TEST_F(ImageSeedTest, TheOtherScriptBuildsKernelAndRootfsThatBoot) {
  const std::string directory = work_ + "/debian";
  Script(absl::StrCat("OUT_DIR=", directory),
         absl::StrCat("build-guest-image.sh debian --no-deno --base ", Base("debian")));
  const Result result =
      RunVoidbox({"run", "--kernel", directory + "/vmlinux", "--rootfs", directory + "/rootfs.ext4",
                  "--", "/bin/sh", "-c", "cat /etc/debian_version && uname -r"});
  EXPECT_EQ(result.exit_status, 0) << result.error;
  // The base is of this machine's packages.
  EXPECT_THAT(result.output,
              AllOf(StartsWith(*ReadFile("/etc/debian_version")), EndsWith("-voidbox\n")));
}

// "A working /sbin/init (PID 1)": "mounting /proc, /sys, /dev", "bringing up loopback (lo)",
// "starting the guest agent".
TEST_F(ImageSeedTest, SbinInitMountsBringsUpLoopbackAndIsTheAgent) {
  for (const std::string image : {"debian", "alpine"}) {
    EXPECT_EQ(InGuest(image, R"sh(
        cat /proc/1/comm
        for mounted in / /proc /sys /dev; do
          grep -q " $mounted " /proc/mounts || echo $mounted is not mounted
        done
        cat /sys/class/net/lo/operstate /sys/class/net/lo/flags)sh"),
              "init\nunknown\n0x9\n")
        << image;
  }
}

// "bringing up loopback (lo) so 127.0.0.1 works", for the user too.
TEST_F(ImageSeedTest, PingWorksForTheUser) {
  for (const std::string image : {"minimal", "debian", "alpine"}) {
    for (const char* const address : {"127.0.0.1", "::1"}) {
      const Result result =
          RunVoidbox({"run", "--image", image, "--", "ping", "-c1", "-W30", address});
      EXPECT_EQ(result.exit_status, 0) << image << ": " << result.error;
      EXPECT_THAT(result.output, HasSubstr("1 packets received, 0% packet loss")) << image;
    }
  }
}

// "The guest image creates a user `user` with uid/gid 1000 and a home directory /home/user."
TEST_F(ImageSeedTest, UserHasUidAndGid1000AndAHome) {
  for (const std::string image : {"minimal", "debian", "alpine"}) {
    EXPECT_EQ(InGuest(image, R"sh(
        grep ^user: /etc/passwd /etc/group
        cd /workspace && pwd -P
        /home/user/bin/busybox stat -c '%u:%g %a' /home/user)sh"),
              "/etc/passwd:user:x:1000:1000:user:/home/user:/bin/sh\n/etc/group:user:x:1000:\n"
              "/home/user\n1000:1000 755\n")
        << image;
  }
}

// "exec runs chrooted to /home/user (so /etc, /proc, /usr, etc. are not visible to untrusted
// code)". "/home/user/bin/busybox plus symlinks", "minimal /home/user/dev/* nodes like null, zero,
// urandom, etc."
TEST_F(ImageSeedTest, TheToolchainAndTheNodesInHomeUserWorkInAChroot) {
  EXPECT_EQ(InGuest("minimal", R"sh(
      exec /home/user/bin/busybox chroot /home/user /bin/sh -c '
        /bin/busybox echo tools | /bin/busybox tr a-z A-Z; echo gone > /dev/null')sh"),
            "TOOLS\n");
  for (const std::string image : {"debian", "alpine"}) {
    EXPECT_EQ(InGuest(image, R"sh(
        exec /home/user/bin/busybox chroot /home/user /bin/sh -c '
          for hidden in /etc /proc /usr /sbin; do test ! -e $hidden || echo $hidden is seen; done
          echo tools | cat | tr a-z A-Z; readlink /bin/tr
          ls /dev | tr "\n" " "; echo
          echo gone > /dev/null && wc -c < /dev/null
          dd if=/dev/zero bs=3 count=1 2>/dev/null | wc -c
          dd if=/dev/urandom bs=5 count=1 2>/dev/null | wc -c
          echo x 2>/dev/null > /dev/full || echo full')sh"),
              "TOOLS\nbusybox\nfull null random tty urandom zero \n0\n3\n5\nfull\n")
        << image;
  }
}

// "the same contract on a musl userland": its own programs, linked with musl, run.
TEST_F(ImageSeedTest, AlpineRunsProgramsThatAreLinkedWithMusl) {
  EXPECT_THAT(InGuest("alpine", "/lib/ld-musl-x86_64.so.1 2>&1 || true; claude-code plan /tmp"),
              AllOf(HasSubstr("musl libc"), HasSubstr("plan for /tmp")));
}

// "The kernel is a build output too, with its configuration recorded"; the packages with versions.
TEST_F(ImageSeedTest, TheStoreKnowsWhatIsInAnImage) {
  const Result inspect = RunVoidbox({"image", "inspect", "debian", "--format", "json"});
  ASSERT_EQ(inspect.exit_status, 0) << inspect.error;
  const auto image = nlohmann::json::parse(inspect.output);
  EXPECT_EQ(image.at("flavour"), "debian");
  EXPECT_EQ(image.at("rootfs").at("kind"), "ext4");
  const auto has = [&](const char* list, const std::string& name) {
    for (const auto& entry : image.at(list)) {
      if (entry.at("name") == name) return entry.contains("version") || entry.contains("digest");
    }
    return false;
  };
  for (const char* const package : {"libc6", "dash", "busybox", "linux", "voidbox-guest-agent"}) {
    EXPECT_TRUE(has("packages", package)) << package;
  }
  EXPECT_TRUE(has("inputs", "kernel configuration"));
  EXPECT_TRUE(has("inputs", "base"));
  // The same, as SPDX.
  const std::string directory = work_ + "/exported";
  ASSERT_EQ(RunVoidbox({"image", "export", "debian", directory}).exit_status, 0);
  const auto sbom = nlohmann::json::parse(*ReadFile(directory + "/sbom.spdx.json"));
  EXPECT_EQ(sbom.at("spdxVersion"), "SPDX-2.3");
  EXPECT_GT(sbom.at("packages").size(), 5);
}

}  // namespace
}  // namespace voidbox
