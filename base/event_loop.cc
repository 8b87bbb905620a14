#include "base/event_loop.h"

#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr uint64_t kWakeId = 0;
constexpr int kEventsPerTurn = 64;

}  // namespace

EventLoop::Watch& EventLoop::Watch::operator=(Watch&& other) noexcept {
  if (this == &other) return *this;
  Reset();
  loop_ = std::exchange(other.loop_, nullptr);
  id_ = other.id_;
  fd_ = other.fd_;
  events_ = other.events_;
  return *this;
}

absl::Status EventLoop::Watch::SetEvents(uint32_t events) {
  if (events == events_) return absl::OkStatus();
  epoll_event event = {.events = events, .data = {.u64 = id_}};
  if (::epoll_ctl(loop_->epoll_.get(), EPOLL_CTL_MOD, fd_, &event) != 0) {
    return ErrnoStatus("epoll_ctl(EPOLL_CTL_MOD)");
  }
  events_ = events;
  return absl::OkStatus();
}

void EventLoop::Watch::Reset() {
  EventLoop* loop = std::exchange(loop_, nullptr);
  if (loop == nullptr) return;
  ::epoll_ctl(loop->epoll_.get(), EPOLL_CTL_DEL, fd_, nullptr);
  loop->handlers_.erase(id_);
}

absl::Status EventLoop::Timer::Set(absl::Duration delay) {
  // A zero it_value would disarm the timer.
  const absl::Duration wait = std::max(delay, absl::Nanoseconds(1));
  itimerspec spec = {.it_interval = {}, .it_value = absl::ToTimespec(wait)};
  if (::timerfd_settime(fd_.get(), 0, &spec, nullptr) != 0) return ErrnoStatus("timerfd_settime");
  return absl::OkStatus();
}

void EventLoop::Timer::Cancel() {
  const itimerspec never = {};
  ::timerfd_settime(fd_.get(), 0, &never, nullptr);
}

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return ErrnoStatus("epoll_create1");
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return ErrnoStatus("eventfd");
  epoll_event event = {.events = EPOLLIN, .data = {.u64 = kWakeId}};
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wake.get(), &event) != 0) {
    return ErrnoStatus("epoll_ctl(EPOLL_CTL_ADD) of the wake-up event");
  }
  return std::unique_ptr<EventLoop>(new EventLoop(std::move(epoll), std::move(wake)));
}

EventLoop::~EventLoop() = default;

absl::StatusOr<EventLoop::Watch> EventLoop::Add(int fd, uint32_t events, Handler handler) {
  Watch watch;
  watch.id_ = next_id_++;
  watch.fd_ = fd;
  watch.events_ = events;
  epoll_event event = {.events = events, .data = {.u64 = watch.id_}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return ErrnoStatus(absl::StrCat("epoll_ctl(EPOLL_CTL_ADD) of descriptor ", fd));
  }
  watch.loop_ = this;
  handlers_.emplace(watch.id_, std::make_shared<Handler>(std::move(handler)));
  return watch;
}

absl::StatusOr<EventLoop::Timer> EventLoop::AddTimer(Task task) {
  Timer timer;
  timer.fd_.Reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!timer.fd_) return ErrnoStatus("timerfd_create");
  const int fd = timer.fd_.get();
  ASSIGN_OR_RETURN(timer.watch_, Add(fd, EPOLLIN, [fd, task = std::move(task)](uint32_t) {
                     uint64_t expirations;
                     // Nothing to read when the deadline was moved after the event had been
                     // fetched.
                     if (::read(fd, &expirations, sizeof(expirations)) == sizeof(expirations))
                       task();
                   }));
  return timer;
}

void EventLoop::Post(Task task) {
  {
    MutexLock lock(mutex_);
    posted_.push_back(std::move(task));
  }
  Wake();
}

void EventLoop::Stop() {
  stop_.store(true);
  Wake();
}

void EventLoop::Wake() {
  const uint64_t one = 1;
  // Fails only when the counter is full, and then the loop is awake anyway.
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof(one));
}

void EventLoop::RunPosted() {
  uint64_t count;
  [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &count, sizeof(count));
  std::vector<Task> tasks;
  {
    MutexLock lock(mutex_);
    tasks.swap(posted_);
  }
  for (Task& task : tasks) task();
}

absl::Status EventLoop::Run() {
  while (!stop_.load()) RETURN_IF_ERROR(RunOnce(absl::InfiniteDuration()));
  stop_.store(false);
  return absl::OkStatus();
}

absl::Status EventLoop::RunOnce(absl::Duration timeout) {
  thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  std::array<epoll_event, kEventsPerTurn> events;
  const int timeout_ms =
      timeout == absl::InfiniteDuration()
          ? -1
          : static_cast<int>(std::min<int64_t>(
                absl::ToInt64Milliseconds(absl::Ceil(timeout, absl::Milliseconds(1))), 1 << 30));
  const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), timeout_ms);
  if (count < 0) return errno == EINTR ? absl::OkStatus() : ErrnoStatus("epoll_wait");
  for (int i = 0; i < count; ++i) {
    const uint64_t id = events[i].data.u64;  // a copy: epoll_event is packed
    if (id == kWakeId) {
      RunPosted();
      continue;
    }
    const auto found = handlers_.find(id);
    if (found == handlers_.end()) continue;  // its watch ended earlier in this turn
    const std::shared_ptr<Handler> handler = found->second;
    (*handler)(events[i].events);
  }
  return absl::OkStatus();
}

}  // namespace voidbox
