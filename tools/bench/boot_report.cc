#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/bench/boot_bench.h"
#include "tools/bench/json_number.h"
#include "tools/bench/statistics.h"
#include "tools/bench/table.h"

namespace voidbox::bench {
namespace {

struct Row {
  const char* label;
  std::vector<double> BootSamples::*samples;
  int decimals;
  double scale;
};
constexpr double kToKib = 1.0 / 1024;
constexpr Row kRows[] = {
    {"VMM start, ms", &BootSamples::vmm_start, 2, 1},
    {"kernel entry, ms", &BootSamples::kernel_entry, 2, 1},
    {"init, ms", &BootSamples::init, 2, 1},
    {"agent ready, ms", &BootSamples::agent, 2, 1},
    {"first exec result, ms", &BootSamples::exec, 2, 1},
    {"guest's own clock at init, ms", &BootSamples::guest_clock, 2, 1},
    {"VMM resident beyond guest RAM, KiB", &BootSamples::resident_bytes, 0, kToKib},
    {"VMM private beyond guest RAM, KiB", &BootSamples::private_bytes, 0, kToKib},
    {"CPU when idle, % of a core", &BootSamples::cpu_percent, 3, 1},
    {"exits to the VMM when idle, per s", &BootSamples::exits_per_second, 1, 1},
};

constexpr VmmKind kPeers[] = {VmmKind::kOtherVoidbox, VmmKind::kQemuMicrovm, VmmKind::kFirecracker};

const BootSamples* Find(const BootResult& result, VmmKind kind) {
  for (const auto& [measured, samples] : result.vmms) {
    if (measured == kind) return &samples;
  }
  return nullptr;
}

// voidbox' median time to init over that of `peer`; 0 when one of them was not measured.
double InitRatio(const BootResult& result, VmmKind peer) {
  const BootSamples* const own = Find(result, VmmKind::kVoidbox);
  const BootSamples* const other = Find(result, peer);
  if (own == nullptr || other == nullptr || other->init.empty()) return 0;
  return Summarize(own->init).median / Summarize(other->init).median;
}

// The root file system's median time to the first result over the initramfs'; 0 when one of them
// was not measured.
double RootfsRatio(const BootResult& result) {
  const BootSamples* const initramfs = Find(result, VmmKind::kVoidbox);
  if (!result.rootfs.has_value() || initramfs == nullptr || initramfs->exec.empty()) return 0;
  return Summarize(result.rootfs->exec).median / Summarize(initramfs->exec).median;
}

nlohmann::ordered_json MedianOrNull(const std::vector<double>& samples) {
  if (samples.empty()) return nullptr;
  return JsonNumber(Summarize(samples).median);
}

nlohmann::ordered_json Medians(const BootSamples& samples) {
  return {
      {"boot_to_init_ms", MedianOrNull(samples.init)},
      {"boot_to_exec_ms", MedianOrNull(samples.exec)},
      {"guest_clock_ms", MedianOrNull(samples.guest_clock)},
      {"vmm_resident_bytes", MedianOrNull(samples.resident_bytes)},
      {"vmm_private_bytes", MedianOrNull(samples.private_bytes)},
  };
}

}  // namespace

std::string BootText(const BootResult& result) {
  Table table;
  std::vector<std::string> head = {"median (min to max)"};
  for (const auto& [kind, samples] : result.vmms) head.emplace_back(DisplayName(kind));
  if (result.rootfs.has_value()) head.emplace_back("voidbox, rootfs");
  table.AddRow(std::move(head));
  for (const Row& row : kRows) {
    std::vector<std::string> cells = {row.label};
    for (const auto& [kind, samples] : result.vmms) {
      cells.push_back(SummaryCell(samples.*row.samples, row.decimals, row.scale));
    }
    if (result.rootfs.has_value()) {
      cells.push_back(SummaryCell(*result.rootfs.*row.samples, row.decimals, row.scale));
    }
    table.AddRow(std::move(cells));
  }
  std::string text =
      absl::StrCat("Boot of the same kernel and initramfs, ", kGuestMemoryMib, " MiB, 1 vCPU, ",
                   result.rounds, " rounds; from process start\n\n", table.Text(), "\n");
  for (const VmmKind peer : kPeers) {
    const double ratio = InitRatio(result, peer);
    if (ratio > 0) absl::StrAppendFormat(&text, "init: %.3f x %s\n", ratio, DisplayName(peer));
  }
  if (const double ratio = RootfsRatio(result); ratio > 0) {
    absl::StrAppendFormat(&text, "first exec result, rootfs: %.3f x initramfs\n", ratio);
  }
  return text;
}

std::string BootJson(const BootResult& result) {
  nlohmann::ordered_json json;
  for (const auto& [kind, samples] : result.vmms) {
    json[std::string(JsonName(kind))] = Medians(samples);
  }
  if (result.rootfs.has_value()) json["voidbox_rootfs"] = Medians(*result.rootfs);
  for (const VmmKind peer : kPeers) {
    const double ratio = InitRatio(result, peer);
    if (ratio > 0) json[absl::StrCat("ratio_to_", JsonName(peer))] = JsonNumber(ratio);
  }
  if (const double ratio = RootfsRatio(result); ratio > 0) {
    json["ratio_rootfs_to_initramfs"] = JsonNumber(ratio);
  }
  return absl::StrCat(json.dump(2), "\n");
}

}  // namespace voidbox::bench
