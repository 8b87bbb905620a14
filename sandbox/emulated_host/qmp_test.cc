#include "sandbox/emulated_host/qmp.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <string>

#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unix_socket.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::_;
using ::testing::HasSubstr;

class StateSaverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_ = *EventLoop::Create();
    auto pair = *UnixSocketPair();
    qemu_ = std::move(pair.second);
    int fds[2];
    ASSERT_EQ(::pipe2(fds, O_CLOEXEC), 0);
    state_.Reset(fds[0]);
    auto saver = StateSaver::Start(*loop_, std::move(pair.first), UniqueFd(fds[1]),
                                   [this](const absl::Status& status) { result_ = status; });
    ASSERT_THAT(saver, IsOk());
    saver_ = *std::move(saver);
  }

  void Say(const std::string& line) { ASSERT_THAT(WriteAll(qemu_.get(), line + "\n"), IsOk()); }

  // The next command, as QEMU's side sees it; a descriptor that came with it is in passed_.
  std::string Hear() {
    for (int i = 0; i < 10; ++i) EXPECT_THAT(loop_->RunOnce(absl::ZeroDuration()), IsOk());
    char bytes[4096];
    iovec piece = {.iov_base = bytes, .iov_len = sizeof(bytes)};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message = {};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    const ssize_t got = ::recvmsg(qemu_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got <= 0) return "";
    if (const cmsghdr* header = CMSG_FIRSTHDR(&message)) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
      passed_.Reset(fd);
    }
    return std::string(bytes, static_cast<size_t>(got));
  }

  void RunToMigrate() {
    Say(R"({"QMP": {"version": {}}})");
    EXPECT_THAT(Hear(), HasSubstr("qmp_capabilities"));
    Say(R"({"return": {}})");
    EXPECT_THAT(Hear(), HasSubstr("events"));
    Say(R"({"return": {}})");
    EXPECT_THAT(Hear(), HasSubstr("max-bandwidth"));
    Say(R"({"return": {}})");
    EXPECT_THAT(Hear(), HasSubstr("getfd"));
    Say(R"({"return": {}})");
    EXPECT_THAT(Hear(), HasSubstr("\"migrate\""));
    Say(R"({"return": {}})");
  }

  std::unique_ptr<EventLoop> loop_;
  UniqueFd qemu_, state_, passed_;
  std::optional<absl::Status> result_;
  std::unique_ptr<StateSaver> saver_;
};

TEST_F(StateSaverTest, PassesTheFileAndReportsTheEndOnceTheMachineGoesOn) {
  RunToMigrate();
  ASSERT_TRUE(passed_);
  ASSERT_EQ(::write(passed_.get(), "state", 5), 5);
  Say(R"({"event": "MIGRATION", "data": {"status": "active"}})");
  EXPECT_EQ(Hear(), "");
  Say(R"({"event": "STOP"})");
  Say(R"({"event": "MIGRATION", "data": {"status": "completed"}})");
  EXPECT_THAT(Hear(), HasSubstr("\"cont\""));
  EXPECT_FALSE(result_.has_value());
  Say(R"({"return": {}})");
  Hear();
  ASSERT_TRUE(result_.has_value());
  EXPECT_THAT(*result_, IsOk());
  passed_.Reset();
  EXPECT_EQ(*ReadFile("/proc/self/fd/" + std::to_string(state_.get())), "state");
}

TEST_F(StateSaverTest, AsksAgainWhenTheMachineMayNotGoOnYet) {
  RunToMigrate();
  Say(R"({"event": "MIGRATION", "data": {"status": "completed"}})");
  EXPECT_THAT(Hear(), HasSubstr("\"cont\""));
  Say(R"({"error": {"class": "GenericError", "desc": "Migration is not finalized yet"}})");
  EXPECT_THAT(Hear(), HasSubstr("\"cont\""));
  Say(R"({"return": {}})");
  Hear();
  ASSERT_TRUE(result_.has_value());
  EXPECT_THAT(*result_, IsOk());
}

TEST_F(StateSaverTest, FailedSaveStillLetsTheMachineGoOn) {
  RunToMigrate();
  Say(R"({"event": "MIGRATION", "data": {"status": "failed"}})");
  EXPECT_THAT(Hear(), HasSubstr("\"cont\""));
  Say(R"({"return": {}})");
  Hear();
  ASSERT_TRUE(result_.has_value());
  EXPECT_THAT(*result_, StatusIs(absl::StatusCode::kInternal, HasSubstr("could not save")));
}

TEST_F(StateSaverTest, ReportsAnErrorOfQemu) {
  Say(R"({"QMP": {}})");
  Hear();
  Say(R"({"error": {"class": "GenericError", "desc": "no such thing"}})");
  Hear();
  ASSERT_TRUE(result_.has_value());
  EXPECT_THAT(*result_, StatusIs(absl::StatusCode::kInternal, HasSubstr("no such thing")));
}

TEST_F(StateSaverTest, ReportsNonsenseAndTheEnd) {
  Say("hello");
  Hear();
  ASSERT_TRUE(result_.has_value());
  EXPECT_THAT(*result_, StatusIs(absl::StatusCode::kDataLoss, _));
}

TEST_F(StateSaverTest, ReportsTheEndOfTheMonitor) {
  qemu_.Reset();
  for (int i = 0; i < 10; ++i) EXPECT_THAT(loop_->RunOnce(absl::ZeroDuration()), IsOk());
  ASSERT_TRUE(result_.has_value());
  EXPECT_THAT(*result_, StatusIs(absl::StatusCode::kUnavailable, _));
}

TEST_F(StateSaverTest, ReportsNothingAfterItsEndOfLife) {
  qemu_.Reset();
  ASSERT_THAT(loop_->RunOnce(absl::Seconds(60)), IsOk());  // it sees the end
  ASSERT_FALSE(result_.has_value());                       // and reports it at the next turn
  saver_.reset();
  for (int i = 0; i < 10; ++i) ASSERT_THAT(loop_->RunOnce(absl::ZeroDuration()), IsOk());
  EXPECT_FALSE(result_.has_value());
}

}  // namespace
}  // namespace voidbox
