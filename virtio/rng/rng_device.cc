#include "virtio/rng/rng_device.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "virtio/spec.h"

namespace voidbox {

RngDevice::RngDevice(EntropySource& source)
    : VirtioDevice({.type = VIRTIO_ID_RNG, .name = "rng", .queue_sizes = {kQueueSize}}),
      source_(source) {}

absl::Status RngDevice::Activate(const Activation& activation) {
  activation_ = activation;
  return absl::OkStatus();
}

absl::Status RngDevice::HandleNotify(uint16_t index) {
  Queue& queue = activation_.queues[index];
  for (uint16_t budget = queue.size(); budget > 0; --budget) {
    ASSIGN_OR_RETURN(std::optional<DescriptorChain> chain, queue.Pop());
    if (!chain.has_value()) {
      queue.Signal();
      if (queue.EnableNotification()) continue;
      return absl::OkStatus();
    }
    absl::StatusOr<uint32_t> written = Fill(*chain);
    // A chain is given back whatever happened to it.
    queue.Complete(*std::move(chain), written.value_or(0));
    RETURN_IF_ERROR(written.status());
  }
  queue.Signal();
  activation_.transport->NotifyAgain(index);
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> RngDevice::Fill(DescriptorChain& chain) {
  ChainWriter& writer = chain.writer();
  const size_t bytes = std::min<size_t>(writer.remaining(), kMaxRequestBytes);
  for (const iovec& buffer : writer.Peek(bytes)) {
    RETURN_IF_ERROR(
        source_.Fill(std::span(static_cast<std::byte*>(buffer.iov_base), buffer.iov_len)));
  }
  return static_cast<uint32_t>(bytes);
}

void RngDevice::Reset(const Done& done) {
  activation_ = {};
  done();
}

absl::Status RngDevice::Restore(absl::string_view state) {
  if (!state.empty()) return absl::InvalidArgumentError("rng: state where there is none");
  return absl::OkStatus();
}

}  // namespace voidbox
