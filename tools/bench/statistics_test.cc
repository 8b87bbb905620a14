#include "tools/bench/statistics.h"

#include "gtest/gtest.h"

namespace voidbox::bench {
namespace {

TEST(StatisticsTest, SummaryOfAnOddNumberHasTheMiddleOne) {
  const Summary summary = Summarize({5, 1, 9});
  EXPECT_EQ(summary.median, 5);
  EXPECT_EQ(summary.min, 1);
  EXPECT_EQ(summary.max, 9);
}

TEST(StatisticsTest, SummaryOfAnEvenNumberHasTheMeanOfTheMiddleTwo) {
  EXPECT_EQ(Summarize({4, 1, 2, 100}).median, 3);
}

TEST(StatisticsTest, SummaryOfNothingIsZero) {
  const Summary summary = Summarize({});
  EXPECT_EQ(summary.median, 0);
  EXPECT_EQ(summary.min, 0);
  EXPECT_EQ(summary.max, 0);
}

TEST(StatisticsTest, PercentileIsTheNearestRank) {
  std::vector<double> samples;
  for (int i = 200; i >= 1; --i) samples.push_back(i);
  EXPECT_EQ(Percentile(samples, 50), 100);
  EXPECT_EQ(Percentile(samples, 99), 198);
  EXPECT_EQ(Percentile(samples, 100), 200);
  EXPECT_EQ(Percentile(samples, 0), 1);
}

TEST(StatisticsTest, PercentileOfFewSamplesIsOneOfThem) {
  EXPECT_EQ(Percentile({7}, 99), 7);
  EXPECT_EQ(Percentile({3, 8}, 99), 8);
  EXPECT_EQ(Percentile({}, 50), 0);
}

}  // namespace
}  // namespace voidbox::bench
