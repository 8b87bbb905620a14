#ifndef VOIDBOX_DEVICES_I8042_H_
#define VOIDBOX_DEVICES_I8042_H_

#include <cstdint>
#include <functional>

#include "devices/io_bus.h"

namespace voidbox {

inline constexpr uint16_t kI8042Port = 0x60;
inline constexpr uint16_t kI8042PortBytes = 5;  // data at 0x60, command and status at 0x64

// Of the i8042 keyboard controller only the reset pulse, by which Linux restarts the machine
// (reboot=k): command 0xfe on port 0x64. Its status says that there is nothing to read and that
// commands are taken, so that a probing driver finds no controller quickly. Thread-safe when its
// callback is.
class I8042 final : public IoHandler {
 public:
  explicit I8042(std::function<void()> on_reset) : on_reset_(std::move(on_reset)) {}
  void Read(uint64_t offset, std::span<std::byte> out) override;
  void Write(uint64_t offset, std::span<const std::byte> in) override;

 private:
  const std::function<void()> on_reset_;
};

}  // namespace voidbox

#endif  // VOIDBOX_DEVICES_I8042_H_
