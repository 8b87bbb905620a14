#include "tools/cli/console_input.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

class ConsoleInputTest : public ::testing::Test {
 protected:
  ConsoleInputTest() : loop_(EventLoop::Create().value()) { ::signal(SIGPIPE, SIG_IGN); }

  // As the VMM reads it, to its end.
  std::string ReadAll(ConsoleInput& input) {
    const UniqueFd vmm(::fcntl(input.vmm_end(), F_DUPFD_CLOEXEC, 0));
    EXPECT_EQ(::fcntl(vmm.get(), F_SETFL, O_NONBLOCK), 0);
    input.ReleaseVmmEnd();
    std::string all;
    for (int turns = 0; turns < 100'000; ++turns) {
      char bytes[1000];
      const ssize_t got = ::read(vmm.get(), bytes, sizeof(bytes));
      if (got == 0) return all;
      if (got > 0) all.append(bytes, static_cast<size_t>(got));
      EXPECT_THAT(loop_->RunOnce(absl::Milliseconds(got > 0 ? 0 : 1)), IsOk());
    }
    ADD_FAILURE() << "the input does not end";
    return all;
  }

  std::unique_ptr<EventLoop> loop_;
};

TEST_F(ConsoleInputTest, PassesAPipeToItsEnd) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd read(ends[0]);
  UniqueFd write(ends[1]);
  ASSERT_THAT(WriteAll(write.get(), "typed\n"), IsOk());
  write.Reset();
  auto input = ConsoleInput::Create(*loop_, read.get());
  ASSERT_THAT(input, IsOk());
  EXPECT_EQ(ReadAll(**input), "typed\n");
}

TEST_F(ConsoleInputTest, PassesAFileLargerThanAllBuffers) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/keys");
  std::string keys;
  while (keys.size() < 1 << 20) absl::StrAppend(&keys, keys.size(), " ");
  ASSERT_THAT(WriteFileAtomically(path, keys), IsOk());
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  auto input = ConsoleInput::Create(*loop_, file.get());
  ASSERT_THAT(input, IsOk());
  EXPECT_TRUE(ReadAll(**input) == keys);
}

TEST_F(ConsoleInputTest, EndsWhenTheVmmIsGone) {
  const UniqueFd zeroes(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  auto input = ConsoleInput::Create(*loop_, zeroes.get());
  ASSERT_THAT(input, IsOk());
  (*input)->ReleaseVmmEnd();
  for (int turn = 0; turn < 10; ++turn) {
    ASSERT_THAT(loop_->RunOnce(absl::Milliseconds(1)), IsOk());
  }
}

}  // namespace
}  // namespace voidbox
