#include "vmm/startup_pages.h"

#include <gtest/gtest.h>

#include <cstdio>

namespace voidbox {
namespace {

// Pages of files that this process has mapped in memory (proc(5), statm, third field).
long ResidentFilePages() {
  FILE* file = std::fopen("/proc/self/statm", "r");
  long size = 0, resident = 0, shared = 0;
  EXPECT_EQ(std::fscanf(file, "%ld %ld %ld", &size, &resident, &shared), 3);
  std::fclose(file);
  return shared;
}

const char kConstant[] = "still here";

TEST(StartupPagesTest, ReleasesPagesAndKeepsWhatTheyHold) {
  const long before = ResidentFilePages();
  ReleaseStartupPages();
  EXPECT_LT(ResidentFilePages(), before);
  EXPECT_STREQ(kConstant, "still here");
}

}  // namespace
}  // namespace voidbox
