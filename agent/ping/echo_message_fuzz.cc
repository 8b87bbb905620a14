#include <sys/socket.h>

#include <cstdint>

#include "agent/ping/echo_message.h"
#include "base/check.h"

// What came in answer to an echo request.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view message(reinterpret_cast<const char*>(data), size);
  for (const int family : {AF_INET, AF_INET6}) {
    const auto reply = voidbox::ParseEchoReply(family, message);
    if (!reply.has_value()) continue;
    voidbox::Check(reply->data.size() + voidbox::kEchoHeaderBytes == size,
                   "the data is what stands behind the header");
    const auto sequence = static_cast<uint16_t>(data[6] << 8 | data[7]);
    voidbox::Check(reply->sequence == sequence, "the sequence number is big-endian");
  }
  return 0;
}
