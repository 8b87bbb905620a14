#include "base/read_at.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

TEST(ReadUpToAtTest, GivesWhatIsBetweenTheOffsetAndTheEnd) {
  const std::string path = ::testing::TempDir() + "/read_at_test";
  ASSERT_THAT(WriteFileAtomically(path, "0123456789"), IsOk());
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char data[8] = {};
  EXPECT_EQ(*ReadUpToAt(file.get(), 2, data, 3), 3u);
  EXPECT_EQ(std::string(data, 3), "234");
  EXPECT_EQ(*ReadUpToAt(file.get(), 7, data, sizeof(data)), 3u);
  EXPECT_EQ(std::string(data, 3), "789");
  EXPECT_EQ(*ReadUpToAt(file.get(), 10, data, sizeof(data)), 0u);
  EXPECT_EQ(*ReadUpToAt(file.get(), 1000, data, sizeof(data)), 0u);
  EXPECT_EQ(::lseek(file.get(), 0, SEEK_CUR), 0);
}

TEST(ReadUpToAtTest, TellsWhatIsNoFileAndAnOffsetThatIsNone) {
  char data[8];
  EXPECT_THAT(ReadUpToAt(-1, 0, data, sizeof(data)).status().message(),
              ::testing::HasSubstr("Bad file descriptor"));
  const UniqueFd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  EXPECT_THAT(ReadUpToAt(file.get(), ~uint64_t{0}, data, sizeof(data)).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, ::testing::HasSubstr("read")));
}

}  // namespace
}  // namespace voidbox
