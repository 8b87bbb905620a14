#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/bench/json_number.h"
#include "tools/bench/statistics.h"
#include "tools/bench/table.h"
#include "tools/bench/vsock_bench.h"

namespace voidbox::bench {
namespace {

constexpr VmmKind kPeers[] = {VmmKind::kOtherVoidbox, VmmKind::kFirecracker};

double Median(const VsockResult& result, VmmKind kind, std::vector<double> VsockSamples::*samples) {
  for (const auto& [measured, all] : result.vmms) {
    if (measured == kind) return Summarize(all.*samples).median;
  }
  return 0;
}

// voidbox' median over that of `peer`; 0 when one of them was not measured.
double Ratio(const VsockResult& result, VmmKind peer, std::vector<double> VsockSamples::*samples) {
  const double own = Median(result, VmmKind::kVoidbox, samples);
  const double other = Median(result, peer, samples);
  return own > 0 && other > 0 ? own / other : 0;
}

}  // namespace

std::string VsockText(const VsockResult& result) {
  Table table;
  table.AddRow({"MB/s, median (min to max)", "to the guest", "to the host"});
  for (const auto& [kind, samples] : result.vmms) {
    table.AddRow({std::string(DisplayName(kind)), SummaryCell(samples.to_guest, 1),
                  SummaryCell(samples.to_host, 1)});
  }
  std::string text =
      absl::StrCat("Bulk transfer of ", result.bytes, " bytes over vsock, ", result.rounds,
                   " rounds; checksums of every byte agreed\n\n", table.Text(), "\n");
  for (const VmmKind peer : kPeers) {
    const double to_guest = Ratio(result, peer, &VsockSamples::to_guest);
    const double to_host = Ratio(result, peer, &VsockSamples::to_host);
    if (to_guest <= 0 || to_host <= 0) continue;
    absl::StrAppendFormat(&text, "to the guest: %.3f x %s\nto the host: %.3f x %s\n", to_guest,
                          DisplayName(peer), to_host, DisplayName(peer));
  }
  return text;
}

std::string VsockJson(const VsockResult& result) {
  nlohmann::ordered_json json;
  for (const auto& [kind, samples] : result.vmms) {
    json[std::string(JsonName(kind))] = {
        {"to_guest_mb_s", JsonNumber(Summarize(samples.to_guest).median)},
        {"to_host_mb_s", JsonNumber(Summarize(samples.to_host).median)},
    };
  }
  for (const VmmKind peer : kPeers) {
    const double to_guest = Ratio(result, peer, &VsockSamples::to_guest);
    const double to_host = Ratio(result, peer, &VsockSamples::to_host);
    if (to_guest <= 0 || to_host <= 0) continue;
    const std::string to_peer = absl::StrCat("ratio_to_", JsonName(peer));
    json[to_peer] = JsonNumber(std::min(to_guest, to_host));  // of the worse direction
    json[absl::StrCat("to_guest_", to_peer)] = JsonNumber(to_guest);
    json[absl::StrCat("to_host_", to_peer)] = JsonNumber(to_host);
  }
  return absl::StrCat(json.dump(2), "\n");
}

}  // namespace voidbox::bench
