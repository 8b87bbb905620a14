#include "base/acceptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/event_loop.h"
#include "base/status_matchers.h"
#include "base/unix_socket.h"

namespace voidbox {
namespace {

// While it lives, this process gets no descriptor.
class NoDescriptors {
 public:
  NoDescriptors() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    const rlimit none = {.rlim_cur = 0, .rlim_max = before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoDescriptors() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }

 private:
  rlimit before_;
};

class AcceptorTest : public ::testing::Test {
 protected:
  AcceptorTest() {
    directory_.Reset(::open(::testing::TempDir().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    ::unlinkat(directory_.get(), name_.c_str(), 0);
  }
  ~AcceptorTest() override { ::unlinkat(directory_.get(), name_.c_str(), 0); }

  void Listen(Acceptor::Options options = {}) {
    options.accept = [this](int listener) {
      ++accepts_;
      return AcceptUnix(listener);
    };
    acceptor_ = Acceptor::Create(
                    *loop_, ListenUnix(directory_.get(), name_).value(),
                    [this](UniqueFd fd) { served_.push_back(std::move(fd)); }, options)
                    .value();
  }
  UniqueFd Connect() { return ConnectUnix(directory_.get(), name_).value(); }
  // What there is to do now.
  void RunTurns() {
    for (int turn = 0; turn < 8; ++turn) {
      EXPECT_THAT(loop_->RunOnce(absl::ZeroDuration()), IsOk());
    }
  }

  const std::string name_ = absl::StrCat("acceptor-test-", ::getpid());
  UniqueFd directory_;
  std::unique_ptr<EventLoop> loop_ = EventLoop::Create().value();
  int accepts_ = 0;
  std::vector<UniqueFd> served_;
  std::unique_ptr<Acceptor> acceptor_;
};

TEST_F(AcceptorTest, ServesEveryClientThatWaits) {
  Listen();
  const UniqueFd clients[] = {Connect(), Connect(), Connect()};
  RunTurns();
  EXPECT_EQ(served_.size(), 3u);
}

TEST_F(AcceptorTest, OutOfDescriptorsItDoesNotSpin) {
  Listen({.retry = absl::Hours(1)});
  const UniqueFd client = Connect();
  {
    const NoDescriptors none;
    RunTurns();
  }
  RunTurns();
  EXPECT_EQ(accepts_, 1);
  EXPECT_TRUE(served_.empty());
}

TEST_F(AcceptorTest, AClientThatWaitedForADescriptorIsServedOnceOneIsFreed) {
  Listen({.retry = absl::Hours(1)});
  const UniqueFd clients[] = {Connect(), Connect()};
  {
    const NoDescriptors none;
    RunTurns();
    acceptor_->Freed();  // another one took it
    RunTurns();
    EXPECT_EQ(accepts_, 2);
  }
  acceptor_->Freed();
  RunTurns();
  EXPECT_EQ(served_.size(), 2u);
}

TEST_F(AcceptorTest, AClientThatWaitedForADescriptorIsServedThoughTheOwnerFreesNone) {
  Listen({.retry = absl::Milliseconds(1)});
  const UniqueFd client = Connect();
  {
    const NoDescriptors none;
    while (accepts_ < 3) EXPECT_THAT(loop_->RunOnce(absl::InfiniteDuration()), IsOk());
  }
  while (served_.empty()) EXPECT_THAT(loop_->RunOnce(absl::InfiniteDuration()), IsOk());
}

TEST_F(AcceptorTest, WhileFullClientsWaitEvenIfADescriptorIsFreed) {
  Listen({.full = true});
  const UniqueFd client = Connect();
  acceptor_->Freed();
  RunTurns();
  EXPECT_EQ(accepts_, 0);
  acceptor_->SetFull(false);
  RunTurns();
  EXPECT_EQ(served_.size(), 1u);
  const UniqueFd other = Connect();
  acceptor_->SetFull(true);
  RunTurns();
  EXPECT_EQ(served_.size(), 1u);
}

TEST_F(AcceptorTest, TheHandlerMayEndIt) {
  acceptor_ =
      Acceptor::Create(*loop_, ListenUnix(directory_.get(), name_).value(), [this](UniqueFd) {
        acceptor_.reset();
      }).value();
  const UniqueFd clients[] = {Connect(), Connect()};
  RunTurns();
  EXPECT_EQ(acceptor_, nullptr);
}

}  // namespace
}  // namespace voidbox
