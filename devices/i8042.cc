#include "devices/i8042.h"

#include <algorithm>

namespace voidbox {
namespace {

constexpr uint64_t kCommandOffset = 4;
constexpr std::byte kPulseResetLine{0xfe};

}  // namespace

void I8042::Read(uint64_t, std::span<std::byte> out) {
  std::fill(out.begin(), out.end(), std::byte{0});
}

void I8042::Write(uint64_t offset, std::span<const std::byte> in) {
  if (offset == kCommandOffset && in.size() == 1 && in[0] == kPulseResetLine) on_reset_();
}

}  // namespace voidbox
