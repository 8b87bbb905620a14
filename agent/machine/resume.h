#ifndef VOIDBOX_AGENT_MACHINE_RESUME_H_
#define VOIDBOX_AGENT_MACHINE_RESUME_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/agent.pb.h"
#include "agent/net/network_config.h"

namespace voidbox {

inline constexpr size_t kMinEntropyBytes = 32;
inline constexpr size_t kMaxEntropyBytes = 512;
inline constexpr size_t kMaxHostNameBytes = 64;  // __NEW_UTS_LEN

// A checked ResumeRequest.
struct Identity {
  std::string entropy;
  int64_t realtime_ns;
  std::string host_name;   // empty leaves it
  std::string machine_id;  // likewise
  std::optional<NetworkConfig> network;
};

// INVALID_ARGUMENT with the field and its bounds.
absl::StatusOr<Identity> ParseResumeRequest(const agent::ResumeRequest& request);

// Makes a guest that comes out of a snapshot another one than its siblings: entropy first, so that
// nothing else is done with theirs. `etc` is the directory of machine-id and resolv.conf.
absl::Status ApplyIdentity(const Identity& identity, const std::string& etc);

// The steps. Entropy is credited in full, and used from now on (RNDRESEEDCRNG).
absl::Status AddEntropy(absl::string_view bytes);
absl::Status SetHostName(absl::string_view name);
// Replaces the file, as machine-id(5) has it: hexadecimal, a newline, for all to read.
absl::Status WriteMachineId(const std::string& path, absl::string_view id);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_MACHINE_RESUME_H_
