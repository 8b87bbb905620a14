#include "base/event_loop.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <thread>

#include "base/status_matchers.h"

namespace voidbox {
namespace {

class EventLoopTest : public ::testing::Test {
 protected:
  static UniqueFd Readable() { return UniqueFd(::eventfd(1, EFD_NONBLOCK)); }
  std::unique_ptr<EventLoop> loop_ = EventLoop::Create().value();
};

TEST_F(EventLoopTest, RunsTheHandlerOfAReadyDescriptor) {
  const UniqueFd fd = Readable();
  uint32_t seen = 0;
  auto watch = loop_->Add(fd.get(), EPOLLIN, [&](uint32_t events) {
    seen = events;
    loop_->Stop();
  });
  ASSERT_THAT(watch, IsOk());
  ASSERT_THAT(loop_->Run(), IsOk());
  EXPECT_EQ(seen, EPOLLIN);
}

TEST_F(EventLoopTest, RefusesADescriptorThatIsNotOpen) {
  EXPECT_THAT(
      loop_->Add(-1, EPOLLIN, [](uint32_t) {}).status(),
      StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::HasSubstr("descriptor -1")));
}

TEST_F(EventLoopTest, AnEndedWatchIsNotCalledThoughItsEventWasFetched) {
  const UniqueFd a = Readable(), b = Readable();
  int calls = 0;
  EventLoop::Watch first, second;
  first = loop_->Add(a.get(), EPOLLIN, [&](uint32_t) { ++calls, second.Reset(), first.Reset(); })
              .value();
  second = loop_->Add(b.get(), EPOLLIN, [&](uint32_t) { ++calls, first.Reset(), second.Reset(); })
               .value();
  ASSERT_THAT(loop_->RunOnce(absl::ZeroDuration()), IsOk());
  ASSERT_THAT(loop_->RunOnce(absl::ZeroDuration()), IsOk());
  EXPECT_EQ(calls, 1);
}

TEST_F(EventLoopTest, SetEventsSilencesAndWakes) {
  const UniqueFd fd = Readable();
  int calls = 0;
  auto watch = loop_->Add(fd.get(), 0, [&](uint32_t) { ++calls; }).value();
  ASSERT_THAT(loop_->RunOnce(absl::ZeroDuration()), IsOk());
  EXPECT_EQ(calls, 0);
  ASSERT_THAT(watch.SetEvents(EPOLLIN), IsOk());
  ASSERT_THAT(loop_->RunOnce(absl::ZeroDuration()), IsOk());
  EXPECT_EQ(calls, 1);
}

TEST_F(EventLoopTest, PostedTasksRunInOrderOnTheLoop) {
  std::vector<int> order;
  std::thread::id ran_on;
  std::thread other([&] {
    loop_->Post([&] { order.push_back(1); });
    loop_->Post([&] {
      order.push_back(2);
      ran_on = std::this_thread::get_id();
      loop_->Stop();
    });
  });
  ASSERT_THAT(loop_->Run(), IsOk());
  other.join();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST_F(EventLoopTest, StopBeforeRunIsNotLost) {
  loop_->Stop();
  EXPECT_THAT(loop_->Run(), IsOk());
}

TEST_F(EventLoopTest, TimerFiresOnceAndCancelHolds) {
  int fired = 0;
  auto timer = loop_->AddTimer([&] {
    ++fired;
    loop_->Stop();
  });
  ASSERT_THAT(timer, IsOk());
  auto cancelled = loop_->AddTimer([&] { ADD_FAILURE() << "was cancelled"; });
  ASSERT_THAT(cancelled, IsOk());
  ASSERT_THAT(cancelled->Set(absl::ZeroDuration()), IsOk());
  cancelled->Cancel();
  ASSERT_THAT(timer->Set(absl::ZeroDuration()), IsOk());
  ASSERT_THAT(loop_->Run(), IsOk());
  ASSERT_THAT(loop_->RunOnce(absl::ZeroDuration()), IsOk());
  EXPECT_EQ(fired, 1);
}

}  // namespace
}  // namespace voidbox
