#include "virtio/block/block_workers.h"

#include <pthread.h>

#include <iterator>
#include <utility>

#include "base/log.h"
#include "base/thread.h"

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
  cancelled_ = true;
  submitted_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
}

void BlockWorkers::Submit(Requests& batch) {
  if (batch.empty()) return;
  if (outstanding_ == 0) cancelled_ = false;
  outstanding_ += batch.size();
  if (options_.max_threads == 0) {
    for (const auto& request : batch) request->Run(backend_, cancelled_);
    return FinishHere(batch);
  }
  size_t wanted = batch.size();  // threads that would have something to do
  {
    MutexLock lock(mutex_);
    wanted += pending_.size() + running_;
  }
  if (!HaveThreads(wanted)) {
    for (const auto& request : batch) {
      request->Fail(absl::ResourceExhaustedError("no thread for the disk"));
    }
    return FinishHere(batch);
  }
  {
    MutexLock lock(mutex_);
    std::move(batch.begin(), batch.end(), std::back_inserter(pending_));
  }
  batch.clear();
  if (wanted == 1) {
    submitted_.NotifyOne();
  } else {
    submitted_.NotifyAll();
  }
}

bool BlockWorkers::HaveThreads(size_t wanted) {
  while (threads_.size() < wanted && threads_.size() < static_cast<size_t>(options_.max_threads)) {
    auto thread = StartThread([this] { Work(); });
    if (!thread.ok()) {
      // One does, later than two would.
      if (threads_.empty()) LogWarning("virtio block: ", thread.status().message());
      break;
    }
    threads_.push_back(*std::move(thread));
  }
  return !threads_.empty();
}

void BlockWorkers::FinishHere(Requests& batch) {
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
    request->Run(backend_, cancelled_);
    mutex_.Lock();
    finished_.push_back(std::move(request));
    --running_;
    // With the lock, so that nobody is still announcing when the last request was taken.
    if (finished_.size() == 1) on_finished_();
  }
}

void BlockWorkers::TakeFinished(Requests& finished) {
  MutexLock lock(mutex_);
  outstanding_ -= finished_.size();
  std::move(finished_.begin(), finished_.end(), std::back_inserter(finished));
  finished_.clear();
}

void BlockWorkers::Cancel(Requests& cancelled) {
  cancelled_ = true;
  MutexLock lock(mutex_);
  outstanding_ -= pending_.size();
  std::move(pending_.begin(), pending_.end(), std::back_inserter(cancelled));
  pending_.clear();
}

}  // namespace voidbox
