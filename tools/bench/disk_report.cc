#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/bench/disk_bench.h"
#include "tools/bench/json_number.h"
#include "tools/bench/statistics.h"
#include "tools/bench/table.h"

namespace voidbox::bench {
namespace {

constexpr std::array<const char*, kDiskJobs.size()> kLabels = {
    "sequential reads", "random reads", "sequential writes", "random writes"};

double Megabytes(double requests) { return requests * kDiskRequestBytes / 1e6; }

const DiskSamples* Find(const DiskResult& result, VmmKind kind) {
  for (const DiskSamples& samples : result.subjects) {
    if (samples.subject.kind == kind && !samples.subject.copy_on_write) return &samples;
  }
  return nullptr;
}

double Ratio(const DiskSamples& own, const DiskSamples& peer, size_t job) {
  return Summarize(own.iops[job]).median / Summarize(peer.iops[job]).median;
}

// Calls for both of voidbox' disks with each peer that was measured.
template <typename Function>
void ForEachPair(const DiskResult& result, Function function) {
  for (const VmmKind kind : {VmmKind::kQemuMicrovm, VmmKind::kFirecracker}) {
    const DiskSamples* const peer = Find(result, kind);
    if (peer == nullptr) continue;
    for (const DiskSamples& own : result.subjects) {
      if (own.subject.kind == VmmKind::kVoidbox) function(own, *peer);
    }
  }
}

}  // namespace

std::string DiskText(const DiskResult& result) {
  Table table;
  std::vector<std::string> head = {"requests a second, median (min to max)"};
  for (const char* label : kLabels) head.emplace_back(label);
  table.AddRow(std::move(head));
  for (const DiskSamples& samples : result.subjects) {
    std::vector<std::string> cells = {DisplayName(samples.subject)};
    for (const auto& iops : samples.iops) cells.push_back(SummaryCell(iops, 0));
    table.AddRow(std::move(cells));
    std::vector<std::string> megabytes = {"  MB/s"};
    for (const auto& iops : samples.iops) megabytes.push_back(SummaryCell(iops, 1, Megabytes(1)));
    table.AddRow(std::move(megabytes));
  }
  ForEachPair(result, [&table](const DiskSamples& own, const DiskSamples& peer) {
    std::vector<std::string> cells = {
        absl::StrCat(DisplayName(own.subject), " / ", DisplayName(peer.subject))};
    for (size_t job = 0; job < kDiskJobs.size(); ++job) {
      cells.push_back(absl::StrFormat("%.3f x", Ratio(own, peer, job)));
    }
    table.AddRow(std::move(cells));
  });
  return absl::StrCat("virtio-blk: ", kDiskBytes >> 20, " MiB of a disk in RAM in requests of ",
                      kDiskRequestBytes >> 10, " KiB, one at a time (fio, psync, direct), ",
                      result.rounds, " rounds\n\n", table.Text());
}

std::string DiskJson(const DiskResult& result) {
  nlohmann::ordered_json json;
  for (const DiskSamples& samples : result.subjects) {
    nlohmann::ordered_json& own = json[JsonName(samples.subject)];
    for (size_t job = 0; job < kDiskJobs.size(); ++job) {
      const double iops = Summarize(samples.iops[job]).median;
      own[absl::StrCat(kDiskJobs[job], "_iops")] = JsonNumber(iops);
      own[absl::StrCat(kDiskJobs[job], "_mb_s")] = JsonNumber(Megabytes(iops));
    }
  }
  ForEachPair(result, [&json](const DiskSamples& own, const DiskSamples& peer) {
    nlohmann::ordered_json& ratios = json[absl::StrCat(own.subject.copy_on_write ? "cow_" : "",
                                                       "ratio_to_", JsonName(peer.subject))];
    for (size_t job = 0; job < kDiskJobs.size(); ++job) {
      ratios[kDiskJobs[job]] = JsonNumber(Ratio(own, peer, job));
    }
  });
  return absl::StrCat(json.dump(2), "\n");
}

}  // namespace voidbox::bench
