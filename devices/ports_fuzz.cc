#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/check.h"
#include "devices/boot_mark.h"
#include "devices/i8042.h"
#include "devices/io_bus.h"
#include "devices/serial.h"

namespace {

// A step is an opcode, a port's offset among all that have a device and some beside, and a byte of
// data that is repeated to the access's width.
constexpr size_t kStepBytes = 3;

uint16_t Port(uint8_t selector) {
  switch (selector >> 5) {
    case 0:
      return static_cast<uint16_t>(voidbox::kI8042Port + selector % 8);
    case 1:
      return static_cast<uint16_t>(voidbox::kBootMarkPort - 2 + selector % 4);
    case 2:
      return static_cast<uint16_t>(selector * 257);
    default:
      return static_cast<uint16_t>(voidbox::kSerialPort - 4 + selector % 16);
  }
}

}  // namespace

// Whatever a guest does to its ports, each write transmits at most one byte a port that it covers,
// and marks are reported once.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  size_t transmitted = 0, written = 0, marks = 0;
  voidbox::Serial serial(
      {.transmit = [&](char) { ++transmitted; }, .interrupt = [] {}, .receive_ready = [] {}});
  voidbox::I8042 i8042([] {});
  voidbox::BootMarkPort boot_mark([&](uint8_t) { ++marks; });
  voidbox::IoBus bus;
  voidbox::Check(bus.Add("serial", voidbox::kSerialPort, voidbox::kSerialPortBytes, serial).ok() &&
                     bus.Add("i8042", voidbox::kI8042Port, voidbox::kI8042PortBytes, i8042).ok() &&
                     bus.Add("marks", voidbox::kBootMarkPort, 1, boot_mark).ok(),
                 "the ports do not overlap");
  for (; size >= kStepBytes; data += kStepBytes, size -= kStepBytes) {
    std::byte bytes[8];
    std::fill(std::begin(bytes), std::end(bytes), std::byte{data[2]});
    const size_t width = size_t{1} << (data[0] >> 2) % 4;
    const std::span<std::byte> access(bytes, width);
    switch (data[0] % 4) {
      case 0:
        bus.Read(Port(data[1]), access);
        break;
      case 1: {
        const std::string input(data[1], static_cast<char>(data[2]));
        voidbox::Check(serial.Receive(input) <= input.size(), "no more is taken than given");
        break;
      }
      default:
        written += width;
        bus.Write(Port(data[1]), access);
    }
  }
  voidbox::Check(transmitted <= written, "only what the guest wrote is transmitted");
  voidbox::Check(marks <= 256, "a mark is reported once");
  return 0;
}
