#include "tools/bench/table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace voidbox::bench {
namespace {

constexpr size_t kGap = 3;  // blanks between columns

}  // namespace

void Table::AddRow(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

std::string Table::Text() const {
  std::vector<size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - row[i].size() + (i > 0 ? kGap : 0), ' ');
      absl::StrAppend(&line, i > 0 ? padding : "", row[i], i > 0 ? "" : padding);
    }
    absl::StripTrailingAsciiWhitespace(&line);
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

std::string SummaryCell(const std::vector<double>& samples, int decimals, double scale) {
  if (samples.empty()) return "-";
  const Summary summary = Summarize(samples);
  return absl::StrFormat("%.*f (%.*f to %.*f)", decimals, summary.median * scale, decimals,
                         summary.min * scale, decimals, summary.max * scale);
}

}  // namespace voidbox::bench
