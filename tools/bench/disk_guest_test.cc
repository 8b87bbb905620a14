#include "tools/bench/disk_guest.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace voidbox::bench {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint64_t kKib = kDiskBytes >> 10;
constexpr double kRequests = kDiskBytes / kDiskRequestBytes;

std::string ReadLine(const std::string& job, int ms) {
  return absl::StrCat("bench-disk;", job, ";0;", kKib, ";", ms, ";0;0\r\n");
}
std::string WriteLine(const std::string& job, int ms) {
  return absl::StrCat("bench-disk;", job, ";0;0;0;", kKib, ";", ms, "\r\n");
}

TEST(DiskGuestTest, TakesTheRateOfEachJob) {
  const auto rates = ParseDiskRates(
      absl::StrCat("\r\n[    0.1] a message\r\n", "bench-disk;warm_up;0;1024;33;0;0\r\n",
                   ReadLine("seq_read", 1000), ReadLine("rand_read", 2000),
                   WriteLine("seq_write", 500), WriteLine("rand_write", 250), kDiskGuestEnd));
  ASSERT_THAT(rates, IsOk());
  EXPECT_THAT(*rates, ElementsAre(kRequests, kRequests / 2, kRequests * 2, kRequests * 4));
}

TEST(DiskGuestTest, RefusesWhatIsNotAWholeJob) {
  const std::string others =
      absl::StrCat(ReadLine("seq_read", 1), ReadLine("rand_read", 1), WriteLine("seq_write", 1));
  ASSERT_THAT(ParseDiskRates(others + WriteLine("rand_write", 1)), IsOk());
  for (const std::string& bad : {
           std::string(),                                             // did not run
           absl::StrCat("bench-disk;rand_write;5;0;0;", kKib, ";1"),  // failed
           absl::StrCat("bench-disk;rand_write;0;0;0;", kKib - 4, ";1"),
           WriteLine("rand_write", 0),
           absl::StrCat("bench-disk;rand_write;0;0;0;", kKib),
           absl::StrCat("bench-disk;rand_write;0;0;0;", kKib, ";1;1"),
           absl::StrCat("bench-disk;rand_write;0;x;x;x;x"),
       }) {
    EXPECT_THAT(ParseDiskRates(others + bad),
                StatusIs(absl::StatusCode::kDataLoss,
                         AllOf(HasSubstr("rand_write"), HasSubstr("bench-disk;seq_read;"))))
        << bad;
  }
}

}  // namespace
}  // namespace voidbox::bench
