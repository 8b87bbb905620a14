#include "tools/cli/relay.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr size_t kPieceBytes = 32 << 10;

}  // namespace

Relay::Relay(EventLoop& loop, Ends client, Ends server, std::function<void()> done)
    : loop_(loop),
      done_(std::move(done)),
      up_(loop, client.input, server.output, [this] { OnChange(); }),
      down_(loop, server.input, client.output, [this] { OnChange(); }) {}

absl::Status Relay::Start() {
  RETURN_IF_ERROR(Watch(up_));
  return Watch(down_);
}

absl::Status Relay::Watch(Direction& direction) {
  if (direction.watch || direction.ended || direction.pump.IsFull()) return absl::OkStatus();
  ASSIGN_OR_RETURN(direction.watch, loop_.Add(direction.from, EPOLLIN,
                                              [this, &direction](uint32_t) { Read(direction); }));
  return absl::OkStatus();
}

void Relay::Read(Direction& direction) {
  char bytes[kPieceBytes];
  const ssize_t got = ::read(direction.from, bytes, sizeof(bytes));
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    direction.ended = true;
    direction.watch.Reset();
  } else {
    direction.pump.Write({bytes, static_cast<size_t>(got)});
    if (direction.pump.IsFull()) direction.watch.Reset();
  }
  OnChange();
}

void Relay::OnChange() {
  if (!done_) return;
  if (!up_.pump.status().ok() || !down_.pump.status().ok()) return Finish();
  if (down_.ended && down_.pump.IsEmpty()) return Finish();
  if (up_.ended && up_.pump.IsEmpty() && !std::exchange(up_.closed, true)) {
    ::shutdown(up_.to, SHUT_WR);  // nothing where it is no socket
  }
  if (!Watch(up_).ok() || !Watch(down_).ok()) Finish();
}

void Relay::Finish() {
  up_.watch.Reset();
  down_.watch.Reset();
  loop_.Post(std::exchange(done_, nullptr));
}

}  // namespace voidbox
