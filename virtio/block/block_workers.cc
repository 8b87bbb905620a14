#include "virtio/block/block_workers.h"

#include <pthread.h>

#include <iterator>
#include <utility>

namespace voidbox {

BlockWorkers::BlockWorkers(BlockBackend& backend, Options options,
                           std::function<void()> on_finished)
    : backend_(backend), options_(std::move(options)), on_finished_(std::move(on_finished)) {}

BlockWorkers::~BlockWorkers() {
  {
    MutexLock lock(mutex_);
    pending_.clear();
    stopping_ = true;
  }
  submitted_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
}

void BlockWorkers::Submit(Requests& batch) {
  if (batch.empty()) return;
  if (options_.max_threads == 0) return RunHere(batch);
  size_t wanted;  // threads that would have something to do
  {
    MutexLock lock(mutex_);
    std::move(batch.begin(), batch.end(), std::back_inserter(pending_));
    wanted = pending_.size() + running_;
  }
  batch.clear();
  while (threads_.size() < wanted && threads_.size() < options_.max_threads) {
    threads_.emplace_back([this] { Work(); });
  }
  if (wanted == 1) {
    submitted_.NotifyOne();
  } else {
    submitted_.NotifyAll();
  }
}

void BlockWorkers::RunHere(Requests& batch) {
  for (const std::unique_ptr<BlockRequest>& request : batch) request->Run(backend_);
  {
    MutexLock lock(mutex_);
    std::move(batch.begin(), batch.end(), std::back_inserter(finished_));
  }
  batch.clear();
  on_finished_();
}

void BlockWorkers::Work() {
  ::pthread_setname_np(::pthread_self(), "block");
  if (options_.on_thread_start) options_.on_thread_start();
  MutexLock lock(mutex_);
  while (true) {
    while (pending_.empty() && !stopping_) submitted_.Wait(mutex_);
    if (stopping_) return;
    std::unique_ptr<BlockRequest> request = std::move(pending_.front());
    pending_.pop_front();
    ++running_;
    mutex_.Unlock();
    request->Run(backend_);
    mutex_.Lock();
    finished_.push_back(std::move(request));
    // With the lock, so that nobody is still announcing when Cancel returns.
    if (finished_.size() == 1) on_finished_();
    if (--running_ == 0 && pending_.empty()) idle_.NotifyAll();
  }
}

void BlockWorkers::TakeFinished(Requests& finished) {
  MutexLock lock(mutex_);
  std::move(finished_.begin(), finished_.end(), std::back_inserter(finished));
  finished_.clear();
}

void BlockWorkers::Drain() {
  MutexLock lock(mutex_);
  while (running_ > 0 || !pending_.empty()) idle_.Wait(mutex_);
}

void BlockWorkers::Cancel(Requests& cancelled) {
  MutexLock lock(mutex_);
  std::move(pending_.begin(), pending_.end(), std::back_inserter(cancelled));
  pending_.clear();
  while (running_ > 0) idle_.Wait(mutex_);
  std::move(finished_.begin(), finished_.end(), std::back_inserter(cancelled));
  finished_.clear();
}

}  // namespace voidbox
