#ifndef VOIDBOX_VIRTIO_RNG_ENTROPY_SOURCE_H_
#define VOIDBOX_VIRTIO_RNG_ENTROPY_SOURCE_H_

#include <cstddef>
#include <span>

#include "absl/status/status.h"

namespace voidbox {

// Where random bytes come from.
class EntropySource {
 public:
  virtual ~EntropySource() = default;
  // All of `out`, without blocking for long.
  virtual absl::Status Fill(std::span<std::byte> out) = 0;
};

// The host kernel's generator. Any thread.
class HostEntropySource final : public EntropySource {
 public:
  absl::Status Fill(std::span<std::byte> out) override;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_RNG_ENTROPY_SOURCE_H_
