#include "devices/boot_mark.h"

#include <algorithm>

namespace voidbox {

void BootMarkPort::Read(uint64_t, std::span<std::byte> out) {
  std::fill(out.begin(), out.end(), std::byte{0xff});
}

void BootMarkPort::Write(uint64_t, std::span<const std::byte> in) {
  if (in.empty()) return;
  const auto value = static_cast<uint8_t>(in[0]);
  if (!reported_[value].exchange(true)) on_mark_(value);
}

}  // namespace voidbox
