#ifndef VOIDBOX_TOOLS_BENCH_TABLE_H_
#define VOIDBOX_TOOLS_BENCH_TABLE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tools/bench/statistics.h"

namespace voidbox::bench {

// Rows of text in aligned columns: the first one to the left, the others to the right.
class Table {
 public:
  void AddRow(std::vector<std::string> cells);
  // Each line ends in a line feed, and none in blanks.
  std::string Text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// "58.31 (58.20 to 58.44)"; "-" when there are no samples.
std::string SummaryCell(const std::vector<double>& samples, int decimals, double scale = 1);

}  // namespace voidbox::bench

#endif  // VOIDBOX_TOOLS_BENCH_TABLE_H_
