#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/bench/exec_bench.h"
#include "tools/bench/json_number.h"
#include "tools/bench/statistics.h"
#include "tools/bench/table.h"

namespace voidbox::bench {
namespace {

constexpr VmmKind kPeers[] = {VmmKind::kOtherVoidbox, VmmKind::kFirecracker};

double Median(const ExecResult& result, VmmKind kind, std::vector<double> ExecSamples::*samples) {
  for (const auto& [measured, all] : result.vmms) {
    if (measured == kind) return Percentile(all.*samples, 50);
  }
  return 0;
}

// voidbox' p50 over that of `peer`; 0 when one of them was not measured.
double Ratio(const ExecResult& result, VmmKind peer, std::vector<double> ExecSamples::*samples) {
  const double own = Median(result, VmmKind::kVoidbox, samples);
  const double other = Median(result, peer, samples);
  return own > 0 && other > 0 ? own / other : 0;
}

std::string Cell(const std::vector<double>& samples, double percent) {
  return absl::StrFormat("%.1f", Percentile(samples, percent));
}

}  // namespace

std::string ExecText(const ExecResult& result) {
  Table table;
  table.AddRow({"us", "true: p50", "p99", "min", "max", "one page: p50", "p99",
                absl::StrCat(kAtOnce, " at once (min to max)")});
  for (const auto& [kind, samples] : result.vmms) {
    const Summary summary = Summarize(samples.serial_us);
    table.AddRow({std::string(DisplayName(kind)), Cell(samples.serial_us, 50),
                  Cell(samples.serial_us, 99), absl::StrFormat("%.1f", summary.min),
                  absl::StrFormat("%.1f", summary.max), Cell(samples.static_us, 50),
                  Cell(samples.static_us, 99), SummaryCell(samples.at_once_us, 1)});
  }
  std::string text = absl::StrCat(
      "Round trip of BusyBox' `true`, and of a program of one page, through the agent, ",
      "a new connection each, ", result.count, " times\n\n", table.Text(), "\n");
  for (const VmmKind peer : kPeers) {
    const double ratio = Ratio(result, peer, &ExecSamples::serial_us);
    if (ratio <= 0) continue;
    absl::StrAppendFormat(&text, "p50: %.3f x %s; of one page: %.3f x\n", ratio, DisplayName(peer),
                          Ratio(result, peer, &ExecSamples::static_us));
  }
  return text;
}

std::string ExecJson(const ExecResult& result) {
  nlohmann::ordered_json json;
  for (const auto& [kind, samples] : result.vmms) {
    json[std::string(JsonName(kind))] = {
        {"p50_us", JsonNumber(Percentile(samples.serial_us, 50))},
        {"p99_us", JsonNumber(Percentile(samples.serial_us, 99))},
        {"static_p50_us", JsonNumber(Percentile(samples.static_us, 50))},
        {"static_p99_us", JsonNumber(Percentile(samples.static_us, 99))},
        {absl::StrCat("at_once_", kAtOnce, "_us"),
         JsonNumber(Summarize(samples.at_once_us).median)},
    };
  }
  for (const VmmKind peer : kPeers) {
    const double ratio = Ratio(result, peer, &ExecSamples::serial_us);
    if (ratio <= 0) continue;
    json[absl::StrCat("ratio_to_", JsonName(peer))] = JsonNumber(ratio);
    json[absl::StrCat("static_ratio_to_", JsonName(peer))] =
        JsonNumber(Ratio(result, peer, &ExecSamples::static_us));
  }
  return absl::StrCat(json.dump(2), "\n");
}

}  // namespace voidbox::bench
