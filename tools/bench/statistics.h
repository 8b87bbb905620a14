#ifndef VOIDBOX_TOOLS_BENCH_STATISTICS_H_
#define VOIDBOX_TOOLS_BENCH_STATISTICS_H_

#include <vector>

namespace voidbox::bench {

// What many measurements come down to. All zero when there is none.
struct Summary {
  double median = 0;
  double min = 0;
  double max = 0;
};

// The median of an even number of samples is the mean of the two in the middle.
Summary Summarize(std::vector<double> samples);

// The smallest sample that `percent` of all are not above (nearest rank); 0 when there is none.
double Percentile(std::vector<double> samples, double percent);

}  // namespace voidbox::bench

#endif  // VOIDBOX_TOOLS_BENCH_STATISTICS_H_
