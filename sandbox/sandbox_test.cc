#include "sandbox/sandbox.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class SandboxTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);
    home_ = ::testing::TempDir() + "/sandbox_test_home";
    std::filesystem::remove_all(home_);
    loop_ = *EventLoop::Create();
    registry_.emplace(*Registry::Open(home_));
  }

  absl::Status Start(const std::string& behaviour) {
    Sandbox::Options options;
    options.vmm = std::string(std::getenv("TEST_SRCDIR")) + "/voidbox/sandbox/fake_vmm";
    options.kernel = "/kernel";
    options.command_line = behaviour;
    options.boot_limit = boot_limit_;
    options.orderly_limit = orderly_limit_;
    options.power_off = power_off_;
    options.disks = {{.path = "/disk"}};  // worth an orderly stop
    auto sandbox = Sandbox::Start(
        *loop_, *registry_, options,
        {.ready = [this](const agent::Ready& ready) { ready_version_ = ready.version(); },
         .ended = [this](const absl::Status& status) { ended_ = status; },
         .console =
             [this](absl::string_view text) {
               console_ += std::string(text);
               if (on_console_) on_console_();
             }});
    if (!sandbox.ok()) return sandbox.status();
    sandbox_ = *std::move(sandbox);
    return absl::OkStatus();
  }
  void RunUntil(const std::function<bool()>& done) {
    const absl::Time deadline = absl::Now() + absl::Seconds(60);
    while (!done()) {
      ASSERT_LT(absl::Now(), deadline) << "nothing more happens";
      ASSERT_THAT(loop_->RunOnce(absl::Seconds(1)), IsOk());
    }
  }
  void RunToEnd() {
    RunUntil([this] { return ended_.has_value(); });
  }
  size_t Directories() const {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(home_ + "/sandboxes")) {
      if (entry.is_directory()) ++count;
    }
    return count;
  }

  std::string home_;
  absl::Duration boot_limit_ = absl::Minutes(1);
  absl::Duration orderly_limit_ = absl::Hours(1);
  Sandbox::PowerOff power_off_ = Sandbox::PowerOff::kIsAnError;
  std::unique_ptr<EventLoop> loop_;
  std::optional<Registry> registry_;
  std::optional<std::string> ready_version_;
  std::optional<absl::Status> ended_;
  std::string console_;
  std::function<void()> on_console_;
  std::unique_ptr<Sandbox> sandbox_;
};

TEST_F(SandboxTest, IsReadyIsListedAndStops) {
  ASSERT_THAT(Start("ready"), IsOk());
  RunUntil([this] { return ready_version_.has_value(); });
  EXPECT_EQ(*ready_version_, "fake");
  auto listed = registry_->List();
  ASSERT_THAT(listed, IsOk());
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_EQ((*listed)[0].id, sandbox_->id());
  EXPECT_EQ((*listed)[0].kernel, "/kernel");
  sandbox_->Stop(/*orderly=*/false);
  RunToEnd();
  EXPECT_THAT(*ended_, IsOk());
  EXPECT_EQ(console_, "kernel says hello\n");
  sandbox_.reset();
  EXPECT_EQ(Directories(), 0u);
}

TEST_F(SandboxTest, DestroyingItKillsTheVmmAndRemovesItsDirectory) {
  ASSERT_THAT(Start("ready"), IsOk());
  RunUntil([this] { return ready_version_.has_value(); });
  auto listed = registry_->List();
  ASSERT_THAT(listed, IsOk());
  ASSERT_EQ(listed->size(), 1u);
  sandbox_.reset();
  EXPECT_FALSE(IsAlive((*listed)[0].vmm));
  EXPECT_EQ(Directories(), 0u);
}

TEST_F(SandboxTest, GivesTheReasonOfARefusalAlone) {
  ASSERT_THAT(Start("refuse"), IsOk());
  RunToEnd();
  EXPECT_THAT(*ended_, StatusIs(absl::StatusCode::kInvalidArgument, "no such kernel"));
  EXPECT_EQ(Directories(), 1u) << "the VMM removes nothing";
  sandbox_.reset();
  EXPECT_EQ(Directories(), 0u);
}

TEST_F(SandboxTest, ARefusalAtOnceIsToldEachTime) {
  for (int i = 0; i < 50; ++i) {
    ended_.reset();
    ASSERT_THAT(Start("refuse"), IsOk());
    RunToEnd();
    ASSERT_THAT(*ended_, StatusIs(absl::StatusCode::kInvalidArgument, "no such kernel"));
  }
}

TEST_F(SandboxTest, TellsACrashWithItsStageAndTheConsole) {
  ASSERT_THAT(Start("crash"), IsOk());
  RunToEnd();
  EXPECT_THAT(*ended_, StatusIs(absl::StatusCode::kUnavailable,
                                AllOf(HasSubstr("triple fault"), HasSubstr("while its kernel"),
                                      HasSubstr("  kernel says hello\n"))));
  EXPECT_FALSE(ready_version_.has_value());
}

TEST_F(SandboxTest, TellsAKilledVmm) {
  ASSERT_THAT(Start("kill"), IsOk());
  RunToEnd();
  EXPECT_THAT(*ended_, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("signal 9")));
}

TEST_F(SandboxTest, EndsAGuestThatIsNotReadyInTime) {
  boot_limit_ = absl::Milliseconds(200);
  ASSERT_THAT(Start("hang"), IsOk());
  RunToEnd();
  EXPECT_THAT(*ended_, StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("200ms")));
}

// Its reader is slower than it is, so that there is always something to read.
TEST_F(SandboxTest, AConsoleThatNeverEndsKeepsNothingElseWaiting) {
  boot_limit_ = absl::Milliseconds(200);
  on_console_ = [] { absl::SleepFor(absl::Milliseconds(1)); };
  ASSERT_THAT(Start("chatter"), IsOk());
  size_t before = 0, most = 0;
  RunUntil([&] {
    most = std::max(most, console_.size() - before);
    before = console_.size();
    return ended_.has_value();
  });
  EXPECT_LE(most, 1 << 20) << "bytes in one turn of the loop";
  EXPECT_THAT(*ended_, StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("200ms")));
  EXPECT_THAT(console_, HasSubstr("xxx"));
}

TEST_F(SandboxTest, EndsAGuestWhoseAgentTalksNonsense) {
  ASSERT_THAT(Start("garbage"), IsOk());
  RunToEnd();
  EXPECT_THAT(*ended_, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("agent")));
  EXPECT_FALSE(ready_version_.has_value());
}

TEST_F(SandboxTest, KillsAVmmThatDoesNotStop) {
  ASSERT_THAT(Start("ready deaf"), IsOk());
  RunUntil([this] { return ready_version_.has_value(); });
  sandbox_->Stop(/*orderly=*/false);
  RunToEnd();
  EXPECT_THAT(*ended_, IsOk());
}

TEST_F(SandboxTest, InAnOrderlyStopTheAgentNeedNotWaitForUsToHangUp) {
  ASSERT_THAT(Start("ready, agent waits"), IsOk());
  RunUntil([this] { return ready_version_.has_value(); });
  sandbox_->Stop(/*orderly=*/true);
  RunToEnd();
  EXPECT_THAT(*ended_, IsOk());
}

TEST_F(SandboxTest, AGuestMayPowerOffButItsKernelMayNotPanic) {
  power_off_ = Sandbox::PowerOff::kAtAnyTime;
  ASSERT_THAT(Start("power off"), IsOk());
  RunToEnd();
  EXPECT_THAT(*ended_, IsOk());
  ended_.reset();
  ASSERT_THAT(Start("panic"), IsOk());
  RunToEnd();
  EXPECT_THAT(*ended_,
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("the guest's kernel panicked")));
}

TEST_F(SandboxTest, AGuestThatPowersOffBeforeItIsReadyHasFailed) {
  power_off_ = Sandbox::PowerOff::kOnceReady;
  ASSERT_THAT(Start("power off"), IsOk());
  RunToEnd();
  EXPECT_THAT(*ended_, StatusIs(absl::StatusCode::kUnavailable,
                                AllOf(HasSubstr("the guest powered off"),
                                      HasSubstr("while its kernel started"))));
  // Its readiness and its end may be seen in one turn.
  for (int i = 0; i < 50; ++i) {
    ended_.reset();
    ASSERT_THAT(Start("ready, power off"), IsOk());
    RunToEnd();
    ASSERT_THAT(*ended_, IsOk());
  }
}

TEST_F(SandboxTest, AnAgentThatDoesNotEndAnOrderlyStopIsNotWaitedForForEver) {
  orderly_limit_ = absl::Milliseconds(200);
  ASSERT_THAT(Start("ready, agent deaf"), IsOk());
  RunUntil([this] { return ready_version_.has_value(); });
  // The fake's socket may come a moment after its readiness.
  RunUntil([this] { return sandbox_->ConnectVsock().ok(); });
  sandbox_->Stop(/*orderly=*/true);
  RunToEnd();
  EXPECT_THAT(*ended_, IsOk());
}

TEST_F(SandboxTest, SaysThatTheVmmIsMissing) {
  Sandbox::Options options;
  options.vmm = "/nonexistent/voidbox-vmm";
  EXPECT_THAT(Sandbox::Start(*loop_, *registry_, options, {}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/voidbox-vmm")));
  EXPECT_EQ(Directories(), 0u);
}

}  // namespace
}  // namespace voidbox
