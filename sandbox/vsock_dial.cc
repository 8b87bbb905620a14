#include "sandbox/vsock_dial.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

// "OK 4294967295".
constexpr size_t kMaxLineBytes = 32;

}  // namespace

absl::StatusOr<std::unique_ptr<VsockDial>> VsockDial::Start(EventLoop& loop, UniqueFd vsock,
                                                            uint32_t port, Handler handler) {
  // A fresh socket takes these bytes at once.
  RETURN_IF_ERROR(WriteAll(vsock.get(), absl::StrCat("CONNECT ", port, "\n")));
  std::unique_ptr<VsockDial> dial(new VsockDial(std::move(vsock), port, std::move(handler)));
  ASSIGN_OR_RETURN(dial->watch_, loop.Add(dial->vsock_.get(), EPOLLIN,
                                          [self = dial.get()](uint32_t) { self->OnReadable(); }));
  return dial;
}

// One by one, since what follows the line is not ours.
void VsockDial::OnReadable() {
  for (;;) {
    char byte;
    const ssize_t got = ::read(vsock_.get(), &byte, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) return Finish(ErrnoStatus("vsock.sock"));
    if (got == 0) {
      return Finish(absl::UnavailableError(
          absl::StrCat("nobody in the guest listens on vsock port ", port_)));
    }
    if (byte == '\n') break;
    line_ += byte;
    if (line_.size() > kMaxLineBytes) break;
  }
  if (!absl::StartsWith(line_, "OK ")) {
    return Finish(absl::DataLossError("the VMM did not answer CONNECT with OK"));
  }
  Finish(std::move(vsock_));
}

void VsockDial::Finish(absl::StatusOr<UniqueFd> result) {
  watch_.Reset();
  const Handler handler = std::exchange(handler_, nullptr);
  handler(std::move(result));  // may destroy this
}

}  // namespace voidbox
