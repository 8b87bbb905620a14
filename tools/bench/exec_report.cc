#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/bench/exec_bench.h"
#include "tools/bench/json_number.h"
#include "tools/bench/statistics.h"
#include "tools/bench/table.h"

namespace voidbox::bench {
namespace {

// voidbox' p50 over Firecracker's; 0 when one of them was not measured.
double Ratio(const ExecResult& result) {
  double own = 0, peer = 0;
  for (const auto& [kind, samples] : result.vmms) {
    (kind == VmmKind::kVoidbox ? own : peer) = Percentile(samples.serial_us, 50);
  }
  return own > 0 && peer > 0 ? own / peer : 0;
}

}  // namespace

std::string ExecText(const ExecResult& result) {
  Table table;
  table.AddRow({"us", "p50", "p99", "min", "max", absl::StrCat(kAtOnce, " at once (min to max)")});
  for (const auto& [kind, samples] : result.vmms) {
    const Summary summary = Summarize(samples.serial_us);
    table.AddRow({std::string(DisplayName(kind)),
                  absl::StrFormat("%.1f", Percentile(samples.serial_us, 50)),
                  absl::StrFormat("%.1f", Percentile(samples.serial_us, 99)),
                  absl::StrFormat("%.1f", summary.min), absl::StrFormat("%.1f", summary.max),
                  SummaryCell(samples.at_once_us, 1)});
  }
  std::string text = absl::StrCat("Round trip of `true` through the agent, a new connection each, ",
                                  result.count, " times\n\n", table.Text(), "\n");
  const double ratio = Ratio(result);
  if (ratio > 0) absl::StrAppendFormat(&text, "p50: %.3f x Firecracker\n", ratio);
  return text;
}

std::string ExecJson(const ExecResult& result) {
  nlohmann::ordered_json json;
  for (const auto& [kind, samples] : result.vmms) {
    json[std::string(JsonName(kind))] = {
        {"p50_us", JsonNumber(Percentile(samples.serial_us, 50))},
        {"p99_us", JsonNumber(Percentile(samples.serial_us, 99))},
        {absl::StrCat("at_once_", kAtOnce, "_us"),
         JsonNumber(Summarize(samples.at_once_us).median)},
    };
  }
  const double ratio = Ratio(result);
  if (ratio > 0) json["ratio_to_firecracker"] = JsonNumber(ratio);
  return absl::StrCat(json.dump(2), "\n");
}

}  // namespace voidbox::bench
