#include "tools/cli/progress_lines.h"

#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::ElementsAre;

TEST(ProgressLinesTest, PrintsALineForEachStep) {
  std::vector<std::string> lines;
  ProgressLines progress([&](absl::string_view line) { lines.emplace_back(line); },
                         [] { return absl::OkStatus(); });
  progress.Begin("waiting", 0);
  EXPECT_THAT(progress.Advance(0), IsOk());
  progress.Begin("copying", 3 << 20);
  for (int i = 0; i < 3; ++i) EXPECT_THAT(progress.Advance(1 << 20), IsOk());
  progress.Begin("", 0);
  EXPECT_THAT(lines, ElementsAre("waiting", "copying (3.0 MiB)"));
}

TEST(ProgressLinesTest, EndsTheOperationWhenItIsToEnd) {
  absl::Status wanted;
  ProgressLines progress([](absl::string_view) {}, [&] { return wanted; });
  EXPECT_THAT(progress.Advance(1), IsOk());
  wanted = absl::CancelledError("interrupted");
  EXPECT_EQ(progress.Advance(0), wanted);
}

}  // namespace
}  // namespace voidbox
