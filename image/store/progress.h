#ifndef VOIDBOX_IMAGE_STORE_PROGRESS_H_
#define VOIDBOX_IMAGE_STORE_PROGRESS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// Who is told how far a long operation is, and may end it. Called on the operation's thread.
class Progress {
 public:
  virtual ~Progress() = default;
  // A step of the operation begins: what it does, in words for a person ("copying rootfs.ext4"),
  // and how many bytes it has to go through; 0 for a wait. An empty one ends the one before.
  virtual void Begin(absl::string_view step, uint64_t total_bytes) = 0;
  // That many bytes more are done. An error (CANCELLED, say) ends the operation, which cleans up
  // and returns it. Called at least every 4 MiB, and with 0 when a wait was interrupted.
  virtual absl::Status Advance(uint64_t bytes) = 0;
};

// For those whom nobody watches.
class NoProgress final : public Progress {
 public:
  void Begin(absl::string_view, uint64_t) override {}
  absl::Status Advance(uint64_t) override { return absl::OkStatus(); }
};

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_STORE_PROGRESS_H_
