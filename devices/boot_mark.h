#ifndef VOIDBOX_DEVICES_BOOT_MARK_H_
#define VOIDBOX_DEVICES_BOOT_MARK_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>

#include "devices/io_bus.h"

namespace voidbox {

// The exit port: a guest that writes a byte there tells the VMM how far its boot has come. Only
// guests whose command line contains `voidbox.marks` do: on another VMM the port is who knows what.
inline constexpr uint16_t kBootMarkPort = 0x0ed0;

enum BootMarkValue : uint8_t {
  kBootMarkInit = 1,        // the first instruction of /init
  kBootMarkAgentReady = 2,  // the agent serves
};

// Each value is reported once, its first time: whoever listens gets a bounded number of reports,
// however much the guest writes. Thread-safe when its callback is.
class BootMarkPort final : public IoHandler {
 public:
  explicit BootMarkPort(std::function<void(uint8_t)> on_mark) : on_mark_(std::move(on_mark)) {}
  void Read(uint64_t offset, std::span<std::byte> out) override;
  void Write(uint64_t offset, std::span<const std::byte> in) override;

 private:
  const std::function<void(uint8_t)> on_mark_;
  std::array<std::atomic<bool>, 256> reported_ = {};
};

}  // namespace voidbox

#endif  // VOIDBOX_DEVICES_BOOT_MARK_H_
