#ifndef VOIDBOX_AGENT_ERROR_FRAME_H_
#define VOIDBOX_AGENT_ERROR_FRAME_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "agent/agent.pb.h"

namespace voidbox {

// A text that may quote what the host sent, as a message's string field takes it: bytes that are
// not printable ASCII as \xNN (protobuf refuses to parse strings that are not UTF-8), and cut after
// kMaxMessageBytes.
inline constexpr size_t kMaxMessageBytes = 1024;
std::string MessageText(absl::string_view text);

// An Error frame; the codes of `status` that the protocol does not have become INTERNAL.
agent::ServerFrame ErrorFrame(const absl::Status& status);

// What an Error frame says, for who called: never OK, and INTERNAL for a code that is unknown. Its
// message is MessageText, whatever was sent.
absl::Status ErrorStatus(const agent::Error& error);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_ERROR_FRAME_H_
