#include "image/builder/build_program.h"

#include <cstdlib>
#include <string>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Ends an operation from its `calls`th question on.
class Impatient final : public Progress {
 public:
  explicit Impatient(int calls) : left_(calls) {}
  void Begin(absl::string_view, uint64_t) override {}
  absl::Status Advance(uint64_t) override {
    return left_-- > 0 ? absl::OkStatus() : absl::CancelledError("interrupted");
  }

 private:
  int left_;
};

BuildProgram Shell(const std::string& script, const std::vector<std::string>& environment = {}) {
  auto program = BuildProgram::Start({"/bin/sh", "-c", script}, environment);
  EXPECT_THAT(program, IsOk());
  return *std::move(program);
}

TEST(BuildProgramTest, GivesWhatAProgramPrints) {
  NoProgress progress;
  BuildProgram program = Shell("echo one; echo two; echo not this >&2; cat");
  EXPECT_EQ(*program.ReadOutput(progress), "one\ntwo\n");
}

TEST(BuildProgramTest, ADirectoryOfPathThatCannotBeIsPassedBy) {
  const std::string before = std::getenv("PATH");
  ::setenv("PATH", (std::string(300, 'd') + ":" + before).c_str(), 1);
  EXPECT_THAT(*FindProgram("sh", "dash"), HasSubstr("/sh"));
  ::setenv("PATH", before.c_str(), 1);
}

TEST(BuildProgramTest, AddsToTheEnvironment) {
  NoProgress progress;
  ::setenv("BUILD_PROGRAM_TEST", "before", 1);
  ::setenv("BUILD_PROGRAM_TEST2", "kept", 1);
  BuildProgram program =
      Shell("echo $BUILD_PROGRAM_TEST $BUILD_PROGRAM_TEST2", {"BUILD_PROGRAM_TEST=replaced"});
  EXPECT_EQ(*program.ReadOutput(progress), "replaced kept\n");
}

TEST(BuildProgramTest, AFailureComesWithItsLastLines) {
  NoProgress progress;
  BuildProgram program =
      Shell("i=0; while [ $i -lt 100 ]; do i=$((i + 1)); echo line $i >&2; done; exit 3");
  const absl::Status status = program.ReadOutput(progress).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(status.message(), HasSubstr("sh ended with exit status 3:\nline 89\n"));
  EXPECT_THAT(status.message(), HasSubstr("\nline 100"));
  EXPECT_THAT(status.message(), Not(HasSubstr("line 88\n")));
}

TEST(BuildProgramTest, BoundsWhatIsRead) {
  NoProgress progress;
  BuildProgram program = Shell("while :; do echo more; done");
  EXPECT_EQ(program.ReadOutput(progress, 10'000).status().code(),
            absl::StatusCode::kResourceExhausted);
}

// All of its session is gone, and it had the time to clean up.
TEST(BuildProgramTest, EndsTheProgramAndItsChildrenWhenTheBuildEnds) {
  const std::string file = ::testing::TempDir() + "/cleaned_up";
  pid_t child = 0;
  {
    Impatient progress(5);
    BuildProgram program = Shell("trap 'echo yes > " + file +
                                 "; exit 1' TERM; sleep 1000 & echo $!; while :; do wait; done");
    const ByteSource output = program.Output(progress);
    char line[32] = {};
    ASSERT_THAT(output(line, sizeof(line) - 1), IsOk());
    child = std::atoi(line);
    ASSERT_GT(child, 0);
    EXPECT_TRUE(absl::IsCancelled(program.ReadOutput(progress).status()));
  }
  EXPECT_EQ(*ReadFile(file), "yes\n");
  // A zombie is gone once init has seen it: its command line is what a live process has.
  const auto command = ReadFile("/proc/" + std::to_string(child) + "/cmdline");
  EXPECT_TRUE(!command.ok() || command->empty()) << *command;
}

TEST(FindProgramTest, SaysWhatToInstall) {
  EXPECT_THAT(FindProgram("sh", "dash"), IsOk());
  const auto missing = FindProgram("no-such-program", "no-such-package");
  EXPECT_EQ(missing.status(), absl::NotFoundError("no-such-program is missing: apt-get install "
                                                  "no-such-package"));
}

}  // namespace
}  // namespace voidbox
