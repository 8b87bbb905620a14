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

// voidbox' median over Firecracker's; 0 when one of them was not measured.
double Ratio(const VsockResult& result, std::vector<double> VsockSamples::*samples) {
  double own = 0, peer = 0;
  for (const auto& [kind, all] : result.vmms) {
    (kind == VmmKind::kVoidbox ? own : peer) = Summarize(all.*samples).median;
  }
  return own > 0 && peer > 0 ? own / peer : 0;
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
  const double to_guest = Ratio(result, &VsockSamples::to_guest);
  const double to_host = Ratio(result, &VsockSamples::to_host);
  if (to_guest > 0) absl::StrAppendFormat(&text, "to the guest: %.3f x Firecracker\n", to_guest);
  if (to_host > 0) absl::StrAppendFormat(&text, "to the host: %.3f x Firecracker\n", to_host);
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
  const double to_guest = Ratio(result, &VsockSamples::to_guest);
  const double to_host = Ratio(result, &VsockSamples::to_host);
  if (to_guest > 0 && to_host > 0) {
    // Of the worse direction.
    json["ratio_to_firecracker"] = JsonNumber(std::min(to_guest, to_host));
    json["to_guest_ratio_to_firecracker"] = JsonNumber(to_guest);
    json["to_host_ratio_to_firecracker"] = JsonNumber(to_host);
  }
  return absl::StrCat(json.dump(2), "\n");
}

}  // namespace voidbox::bench
