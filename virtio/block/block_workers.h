#ifndef VOIDBOX_VIRTIO_BLOCK_BLOCK_WORKERS_H_
#define VOIDBOX_VIRTIO_BLOCK_BLOCK_WORKERS_H_

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "virtio/block/block_request.h"

namespace voidbox {

// The threads that wait for a disk. None is started before there is a request for it. All methods
// are called by one thread, the event loop's; only the destructor waits.
class BlockWorkers {
 public:
  using Requests = std::vector<std::unique_ptr<BlockRequest>>;
  struct Options {
    // A second one keeps reads going while the first waits in fdatasync. With none, Submit itself
    // does the work: for tests.
    int max_threads = 2;
    // Called first in each thread; for its confinement.
    std::function<void()> on_thread_start;
  };

  // `on_finished` is called, by a worker or by Submit, when TakeFinished has something to give
  // after it had nothing. `backend` outlives the workers.
  BlockWorkers(BlockBackend& backend, Options options, std::function<void()> on_finished);
  // Waits for the requests that are being done, up to the end of their turns.
  ~BlockWorkers();
  BlockWorkers(const BlockWorkers&) = delete;
  BlockWorkers& operator=(const BlockWorkers&) = delete;

  // Takes the requests out of `batch`. Where not even one thread can be started, they fail.
  void Submit(Requests& batch);
  // Appends the requests that are done to `finished`.
  void TakeFinished(Requests& finished);
  // Appends the requests that were not begun to `cancelled`, and has those that were end soon:
  // TakeFinished gives them, good for nothing but Drop. Until then nothing may be submitted.
  void Cancel(Requests& cancelled);
  // Whether every request was given back.
  bool idle() const { return outstanding_ == 0; }

 private:
  // Starts threads up to `wanted`; false when there is none.
  bool HaveThreads(size_t wanted);
  void Work();
  // Puts requests among the finished ones that no thread has seen.
  void FinishHere(Requests& batch);

  Mutex mutex_;
  CondVar submitted_;
  BlockBackend& backend_;
  const Options options_;
  const std::function<void()> on_finished_;
  std::atomic<bool> cancelled_ = false;
  std::deque<std::unique_ptr<BlockRequest>> pending_ ABSL_GUARDED_BY(mutex_);
  Requests finished_ ABSL_GUARDED_BY(mutex_);
  size_t running_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  size_t outstanding_ = 0;  // submitted, and not given back yet; the caller's thread
  std::vector<std::thread> threads_;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_BLOCK_BLOCK_WORKERS_H_
