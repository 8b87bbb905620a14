#ifndef VOIDBOX_BASE_NO_MORE_THREADS_H_
#define VOIDBOX_BASE_NO_MORE_THREADS_H_

#include <pthread.h>

#include <cstddef>

namespace voidbox {

// For tests: while it lives no thread can be started, as at the limit of processes. A new thread's
// stack would be of a size for which no address space has room.
class NoMoreThreads {
 public:
  NoMoreThreads() {
    ::pthread_getattr_default_np(&usual_);
    pthread_attr_t huge = usual_;
    ::pthread_attr_setstacksize(&huge, size_t{1} << 47);
    ::pthread_setattr_default_np(&huge);
  }
  ~NoMoreThreads() { ::pthread_setattr_default_np(&usual_); }
  NoMoreThreads(const NoMoreThreads&) = delete;
  NoMoreThreads& operator=(const NoMoreThreads&) = delete;

 private:
  pthread_attr_t usual_;
};

}  // namespace voidbox

#endif  // VOIDBOX_BASE_NO_MORE_THREADS_H_
