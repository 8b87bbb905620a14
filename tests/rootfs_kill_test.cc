// A guest writes records to its root on a kept overlay and says which are durable; its VMM is
// stopped or killed at moments of no one's choosing. What the overlay holds then is what a VMM
// killed there leaves behind: every record that was said to be durable, in a file system that its
// journal makes whole.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_matchers.h"
#include "base/test_rounds.h"
#include "tests/payloads/record.h"
#include "tests/test_rootfs.h"
#include "tests/voidbox_process.h"
#include "virtio/block/cow_disk.h"

namespace voidbox {
namespace {

constexpr int kPointsPerGuest = 10;  // all but the last with the VMM stopped, the last with it dead
constexpr uint64_t kDiskBytes = 16 << 20;
constexpr uint64_t kNumbersPerGuest = 100'000;

// For a shell where the VMM runs: its process.
constexpr char kFindVmm[] =
    R"sh(vmm=$(sed -n 's/.*"pid": \([0-9]*\).*/\1/p' "$VOIDBOX_HOME"/sandboxes/*/state.json); )sh";

class RootfsKillTest : public ::testing::Test {
 protected:
  void SetUp() override {
    home_ = UseOwnHome();
    const auto doctor = RunVoidbox({"doctor", "--format", "json"});
    ASSERT_EQ(doctor.exit_status, 0) << doctor.output << doctor.error;
    emulated_ = nlohmann::json::parse(doctor.output).at("kvm_host") == "emulated";
    const std::string runfiles = std::string(std::getenv("TEST_SRCDIR")) + "/voidbox";
    MakeTestRootfs({.path = Path("base"),
                    .size = "16M",
                    .agent = runfiles + "/agent/guest-agent",
                    .programs = {runfiles + "/tests/payloads/synced_records"}});
  }
  void TearDown() override { StopOwnHost(); }

  std::string Path(const char* name) const { return absl::StrCat(home_, "/", name); }

  // On the machine where the VMM runs.
  void OnHost(const std::string& script) const {
    std::string output;
    if (emulated_) {
      const auto result = RunVoidbox({"host", "exec", "--", "sh", "-ec", script});
      EXPECT_EQ(result.exit_status, 0) << result.error;
    } else {
      EXPECT_EQ(RunProgram({"/bin/sh", "-ec", script}, &output), 0) << output;
    }
  }

  // Records from `first` on.
  static VoidboxProcess StartGuest(const std::string& base, const std::string& overlay,
                                   uint64_t first) {
    return VoidboxProcess({"run", "--user", "root", "--rootfs", base, "--overlay", overlay, "--",
                           "/bin/synced_records", "/records", "/latest", absl::StrCat(first)});
  }

  // The overlay as it is while no thread of the VMM runs.
  void CopyWhileStopped() const {
    OnHost(absl::StrCat(kFindVmm, R"sh(
      kill -STOP "$vmm"
      while grep -q '^State:[[:space:]]*[^T[:space:]]' /proc/"$vmm"/task/*/status; do :; done
      cp --sparse=always )sh",
                        Path("overlay"), " ", Path("copy"), "\nkill -CONT \"$vmm\""));
  }

  // The disk as a raw image.
  void Export(const std::string& overlay, const std::string& image) const {
    auto disk = CowDisk::Open(Path("base"), overlay, 0);
    ASSERT_THAT(disk, IsOk());
    ASSERT_EQ((*disk)->bytes(), kDiskBytes);
    std::string bytes(kDiskBytes, '.');
    iovec buffer = {bytes.data(), bytes.size()};
    ASSERT_THAT((*disk)->Read(0, {&buffer, 1}), IsOk());
    std::ofstream(image, std::ios::binary | std::ios::trunc) << bytes;
  }

  // A file of an image, after what debugfs says of itself.
  static std::string FileIn(const std::string& image, const char* path) {
    std::string output;
    EXPECT_EQ(RunProgram({"/sbin/debugfs", "-R", absl::StrCat("cat ", path), image}, &output), 0);
    return output.substr(output.find('\n') + 1);
  }

  void Verify(const std::string& overlay, const std::vector<uint64_t>& durable) const {
    const std::string image = Path("image");
    ASSERT_NO_FATAL_FAILURE(Export(overlay, image));
    std::string output;
    EXPECT_EQ(RunProgram({"/sbin/e2fsck", "-y", "-E", "journal_only", image}, &output), 0)
        << output;
    EXPECT_EQ(RunProgram({"/sbin/e2fsck", "-fn", image}, &output), 0) << output;
    std::set<uint64_t> whole;
    const std::string records = FileIn(image, "/records");
    for (const absl::string_view line : absl::StrSplit(records, '\n')) {
      uint64_t number;
      if (absl::SimpleAtoi(line.substr(0, line.find(' ')), &number) &&
          MakeRecord(number) == absl::StrCat(line, "\n")) {
        whole.insert(number);
      }
    }
    ASSERT_FALSE(durable.empty());
    for (const uint64_t number : durable) ASSERT_EQ(whole.count(number), 1) << number;
    const std::string latest = FileIn(image, "/latest").substr(0, kRecordHeadBytes - 1);
    uint64_t last = 0;
    ASSERT_TRUE(absl::SimpleAtoi(latest, &last)) << latest;
    EXPECT_GE(last, durable.back());
  }

  // Boots, stops a few times and kills in the end; adds what was durable then to `durable`.
  void RunGuest(uint64_t first, std::mt19937& random, std::vector<uint64_t>& durable) const {
    VoidboxProcess guest = StartGuest(Path("base"), Path("overlay"), first);
    std::vector<uint64_t> known = durable;  // at least
    const auto await = [&](uint64_t count) {
      for (; count > 0; --count) {
        known.push_back(known.size() == durable.size() ? first : known.back() + 1);
      }
      ASSERT_TRUE(guest.WaitForOutput(absl::StrCat(known.back(), "\n"))) << guest.Finish().error;
    };
    ASSERT_NO_FATAL_FAILURE(await(2));
    for (int point = 1; point < kPointsPerGuest && !HasFailure(); ++point) {
      ASSERT_NO_FATAL_FAILURE(await(1 + random() % 4));
      CopyWhileStopped();
      ASSERT_NO_FATAL_FAILURE(Verify(Path("copy"), known));
    }
    ASSERT_NO_FATAL_FAILURE(await(1 + random() % 4));
    OnHost(absl::StrCat(kFindVmm, "kill -KILL \"$vmm\""));
    const auto result = guest.Finish();
    EXPECT_EQ(result.exit_status, 125) << result.error;
    for (const absl::string_view line : absl::StrSplit(result.output, '\n')) {
      uint64_t number;
      if (absl::SimpleAtoi(line, &number)) durable.push_back(number);
    }
    EXPECT_GE(durable.size(), known.size());
    ASSERT_NO_FATAL_FAILURE(Verify(Path("overlay"), durable));
  }

  std::string home_;
  bool emulated_ = false;
};

TEST_F(RootfsKillTest, WhatTheGuestSyncedOutlivesTheVmm) {
  const int guests = TestRounds(1);
  std::mt19937 random(4);
  std::vector<uint64_t> durable;
  for (int guest = 0; guest < guests && !HasFailure(); ++guest) {
    ASSERT_NO_FATAL_FAILURE(
        RunGuest(1 + static_cast<uint64_t>(guest) * kNumbersPerGuest, random, durable));
  }
  EXPECT_GE(durable.size(), guests * kPointsPerGuest);
}

}  // namespace
}  // namespace voidbox
