#ifndef VOIDBOX_BASE_EVENT_LOOP_H_
#define VOIDBOX_BASE_EVENT_LOOP_H_

#include <sys/epoll.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "base/unique_fd.h"

namespace voidbox {

// An epoll loop. All of it belongs to the thread that calls Run, but for Post and Stop, which any
// thread may call. Watches and timers must not outlive their loop.
class EventLoop {
 public:
  using Handler = std::function<void(uint32_t events)>;
  using Task = std::function<void()>;

  // Keeps a descriptor watched; its end of life ends the watch, and no handler runs after that,
  // even when its event was already fetched. A handler may destroy its own watch.
  class Watch {
   public:
    Watch() = default;
    Watch(Watch&& other) noexcept { *this = std::move(other); }
    Watch& operator=(Watch&& other) noexcept;
    ~Watch() { Reset(); }
    // Changes the events waited for (EPOLLIN, EPOLLOUT, ...; 0 still reports EPOLLHUP and
    // EPOLLERR). Does nothing when they are the same.
    absl::Status SetEvents(uint32_t events);
    void Reset();
    explicit operator bool() const { return loop_ != nullptr; }

   private:
    friend class EventLoop;
    EventLoop* loop_ = nullptr;
    uint64_t id_ = 0;
    int fd_ = -1;
    uint32_t events_ = 0;
  };

  // Runs a task once at a time of the monotonic clock.
  class Timer {
   public:
    Timer() = default;
    // Replaces the deadline that was set before. A delay of zero or less fires at the next turn.
    absl::Status Set(absl::Duration delay);
    void Cancel();

   private:
    friend class EventLoop;
    UniqueFd fd_;
    Watch watch_;
  };

  static absl::StatusOr<std::unique_ptr<EventLoop>> Create();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // `fd` is borrowed and must stay open as long as the watch. Events are level-triggered unless
  // EPOLLET is given.
  absl::StatusOr<Watch> Add(int fd, uint32_t events, Handler handler);
  absl::StatusOr<Timer> AddTimer(Task task);

  // Runs `task` on the loop's thread. Any thread.
  void Post(Task task);

  // Whether the caller is the thread that runs the loop: the latest one that called Run or RunOnce,
  // before that the one that created it. Any thread.
  bool OnLoopThread() const { return thread_.load() == std::this_thread::get_id(); }

  // Dispatches events until Stop. Returns an error only when epoll itself fails.
  absl::Status Run();
  // Makes Run return after the handler that is running. Any thread; async-signal-safe.
  void Stop();
  // Waits at most `timeout` for events and dispatches them; for loops that are driven from outside
  // and for tests.
  absl::Status RunOnce(absl::Duration timeout);

 private:
  EventLoop(UniqueFd epoll, UniqueFd wake) : epoll_(std::move(epoll)), wake_(std::move(wake)) {}
  void RunPosted();
  void Wake();

  UniqueFd epoll_;
  UniqueFd wake_;  // eventfd
  uint64_t next_id_ = 1;
  std::unordered_map<uint64_t, std::shared_ptr<Handler>> handlers_;  // by watch id
  std::atomic<bool> stop_ = false;
  std::atomic<std::thread::id> thread_ = std::this_thread::get_id();

  Mutex mutex_;
  std::vector<Task> posted_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace voidbox

#endif  // VOIDBOX_BASE_EVENT_LOOP_H_
