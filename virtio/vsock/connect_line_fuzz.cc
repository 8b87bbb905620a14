// The first byte says in which pieces the rest arrives. Whatever the pieces, the line means the
// same as when all of it arrives at once.
#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "virtio/vsock/connect_line.h"

namespace voidbox {
namespace {

struct Meaning {
  bool refused = false;
  std::optional<uint32_t> port;
  std::string rest;  // of the stream, as far as read and unread
  bool operator==(const Meaning&) const = default;
};

Meaning Read(absl::string_view text, size_t piece) {
  ConnectLine line;
  Meaning meaning;
  while (!text.empty() && !meaning.port.has_value()) {
    const std::span<char> room = line.Room();
    Check(!room.empty(), "there is room while no port is known");
    const size_t count = std::min({piece, room.size(), text.size()});
    std::memcpy(room.data(), text.data(), count);
    text.remove_prefix(count);
    const absl::StatusOr<std::optional<uint32_t>> port = line.Advance(count);
    if (!port.ok()) return {.refused = true};
    meaning.port = *port;
  }
  if (meaning.port.has_value()) {
    meaning.rest = std::string(line.rest());
    line.ConsumeRest(meaning.rest.size());
    Check(line.rest().empty(), "all of the rest can be consumed");
    meaning.rest += std::string(text);
  }
  return meaning;
}

}  // namespace
}  // namespace voidbox

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const absl::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  voidbox::Check(voidbox::Read(text, data[0] % 32 + 1u) == voidbox::Read(text, 32),
                 "a line does not depend on how it arrives");
  return 0;
}
