// Bytes from a hostile peer against an acceptor whose streams echo.
#include <signal.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "base/event_loop.h"
#include "base/unix_socket.h"
#include "sandbox/emulated_host/mux.h"

namespace voidbox {
namespace {

void Run(absl::string_view input) {
  auto loop = *EventLoop::Create();
  auto pair = *UnixSocketPair();
  const UniqueFd peer = std::move(pair.first);
  std::vector<UniqueFd> accepted;
  auto accept = [&accepted](absl::string_view) {
    auto ends = *UnixSocketPair();
    accepted.push_back(std::move(ends.second));
    return std::move(ends.first);
  };
  auto mux = *Mux::Create(*loop, std::move(pair.second), {.window_bytes = 4096, .max_streams = 4},
                          accept, [](const absl::Status&) {});
  char bytes[4096];
  while (!input.empty()) {
    const absl::string_view piece = input.substr(0, 64);
    input.remove_prefix(piece.size());
    if (::write(peer.get(), piece.data(), piece.size()) < 0) break;
    for (int turn = 0; turn < 4; ++turn) {
      Check(loop->RunOnce(absl::ZeroDuration()).ok(), "the loop runs");
      for (UniqueFd& fd : accepted) {
        const ssize_t got = fd ? ::read(fd.get(), bytes, sizeof(bytes)) : -1;
        if (got == 0) fd.Reset();
        if (got > 0 && ::write(fd.get(), bytes, static_cast<size_t>(got)) < 0) fd.Reset();
      }
      [[maybe_unused]] const ssize_t ignored = ::read(peer.get(), bytes, sizeof(bytes));
    }
    Check(mux->stream_count() <= 4, "no more streams than allowed");
  }
}

}  // namespace
}  // namespace voidbox

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A peer that went away must not end the process.
  static const bool ignored = ::signal(SIGPIPE, SIG_IGN) != SIG_ERR;
  static_cast<void>(ignored);
  voidbox::Run(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
