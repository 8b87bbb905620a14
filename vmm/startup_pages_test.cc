#include "vmm/startup_pages.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <string>

namespace voidbox {
namespace {

// Resident KiB of this program's executable mappings (proc(5), smaps): one by gold, two by GNU ld.
long ResidentCode() {
  std::ifstream smaps("/proc/self/smaps");
  std::string line;
  bool in_code = false;
  long resident = 0;
  while (std::getline(smaps, line)) {
    if (line.find("startup_pages_test") != std::string::npos) {
      in_code = line.find(" r-xp ") != std::string::npos;
    }
    long kib = 0;
    if (!in_code || std::sscanf(line.c_str(), "Rss: %ld kB", &kib) != 1) continue;
    resident += kib;
    in_code = false;
  }
  EXPECT_GT(resident, 0) << "no executable mapping";
  return resident;
}

// Code on pages of its own, used once.
[[gnu::noinline, gnu::aligned(1 << 20)]] int FarAway(int x) { return x * 3 + 1; }

const char kConstant[] = "still here";

TEST(StartupPagesTest, ReleasesCodeThatIsNotUsedAnyMore) {
  EXPECT_EQ(FarAway(2), 7);
  const long before = ResidentCode();
  ReleaseStartupPages();
  EXPECT_LT(ResidentCode(), before);
  EXPECT_EQ(FarAway(3), 10);
  EXPECT_STREQ(kConstant, "still here");
}

}  // namespace
}  // namespace voidbox
