#ifndef VOIDBOX_DEVICES_SERIAL_H_
#define VOIDBOX_DEVICES_SERIAL_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <string>

#include "absl/strings/string_view.h"
#include "base/mutex.h"
#include "devices/io_bus.h"

namespace voidbox {

inline constexpr uint16_t kSerialPort = 0x3f8;  // COM1
inline constexpr uint16_t kSerialPortBytes = 8;
inline constexpr uint32_t kSerialIrq = 4;

// A 16550A UART (National Semiconductor PC16550D data sheet). What the guest sends leaves at once:
// the transmitter is always empty. Any thread; callbacks run with the lock held and must not call
// back.
class Serial final : public IoHandler {
 public:
  struct Callbacks {
    std::function<void(char)> transmit;
    std::function<void()> interrupt;  // a rising edge on its line
    // There is room again after Receive took less than it was given.
    std::function<void()> receive_ready;
  };
  explicit Serial(Callbacks callbacks) : callbacks_(std::move(callbacks)) {}

  void Read(uint64_t offset, std::span<std::byte> out) override;
  void Write(uint64_t offset, std::span<const std::byte> in) override;

  // Hands bytes to the guest's receiver; returns how many there was room for.
  size_t Receive(absl::string_view bytes);

 private:
  uint8_t ReadRegister(uint64_t offset) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteRegister(uint64_t offset, uint8_t value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint8_t PendingInterrupt() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void UpdateInterrupt() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool loopback() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Callbacks callbacks_;
  Mutex mutex_;
  std::deque<uint8_t> received_ ABSL_GUARDED_BY(mutex_);
  bool refused_input_ ABSL_GUARDED_BY(mutex_) = false;
  bool transmitter_interrupt_ ABSL_GUARDED_BY(mutex_) = false;  // THR became empty, not yet read
  bool interrupt_high_ ABSL_GUARDED_BY(mutex_) = false;
  uint8_t interrupt_enable_ ABSL_GUARDED_BY(mutex_) = 0;
  uint8_t fifo_control_ ABSL_GUARDED_BY(mutex_) = 0;
  uint8_t line_control_ ABSL_GUARDED_BY(mutex_) = 0;
  uint8_t modem_control_ ABSL_GUARDED_BY(mutex_) = 0;
  uint8_t scratch_ ABSL_GUARDED_BY(mutex_) = 0;
  uint16_t divisor_ ABSL_GUARDED_BY(mutex_) = 12;  // 9600 baud
};

}  // namespace voidbox

#endif  // VOIDBOX_DEVICES_SERIAL_H_
