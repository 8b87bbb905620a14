#include "devices/serial.h"

#include <algorithm>

namespace voidbox {
namespace {

// Register offsets (PC16550D, table II).
enum : uint64_t {
  kData = 0,                     // RBR, THR; divisor low byte when DLAB
  kInterruptEnable = 1,          // divisor high byte when DLAB
  kInterruptIdentification = 2,  // read; FIFO control when written
  kLineControl = 3,
  kModemControl = 4,
  kLineStatus = 5,
  kModemStatus = 6,
  kScratch = 7,
};

constexpr uint8_t kIerReceived = 0x01;
constexpr uint8_t kIerTransmitterEmpty = 0x02;
constexpr uint8_t kIerMask = 0x0f;
constexpr uint8_t kIirNone = 0x01;
constexpr uint8_t kIirTransmitterEmpty = 0x02;
constexpr uint8_t kIirReceived = 0x04;
constexpr uint8_t kIirFifosEnabled = 0xc0;
constexpr uint8_t kFcrEnable = 0x01;
constexpr uint8_t kFcrClearReceiver = 0x02;
constexpr uint8_t kLcrDivisorLatch = 0x80;
constexpr uint8_t kMcrMask = 0x1f;
constexpr uint8_t kMcrLoopback = 0x10;
constexpr uint8_t kLsrDataReady = 0x01;
constexpr uint8_t kLsrTransmitterEmpty = 0x60;  // THRE and TEMT
constexpr uint8_t kMsrConnected = 0xb0;         // DCD, DSR, CTS

constexpr size_t kReceiverBytes = 16;

}  // namespace

void Serial::Read(uint64_t offset, std::span<std::byte> out) {
  std::fill(out.begin(), out.end(), std::byte{0xff});
  if (out.size() != 1) return;
  bool room;
  {
    MutexLock lock(mutex_);
    out[0] = std::byte{ReadRegister(offset)};
    room = refused_input_ && received_.empty();
    if (room) refused_input_ = false;
  }
  if (room) callbacks_.receive_ready();
}

void Serial::Write(uint64_t offset, std::span<const std::byte> in) {
  if (in.size() != 1) return;
  MutexLock lock(mutex_);
  WriteRegister(offset, static_cast<uint8_t>(in[0]));
}

size_t Serial::Receive(absl::string_view bytes) {
  MutexLock lock(mutex_);
  if (loopback()) return bytes.size();  // the line is cut
  const size_t taken = std::min(bytes.size(), kReceiverBytes - received_.size());
  received_.insert(received_.end(), bytes.begin(), bytes.begin() + taken);
  refused_input_ = taken < bytes.size();
  UpdateInterrupt();
  return taken;
}

bool Serial::loopback() const { return modem_control_ & kMcrLoopback; }

uint8_t Serial::PendingInterrupt() const {
  if ((interrupt_enable_ & kIerReceived) && !received_.empty()) return kIirReceived;
  if ((interrupt_enable_ & kIerTransmitterEmpty) && transmitter_interrupt_)
    return kIirTransmitterEmpty;
  return kIirNone;
}

void Serial::UpdateInterrupt() {
  const bool high = PendingInterrupt() != kIirNone;
  if (high && !interrupt_high_) callbacks_.interrupt();
  interrupt_high_ = high;
}

uint8_t Serial::ReadRegister(uint64_t offset) {
  const bool divisor_latch = line_control_ & kLcrDivisorLatch;
  switch (offset) {
    case kData: {
      if (divisor_latch) return divisor_ & 0xff;
      if (received_.empty()) return 0;
      const uint8_t value = received_.front();
      received_.pop_front();
      // More data is a new edge: the guest may read one byte per interrupt.
      interrupt_high_ = false;
      UpdateInterrupt();
      return value;
    }
    case kInterruptEnable:
      return divisor_latch ? divisor_ >> 8 : interrupt_enable_;
    case kInterruptIdentification: {
      const uint8_t pending = PendingInterrupt();
      if (pending == kIirTransmitterEmpty) {
        transmitter_interrupt_ = false;
        UpdateInterrupt();
      }
      return pending | (fifo_control_ & kFcrEnable ? kIirFifosEnabled : 0);
    }
    case kLineControl:
      return line_control_;
    case kModemControl:
      return modem_control_;
    case kLineStatus:
      return kLsrTransmitterEmpty | (received_.empty() ? 0 : kLsrDataReady);
    case kModemStatus:
      // In loopback the modem control outputs (DTR, RTS, OUT1, OUT2) come back as DSR, CTS, RI,
      // DCD.
      if (loopback()) {
        return (modem_control_ & 0x0c) << 4 | (modem_control_ & 0x02) << 3 |
               (modem_control_ & 0x01) << 5;
      }
      return kMsrConnected;
    case kScratch:
      return scratch_;
    default:
      return 0xff;
  }
}

void Serial::WriteRegister(uint64_t offset, uint8_t value) {
  const bool divisor_latch = line_control_ & kLcrDivisorLatch;
  switch (offset) {
    case kData:
      if (divisor_latch) {
        divisor_ = (divisor_ & 0xff00) | value;
        return;
      }
      if (loopback()) {
        if (received_.size() < kReceiverBytes) received_.push_back(value);
      } else {
        callbacks_.transmit(static_cast<char>(value));
      }
      transmitter_interrupt_ = true;
      interrupt_high_ = false;
      UpdateInterrupt();
      return;
    case kInterruptEnable:
      if (divisor_latch) {
        divisor_ = (divisor_ & 0x00ff) | value << 8;
        return;
      }
      // Enabling the transmitter interrupt while the holding register is empty raises it.
      if ((value & kIerTransmitterEmpty) && !(interrupt_enable_ & kIerTransmitterEmpty)) {
        transmitter_interrupt_ = true;
      }
      interrupt_enable_ = value & kIerMask;
      UpdateInterrupt();
      return;
    case kInterruptIdentification:  // FIFO control
      fifo_control_ = value;
      if (value & kFcrClearReceiver) received_.clear();
      UpdateInterrupt();
      return;
    case kLineControl:
      line_control_ = value;
      return;
    case kModemControl:
      modem_control_ = value & kMcrMask;
      return;
    case kScratch:
      scratch_ = value;
      return;
    default:
      return;
  }
}

}  // namespace voidbox
