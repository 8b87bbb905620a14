#include "virtio/rng/entropy_source.h"

#include <sys/random.h>

#include "base/errno_status.h"

namespace voidbox {

absl::Status HostEntropySource::Fill(std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t got = ::getrandom(out.data(), out.size(), 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus("getrandom");
    }
    out = out.subspan(static_cast<size_t>(got));
  }
  return absl::OkStatus();
}

}  // namespace voidbox
