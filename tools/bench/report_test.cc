// The reports of all benchmarks.
#include <nlohmann/json.hpp>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/bench/boot_bench.h"
#include "tools/bench/disk_bench.h"
#include "tools/bench/exec_bench.h"
#include "tools/bench/files_bench.h"
#include "tools/bench/table.h"
#include "tools/bench/vsock_bench.h"

namespace voidbox::bench {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> Keys(const nlohmann::ordered_json& json) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  return keys;
}

BootResult Boot(bool with_firecracker) {
  BootResult result;
  result.rounds = 5;
  BootSamples own;
  own.vmm_start = {9};
  own.kernel_entry = {30};
  own.init = {80, 90, 100};
  own.agent = {110};
  own.exec = {120.5};
  own.guest_clock = {35.1234};
  own.resident_bytes = {2048 * 1024};
  own.private_bytes = {1024 * 1024};
  own.cpu_percent = {0.025};
  own.exits_per_second = {2};
  result.vmms.emplace_back(VmmKind::kVoidbox, own);
  BootSamples qemu;
  qemu.init = {300};
  qemu.guest_clock = {36};
  qemu.resident_bytes = {1e6};
  qemu.private_bytes = {1e6};
  result.vmms.emplace_back(VmmKind::kQemuMicrovm, qemu);
  BootSamples firecracker = own;
  firecracker.init = {120};
  if (with_firecracker) result.vmms.emplace_back(VmmKind::kFirecracker, firecracker);
  return result;
}

TEST(ReportTest, TableAlignsItsColumns) {
  Table table;
  table.AddRow({"a", "bb", "c"});
  table.AddRow({"long", "b", ""});
  EXPECT_EQ(table.Text(), "a      bb   c\nlong    b\n");
}

TEST(ReportTest, SummaryHasMedianAndBounds) {
  EXPECT_EQ(SummaryCell({3, 1, 2}, 1), "2.0 (1.0 to 3.0)");
  EXPECT_EQ(SummaryCell({2048}, 0, 1.0 / 1024), "2 (2 to 2)");
  EXPECT_EQ(SummaryCell({}, 1), "-");
}

TEST(ReportTest, BootJsonHasTheNamedKeys) {
  const auto json = nlohmann::ordered_json::parse(BootJson(Boot(true)));
  EXPECT_EQ(Keys(json),
            (std::vector<std::string>{"voidbox", "qemu_microvm", "firecracker",
                                      "ratio_to_qemu_microvm", "ratio_to_firecracker"}));
  EXPECT_EQ(Keys(json["voidbox"]),
            (std::vector<std::string>{"boot_to_init_ms", "boot_to_exec_ms", "guest_clock_ms",
                                      "vmm_resident_bytes", "vmm_private_bytes"}));
  EXPECT_EQ(json["voidbox"]["boot_to_init_ms"], 90);
  EXPECT_EQ(json["voidbox"]["boot_to_exec_ms"], 120.5);
  EXPECT_EQ(json["voidbox"]["guest_clock_ms"], 35.123);
  EXPECT_EQ(json["voidbox"]["vmm_resident_bytes"], 2097152);
  EXPECT_TRUE(json["qemu_microvm"]["boot_to_exec_ms"].is_null());
  EXPECT_EQ(json["ratio_to_qemu_microvm"], 0.3);
  EXPECT_EQ(json["ratio_to_firecracker"], 0.75);
}

TEST(ReportTest, BootWithoutFirecrackerDoesNotSpeakOfIt) {
  const auto json = nlohmann::ordered_json::parse(BootJson(Boot(false)));
  EXPECT_FALSE(json.contains("firecracker"));
  EXPECT_FALSE(json.contains("ratio_to_firecracker"));
  EXPECT_THAT(BootText(Boot(false)), Not(HasSubstr("Firecracker")));
}

TEST(ReportTest, BootIsComparedWithAnotherBuild) {
  BootResult result = Boot(false);
  BootSamples other = result.vmms[0].second;
  other.init = {100};
  result.vmms.emplace_back(VmmKind::kOtherVoidbox, other);
  EXPECT_EQ(nlohmann::json::parse(BootJson(result))["ratio_to_voidbox_other"], 0.9);
  EXPECT_THAT(BootText(result), HasSubstr("init: 0.900 x voidbox, other build"));
}

TEST(ReportTest, BootTextHasEveryFigure) {
  const std::string text = BootText(Boot(true));
  for (const char* figure :
       {"VMM start, ms", "kernel entry, ms", "90.00 (80.00 to 100.00)", "agent ready, ms",
        "first exec result, ms", "guest's own clock at init, ms", "2048 (2048 to 2048)",
        "1024 (1024 to 1024)", "init: 0.300 x QEMU microvm", "init: 0.750 x Firecracker",
        "5 rounds"}) {
    EXPECT_THAT(text, HasSubstr(figure));
  }
}

TEST(ReportTest, BootTellsTheRootFileSystemsShare) {
  BootResult result = Boot(false);
  EXPECT_FALSE(nlohmann::json::parse(BootJson(result)).contains("ratio_rootfs_to_initramfs"));
  EXPECT_THAT(BootText(result), Not(HasSubstr("rootfs")));
  BootSamples rootfs = result.vmms[0].second;
  rootfs.init.clear();
  rootfs.guest_clock.clear();
  rootfs.exec = {150.625};  // of 120.5
  result.rootfs = rootfs;
  const auto json = nlohmann::ordered_json::parse(BootJson(result));
  EXPECT_EQ(json["voidbox_rootfs"]["boot_to_exec_ms"], 150.625);
  EXPECT_TRUE(json["voidbox_rootfs"]["boot_to_init_ms"].is_null());
  EXPECT_EQ(json["ratio_rootfs_to_initramfs"], 1.25);
  EXPECT_THAT(BootText(result), HasSubstr("voidbox, rootfs"));
  EXPECT_THAT(BootText(result), HasSubstr("first exec result, rootfs: 1.250 x initramfs"));
}

DiskSamples Disk(VmmKind kind, bool copy_on_write, double iops) {
  return {.subject = {.kind = kind, .copy_on_write = copy_on_write},
          .iops = {{{iops}, {iops, 2 * iops, 3 * iops}, {3 * iops}, {4 * iops}}}};
}

TEST(ReportTest, DiskJsonHasTheNamedKeys) {
  DiskResult result;
  result.rounds = 5;
  result.subjects = {Disk(VmmKind::kVoidbox, false, 3000), Disk(VmmKind::kVoidbox, true, 1000),
                     Disk(VmmKind::kQemuMicrovm, false, 2000)};
  auto json = nlohmann::ordered_json::parse(DiskJson(result));
  EXPECT_EQ(Keys(json),
            (std::vector<std::string>{"voidbox", "voidbox_cow", "qemu_microvm",
                                      "ratio_to_qemu_microvm", "cow_ratio_to_qemu_microvm"}));
  EXPECT_EQ(Keys(json["voidbox"]),
            (std::vector<std::string>{"seq_read_iops", "seq_read_mb_s", "rand_read_iops",
                                      "rand_read_mb_s", "seq_write_iops", "seq_write_mb_s",
                                      "rand_write_iops", "rand_write_mb_s"}));
  EXPECT_EQ(json["voidbox"]["rand_read_iops"], 6000);
  EXPECT_EQ(json["voidbox"]["seq_read_mb_s"], 12.288);
  EXPECT_EQ(json["ratio_to_qemu_microvm"]["rand_write"], 1.5);
  EXPECT_EQ(json["cow_ratio_to_qemu_microvm"]["rand_read"], 0.5);
  result.subjects.push_back(Disk(VmmKind::kFirecracker, false, 1000));
  json = nlohmann::ordered_json::parse(DiskJson(result));
  EXPECT_EQ(json["ratio_to_firecracker"]["seq_write"], 3);
}

TEST(ReportTest, DiskTextHasEveryFigure) {
  DiskResult result;
  result.rounds = 5;
  result.subjects = {Disk(VmmKind::kVoidbox, false, 3000), Disk(VmmKind::kVoidbox, true, 1000),
                     Disk(VmmKind::kQemuMicrovm, false, 2000)};
  const std::string text = DiskText(result);
  for (const char* figure :
       {"5 rounds", "random reads", "6000 (3000 to 9000)", "24.6 (12.3 to 36.9)",
        "voidbox, copy-on-write / QEMU microvm", "1.500 x", "0.500 x"}) {
    EXPECT_THAT(text, HasSubstr(figure));
  }
  EXPECT_THAT(text, Not(HasSubstr("Firecracker")));
}

TEST(ReportTest, ExecJsonHasTheNamedKeys) {
  ExecResult result;
  result.count = 3;
  result.vmms.emplace_back(VmmKind::kVoidbox,
                           ExecSamples{{300, 100, 200}, {90, 70, 80}, {1000, 3000}});
  auto json = nlohmann::ordered_json::parse(ExecJson(result));
  EXPECT_EQ(json["voidbox"]["p50_us"], 200);
  EXPECT_EQ(json["voidbox"]["p99_us"], 300);
  EXPECT_EQ(json["voidbox"]["at_once_16_us"], 2000);
  EXPECT_FALSE(json.contains("ratio_to_firecracker"));
  result.vmms.emplace_back(VmmKind::kFirecracker, ExecSamples{{400}, {100}, {4000}});
  json = nlohmann::ordered_json::parse(ExecJson(result));
  EXPECT_EQ(json["firecracker"]["p50_us"], 400);
  EXPECT_EQ(json["voidbox"]["static_p50_us"], 80);
  EXPECT_EQ(json["ratio_to_firecracker"], 0.5);
  EXPECT_EQ(json["static_ratio_to_firecracker"], 0.8);
  EXPECT_THAT(ExecText(result), HasSubstr("p50: 0.500 x Firecracker; of one page: 0.800 x\n"));
  result.vmms.emplace_back(VmmKind::kOtherVoidbox, ExecSamples{{250}, {160}, {4000}});
  json = nlohmann::ordered_json::parse(ExecJson(result));
  EXPECT_EQ(json["ratio_to_voidbox_other"], 0.8);
  EXPECT_EQ(json["static_ratio_to_voidbox_other"], 0.5);
  EXPECT_THAT(ExecText(result), HasSubstr("2000.0 (1000.0 to 3000.0)"));
}

TEST(ReportTest, VsockJsonHasTheNamedKeysAndTheWorseRatio) {
  VsockResult result;
  result.bytes = 1 << 20;
  result.rounds = 5;
  result.vmms.emplace_back(VmmKind::kVoidbox, VsockSamples{{300}, {400}});
  result.vmms.emplace_back(VmmKind::kFirecracker, VsockSamples{{200}, {100}});
  const auto json = nlohmann::ordered_json::parse(VsockJson(result));
  EXPECT_EQ(json["voidbox"]["to_guest_mb_s"], 300);
  EXPECT_EQ(json["voidbox"]["to_host_mb_s"], 400);
  EXPECT_EQ(json["ratio_to_firecracker"], 1.5);
  EXPECT_EQ(json["to_guest_ratio_to_firecracker"], 1.5);
  EXPECT_EQ(json["to_host_ratio_to_firecracker"], 4);
  result.vmms.emplace_back(VmmKind::kOtherVoidbox, VsockSamples{{150}, {320}});
  EXPECT_EQ(nlohmann::json::parse(VsockJson(result))["to_guest_ratio_to_voidbox_other"], 2);
  EXPECT_THAT(VsockText(result), HasSubstr("to the host: 1.250 x voidbox, other build"));
  EXPECT_THAT(VsockText(result), HasSubstr("to the host: 4.000 x Firecracker"));
}

TEST(ReportTest, FilesAreComparedWithRawVsock) {
  const FilesResult result = {.bytes = 200 << 20,
                              .rounds = 5,
                              .to_guest = {400},
                              .to_host = {500},
                              .upload = {300},
                              .download = {250}};
  EXPECT_THAT(FilesText(result), HasSubstr("upload: 0.750 x raw vsock\ndownload: 0.500 x raw"));
  const auto json = nlohmann::ordered_json::parse(FilesJson(result));
  EXPECT_EQ(json["upload_ratio_to_vsock"], 0.75);
  EXPECT_EQ(json["download_ratio_to_vsock"], 0.5);
  EXPECT_EQ(json["upload_mb_s"], 300);
}

}  // namespace
}  // namespace voidbox::bench
