// A driver's memory and what a device does with a queue in it. Whatever the memory holds, buffers
// lie in RAM, chains and their number are bounded, and the queue goes on or says that it is broken.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <optional>
#include <utility>

#include "base/check.h"
#include "virtio/queue.h"
#include "virtio/testing/device_script.h"

namespace voidbox {
namespace {

class NoInterrupt final : public Interrupt {
 public:
  void RaiseQueue() override {}
  void RaiseConfig() override {}
};

void CheckBuffers(const GuestMemory& memory, const ChainCursor& cursor) {
  Check(cursor.remaining() <= UINT32_MAX, "a chain is bounded");
  for (const iovec& buffer : cursor.Peek(cursor.remaining())) {
    const auto* const begin = static_cast<const std::byte*>(buffer.iov_base);
    bool inside = false;
    for (const GuestMemory::Region& region : memory.regions()) {
      inside |= begin >= region.bytes.data() && buffer.iov_len > 0 &&
                begin + buffer.iov_len <= region.bytes.data() + region.bytes.size();
    }
    Check(inside, "buffers lie in RAM");
  }
}

void Run(ScriptBytes bytes) {
  const GuestMemory& memory = ScriptMemory();
  NoInterrupt interrupt;
  const uint8_t choice = bytes.Take<uint8_t>();
  const uint64_t features = ((choice & 1) != 0 ? FeatureMask(VIRTIO_F_INDIRECT_DESC) : 0) |
                            ((choice & 2) != 0 ? FeatureMask(VIRTIO_F_EVENT_IDX) : 0);
  QueueConfig config = {.size = static_cast<uint16_t>(1 << (choice >> 2) % 9),
                        .ready = true,
                        .descriptor_table = {0},
                        .driver_area = {0x1000},
                        .device_area = {0x1800}};
  if ((choice & 0x80) != 0) {
    config.size = bytes.Take<uint16_t>();
    config.descriptor_table = {bytes.Take<uint64_t>()};
    config.driver_area = {bytes.Take<uint64_t>()};
    config.device_area = {bytes.Take<uint64_t>()};
  }
  auto queue = Queue::Activate(config, kMaxQueueSize, features, memory, interrupt);
  if (!queue.ok()) return;
  std::deque<DescriptorChain> held;
  for (int steps = 0; steps < 1000 && !bytes.empty(); ++steps) {
    const uint8_t step = bytes.Take<uint8_t>();
    switch (step % 8) {
      case 0:
      case 1: {
        const GuestAddress at = {bytes.Take<uint16_t>() % 0x2000u};
        memory.Write(at, std::as_bytes(bytes.TakeBytes(step >> 3))).IgnoreError();
        break;
      }
      case 2:
      case 3:
      case 4: {
        auto chain = queue->Pop();
        if (!chain.ok() || !chain->has_value()) break;
        CheckBuffers(memory, (*chain)->reader());
        CheckBuffers(memory, (*chain)->writer());
        held.push_back(**std::move(chain));
        Check(held.size() == queue->in_flight() && held.size() <= config.size,
              "no more chains than entries");
        break;
      }
      case 5:
        if (held.empty()) break;
        if ((step & 8) != 0) {
          queue->Return(std::move(held.back()));
          held.pop_back();
          break;
        }
        if (const auto object = held.front().reader().ReadObject<uint64_t>(); object.ok()) {
          held.front().writer().WriteObject(*object).IgnoreError();
        }
        queue->Complete(std::move(held.front()), 0);
        held.pop_front();
        break;
      case 6:
        queue->Signal();
        break;
      default:
        queue->EnableNotification();
    }
  }
}

}  // namespace
}  // namespace voidbox

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  voidbox::Run(voidbox::ScriptBytes({data, size}));
  return 0;
}
