#ifndef VOIDBOX_SANDBOX_LIVING_SANDBOXES_H_
#define VOIDBOX_SANDBOX_LIVING_SANDBOXES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sandbox/sandbox_record.h"

namespace voidbox {

// The sockets that a VMM makes in its sandbox' directory.
inline constexpr char kVsockSocket[] = "vsock.sock";
inline constexpr char kControlSocket[] = "control.sock";
// The file in it that holds its record.
inline constexpr char kRecordName[] = "state.json";

// Reading $VOIDBOX_HOME/sandboxes, without waiting for those who create or reap there.

// The sandbox `id`, if it has a record and its VMM lives.
std::optional<SandboxRecord> LivingSandbox(const std::string& sandboxes, const std::string& id);
// All of them, oldest first.
absl::StatusOr<std::vector<SandboxRecord>> LivingSandboxes(const std::string& sandboxes);

void SortByAge(std::vector<SandboxRecord>& records);

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_LIVING_SANDBOXES_H_
