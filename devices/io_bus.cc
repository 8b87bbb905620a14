#include "devices/io_bus.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace voidbox {

absl::Status IoBus::Add(absl::string_view name, uint64_t base, uint64_t size, IoHandler& handler) {
  if (size == 0 || base + size < base) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": range 0x", absl::Hex(base), "+0x",
                                                   absl::Hex(size), " is empty or wraps"));
  }
  const auto next = ranges_.lower_bound(base);
  const Range* taken = nullptr;
  if (next != ranges_.end() && next->first - base < size) taken = &next->second;
  if (next != ranges_.begin()) {
    const auto previous = std::prev(next);
    if (base - previous->first < previous->second.size) taken = &previous->second;
  }
  if (taken != nullptr) {
    return absl::AlreadyExistsError(absl::StrCat(name, ": range 0x", absl::Hex(base), "+0x",
                                                 absl::Hex(size), " overlaps ", taken->name));
  }
  ranges_.emplace(base, Range{size, &handler, name});
  return absl::OkStatus();
}

IoBus::Target IoBus::Find(uint64_t address, size_t length) const {
  auto after = ranges_.upper_bound(address);
  if (after == ranges_.begin()) return {};
  const auto& [base, range] = *std::prev(after);
  const uint64_t offset = address - base;
  if (offset >= range.size || length > range.size - offset) return {};
  return {range.handler, offset};
}

void IoBus::Read(uint64_t address, std::span<std::byte> out) const {
  const Target target = Find(address, out.size());
  if (target.handler != nullptr) {
    target.handler->Read(target.offset, out);
  } else {
    std::fill(out.begin(), out.end(), std::byte{0xff});
  }
}

void IoBus::Write(uint64_t address, std::span<const std::byte> in) const {
  const Target target = Find(address, in.size());
  if (target.handler != nullptr) target.handler->Write(target.offset, in);
}

}  // namespace voidbox
