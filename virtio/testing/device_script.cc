#include "virtio/testing/device_script.h"

#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "base/check.h"
#include "base/log.h"
#include "virtio/spec.h"

namespace voidbox {
namespace {

constexpr uint64_t kLowBytes = 64 << 10;
constexpr uint64_t kHighStart = uint64_t{4} << 30;
constexpr uint64_t kHighBytes = 16 << 10;
alignas(4096) std::byte low[kLowBytes];
alignas(4096) std::byte high[kHighBytes];

// Where a proper start puts the rings of queue i.
constexpr uint16_t kRingSize = 16;
constexpr uint64_t RingStart(uint16_t queue) { return 0x1000 * uint64_t{queue}; }

class NoLine final : public InterruptLine {
 public:
  void Trigger() override {}
};

class Script {
 public:
  Script(const DeviceFactory& make_device, ScriptBytes bytes)
      : make_device_(make_device),
        bytes_(bytes),
        memory_(ScriptMemory()),
        loop_(*EventLoop::Create()),
        transport_(MakeTransport()) {}

  void Run() {
    // Every step is cheap; long inputs bring nothing that shorter ones do not.
    for (int steps = 0; steps < 300 && !bytes_.empty(); ++steps) Step();
    WriteRegister(VIRTIO_MMIO_STATUS, 0);
    Check(ReadRegister(VIRTIO_MMIO_STATUS) == 0, "a reset is complete");
    std::memset(low, 0, sizeof(low));
    Start(UINT64_MAX);
    RunLoop();
    Check((ReadRegister(VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_DEVICE_NEEDS_RESET) == 0,
          "a device is alive after reset");
  }

 private:
  std::unique_ptr<MmioTransport> MakeTransport() {
    auto transport = MmioTransport::Create(make_device_(*loop_), *loop_, memory_, line_);
    Check(transport.ok(), "the transport can be made");
    return *std::move(transport);
  }

  uint32_t ReadRegister(uint32_t offset) {
    uint32_t value;
    transport_->Read(offset, std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }
  void WriteRegister(uint32_t offset, uint32_t value) {
    transport_->Write(offset, std::as_bytes(std::span(&value, 1)));
  }
  void RunLoop() { Check(loop_->RunOnce(absl::ZeroDuration()).ok(), "the loop runs"); }

  void Start(uint64_t wanted) {
    WriteRegister(VIRTIO_MMIO_STATUS, 0);
    uint32_t status = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER;
    WriteRegister(VIRTIO_MMIO_STATUS, status);
    for (const uint32_t half : {0, 1}) {
      WriteRegister(VIRTIO_MMIO_DEVICE_FEATURES_SEL, half);
      WriteRegister(VIRTIO_MMIO_DRIVER_FEATURES_SEL, half);
      const auto mask =
          static_cast<uint32_t>((wanted | FeatureMask(VIRTIO_F_VERSION_1)) >> (32 * half));
      WriteRegister(VIRTIO_MMIO_DRIVER_FEATURES, ReadRegister(VIRTIO_MMIO_DEVICE_FEATURES) & mask);
    }
    status |= VIRTIO_STATUS_FEATURES_OK;
    WriteRegister(VIRTIO_MMIO_STATUS, status);
    for (uint16_t i = 0; i < transport_->notify_fds().size(); ++i) SetUpQueue(i);
    WriteRegister(VIRTIO_MMIO_STATUS, status | VIRTIO_STATUS_DRIVER_OK);
    available_.assign(transport_->notify_fds().size(), 0);
  }

  void SetUpQueue(uint16_t queue) {
    const auto start = static_cast<uint32_t>(RingStart(queue));
    WriteRegister(VIRTIO_MMIO_QUEUE_SEL, queue);
    WriteRegister(VIRTIO_MMIO_QUEUE_NUM,
                  std::min<uint32_t>(kRingSize, ReadRegister(VIRTIO_MMIO_QUEUE_NUM_MAX)));
    WriteRegister(VIRTIO_MMIO_QUEUE_DESC_LOW, start);
    WriteRegister(VIRTIO_MMIO_QUEUE_DRIVER_LOW, start + 0x400);
    WriteRegister(VIRTIO_MMIO_QUEUE_DEVICE_LOW, start + 0x600);
    WriteRegister(VIRTIO_MMIO_QUEUE_READY, 1);
  }

  uint64_t TakeAddress() {
    switch (bytes_.Take<uint8_t>() % 4) {
      case 0:
        return kHighStart + bytes_.Take<uint16_t>();
      case 1:
        return bytes_.Take<uint64_t>();
      default:
        return bytes_.Take<uint16_t>();
    }
  }

  void WriteDescriptor() {
    const uint16_t queue = bytes_.Take<uint8_t>() % 4;
    const uint16_t index = bytes_.Take<uint8_t>() % kRingSize;
    VirtqDescriptor descriptor = {.addr = TakeAddress()};
    const uint8_t flags = bytes_.Take<uint8_t>();
    descriptor.len = (flags & 0x80) != 0 ? bytes_.Take<uint32_t>() : bytes_.Take<uint16_t>();
    descriptor.flags = flags & 7;
    descriptor.next = bytes_.Take<uint8_t>() % (kRingSize + 1);
    Check(memory_.WriteObject({RingStart(queue) + 16 * index}, descriptor).ok(), "rings are RAM");
  }

  void MakeAvailable() {
    if (available_.empty()) return;
    const auto queue = static_cast<uint16_t>(bytes_.Take<uint8_t>() % available_.size());
    const uint64_t ring = RingStart(queue) + 0x400;
    const uint16_t head = bytes_.Take<uint8_t>() % (kRingSize + 1);
    Check(
        memory_.WriteObject<uint16_t>({ring + 4 + 2 * (available_[queue] % kRingSize)}, head).ok(),
        "rings are RAM");
    ++available_[queue];
    Check(memory_.WriteObject<uint16_t>({ring + 2}, available_[queue]).ok(), "rings are RAM");
    WriteRegister(VIRTIO_MMIO_QUEUE_NOTIFY, queue);
  }

  // Whatever was saved can be restored; whatever else is given may be refused only.
  void SaveAndRestore(bool spoil) {
    bool quiet = false;
    transport_->Quiesce([&quiet] { quiet = true; });
    while (!quiet) RunLoop();
    absl::StatusOr<std::string> state = transport_->Save();
    Check(state.ok(), "a device can be saved");
    if (spoil && !state->empty()) {
      for (int i = bytes_.Take<uint8_t>() % 4; i >= 0; --i) {
        (*state)[bytes_.Take<uint16_t>() % state->size()] =
            static_cast<char>(bytes_.Take<uint8_t>());
      }
      if (bytes_.Take<uint8_t>() % 4 == 0) state->resize(bytes_.Take<uint16_t>() % state->size());
    }
    transport_ = nullptr;
    transport_ = MakeTransport();
    const absl::Status restored = transport_->Restore(*state);
    Check(spoil || restored.ok(), "what was saved can be restored");
  }

  void Step() {
    switch (bytes_.Take<uint8_t>() % 12) {
      case 0: {
        const uint32_t offset = bytes_.Take<uint8_t>() * 4u;
        return WriteRegister(offset, bytes_.Take<uint8_t>());
      }
      case 1: {
        const uint32_t offset = bytes_.Take<uint8_t>() * 4u;
        return WriteRegister(offset, bytes_.Take<uint32_t>());
      }
      case 2: {
        std::byte out[16];
        const auto offset = bytes_.Take<uint16_t>();
        return transport_->Read(offset, std::span(out).first(bytes_.Take<uint8_t>() % 17));
      }
      case 3: {
        const std::byte in[16] = {};
        const auto offset = bytes_.Take<uint16_t>();
        return transport_->Write(offset, std::span(in).first(bytes_.Take<uint8_t>() % 17));
      }
      case 4: {
        const uint64_t address = TakeAddress();
        const auto data = bytes_.TakeBytes(bytes_.Take<uint8_t>());
        return memory_.Write({address}, std::as_bytes(data)).IgnoreError();
      }
      case 5:
        return Start(bytes_.Take<uint8_t>() % 4 == 0 ? bytes_.Take<uint64_t>() : UINT64_MAX);
      case 6:
      case 7:
        return WriteDescriptor();
      case 8:
        return MakeAvailable();
      case 9:
        return RunLoop();
      case 10:
        return WriteRegister(VIRTIO_MMIO_QUEUE_NOTIFY, bytes_.Take<uint8_t>());
      default:
        return SaveAndRestore(bytes_.Take<uint8_t>() % 2 == 0);
    }
  }

  const DeviceFactory& make_device_;
  ScriptBytes bytes_;
  const GuestMemory& memory_;
  NoLine line_;
  const std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<MmioTransport> transport_;
  std::vector<uint16_t> available_;  // indices of the rings that Start has set up
};

}  // namespace

std::span<const uint8_t> ScriptBytes::TakeBytes(size_t count) {
  const auto taken = bytes_.first(std::min(count, bytes_.size()));
  bytes_ = bytes_.subspan(taken.size());
  return taken;
}

const GuestMemory& ScriptMemory() {
  static const GuestMemory* const memory = new GuestMemory(
      *GuestMemory::Create({{.start = {0}, .bytes = low}, {.start = {kHighStart}, .bytes = high}}));
  std::memset(low, 0, sizeof(low));
  std::memset(high, 0, sizeof(high));
  return *memory;
}

void RunDeviceScript(const DeviceFactory& make_device, std::span<const uint8_t> bytes) {
  // What a script breaks is logged, and it breaks something nearly every time.
  static const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  SetLogTarget(nowhere, "script");
  Script(make_device, ScriptBytes(bytes)).Run();
}

}  // namespace voidbox
