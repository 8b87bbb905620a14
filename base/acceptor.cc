#include "base/acceptor.h"

#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace voidbox {

absl::StatusOr<std::unique_ptr<Acceptor>> Acceptor::Create(EventLoop& loop, UniqueFd listener,
                                                           Handler handler, Options options) {
  std::unique_ptr<Acceptor> acceptor(
      new Acceptor(std::move(listener), std::move(handler), std::move(options)));
  Acceptor* const self = acceptor.get();
  // Made now: it costs a descriptor.
  ASSIGN_OR_RETURN(acceptor->retry_, loop.AddTimer([self] { self->Freed(); }));
  ASSIGN_OR_RETURN(acceptor->watch_, loop.Add(self->listener_.get(), self->Events(),
                                              [self](uint32_t) { self->Accept(); }));
  return acceptor;
}

void Acceptor::SetFull(bool full) {
  full_ = full;
  if (full) return UpdateWatch();
  Freed();
}

void Acceptor::Freed() {
  waits_ = false;
  UpdateWatch();
}

// One an event: whether there is another is reported again, while asking would cost a system call
// each time, which an AF_VSOCK socket answers only with the next tick (Linux 6.1, vsock_accept).
void Acceptor::Accept() {
  if (full_ || waits_) return;
  absl::StatusOr<UniqueFd> connection = options_.accept(listener_.get());
  if (!connection.ok()) return Fail(connection.status());
  told_ = false;
  if (!*connection) return;
  const Handler handler = handler_;  // it may destroy us
  handler(*std::move(connection));
}

void Acceptor::Fail(const absl::Status& status) {
  if (!std::exchange(told_, true)) LogWarning(status.message(), "; clients wait");
  waits_ = true;
  UpdateWatch();
  const absl::Status set = retry_.Set(options_.retry);
  Check(set.ok(), set.message());  // timerfd_settime of our own timer
}

void Acceptor::UpdateWatch() {
  const absl::Status set = watch_.SetEvents(Events());
  Check(set.ok(), set.message());  // EPOLL_CTL_MOD allocates nothing
}

}  // namespace voidbox
