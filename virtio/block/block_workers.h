#ifndef VOIDBOX_VIRTIO_BLOCK_BLOCK_WORKERS_H_
#define VOIDBOX_VIRTIO_BLOCK_BLOCK_WORKERS_H_

#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "virtio/block/block_request.h"

namespace voidbox {

// The threads that wait for a disk. None is started before there is a request for it. All methods
// are called by one thread, the event loop's.
class BlockWorkers {
 public:
  using Requests = std::vector<std::unique_ptr<BlockRequest>>;
  struct Options {
    // A second one keeps reads going while the first waits in fdatasync. With none, Submit itself
    // does the work.
    int max_threads = 2;
    // Called first in each thread; for its confinement.
    std::function<void()> on_thread_start;
  };

  // `on_finished` is called, by a worker, when TakeFinished has something to give after it had
  // nothing. `backend` outlives the workers.
  BlockWorkers(BlockBackend& backend, Options options, std::function<void()> on_finished);
  ~BlockWorkers();
  BlockWorkers(const BlockWorkers&) = delete;
  BlockWorkers& operator=(const BlockWorkers&) = delete;

  // Takes the requests out of `batch`.
  void Submit(Requests& batch);
  // Appends the requests that are done to `finished`.
  void TakeFinished(Requests& finished);
  // Waits until every request is done.
  void Drain();
  // Appends every request to `cancelled`, those not begun as they are; waits for those begun.
  void Cancel(Requests& cancelled);

 private:
  void Work();
  void RunHere(Requests& batch);

  Mutex mutex_;
  CondVar submitted_;
  CondVar idle_;  // nothing pending, nothing running
  BlockBackend& backend_;
  const Options options_;
  const std::function<void()> on_finished_;
  std::deque<std::unique_ptr<BlockRequest>> pending_ ABSL_GUARDED_BY(mutex_);
  Requests finished_ ABSL_GUARDED_BY(mutex_);
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_BLOCK_BLOCK_WORKERS_H_
