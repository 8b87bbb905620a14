#ifndef VOIDBOX_BASE_ACCEPTOR_H_
#define VOIDBOX_BASE_ACCEPTOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "base/unix_socket.h"

namespace voidbox {

// Takes connections from a listening socket. While there is no descriptor for the next one, or its
// owner is full, clients wait in the socket's backlog: none is turned away, the loop does not spin,
// and the socket is never forgotten. Belongs to its loop's thread.
class Acceptor {
 public:
  // Gets each connection, non-blocking; may destroy the acceptor.
  using Handler = std::function<void(UniqueFd connection)>;
  // Takes the next connection of a listening socket; gives none when none is to be served.
  using AcceptFunction = std::function<absl::StatusOr<UniqueFd>(int listener)>;
  struct Options {
    AcceptFunction accept = AcceptUnix;  // serves sockets of every family
    // When the owner frees no descriptor, others may have: accepting that failed is tried again
    // after this time.
    absl::Duration retry = absl::Milliseconds(100);
    bool full = false;  // at first
  };

  static absl::StatusOr<std::unique_ptr<Acceptor>> Create(EventLoop& loop, UniqueFd listener,
                                                          Handler handler, Options options);
  static absl::StatusOr<std::unique_ptr<Acceptor>> Create(EventLoop& loop, UniqueFd listener,
                                                          Handler handler) {
    return Create(loop, std::move(listener), std::move(handler), Options());
  }

  // While full, nothing is accepted.
  void SetFull(bool full);
  // The owner has closed a descriptor: a client that waits for one has its turn.
  void Freed();

 private:
  Acceptor(UniqueFd listener, Handler handler, Options options)
      : listener_(std::move(listener)),
        handler_(std::move(handler)),
        options_(std::move(options)),
        full_(options_.full) {}
  void Accept();
  void Fail(const absl::Status& status);
  void UpdateWatch();
  uint32_t Events() const { return full_ || waits_ ? 0u : EPOLLIN; }

  const UniqueFd listener_;
  const Handler handler_;
  const Options options_;
  bool full_;
  bool waits_ = false;  // the latest accept failed, and there was no reason yet to try again
  bool told_ = false;   // since the latest accept that worked
  EventLoop::Timer retry_;
  EventLoop::Watch watch_;
};

}  // namespace voidbox

#endif  // VOIDBOX_BASE_ACCEPTOR_H_
