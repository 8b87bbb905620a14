#include "agent/request_fields_bound.h"

#include <cstdint>

#include "absl/strings/str_cat.h"

namespace voidbox {
namespace {

// The wire types of protobuf.dev/programming-guides/encoding.
enum WireType : uint64_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };

// A varint, taken off; false when there is none.
bool TakeVarint(absl::string_view& bytes, uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    value |= uint64_t{byte & 0x7fu} << shift;
    if ((byte & 0x80) == 0) return true;
  }
  return false;
}

// Counts the fields of a message, and of the messages in it down to `levels`, until they are more
// than the limit or what follows is no field.
void Count(absl::string_view message, int levels, size_t& fields) {
  while (!message.empty() && fields <= kMaxRequestFields) {
    uint64_t tag = 0, size = 0;
    if (!TakeVarint(message, tag)) return;
    ++fields;
    switch (tag & 7) {
      case kVarint:
        if (!TakeVarint(message, size)) return;
        continue;
      case kFixed64:
        size = 8;
        break;
      case kFixed32:
        size = 4;
        break;
      case kLengthDelimited:
        if (!TakeVarint(message, size)) return;
        if (levels > 1) Count(message.substr(0, size), levels - 1, fields);
        break;
      default:
        continue;  // a group's begin or end
    }
    if (size > message.size()) return;
    message.remove_prefix(size);
  }
}

}  // namespace

absl::Status CheckRequestFields(absl::string_view request) {
  size_t fields = 0;
  Count(request, /*levels=*/2, fields);
  if (fields <= kMaxRequestFields) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("a request of ", request.size(),
                                                 " bytes has more fields than the limit of ",
                                                 kMaxRequestFields));
}

}  // namespace voidbox
