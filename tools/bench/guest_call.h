#ifndef VOIDBOX_TOOLS_BENCH_GUEST_CALL_H_
#define VOIDBOX_TOOLS_BENCH_GUEST_CALL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace voidbox::bench {

// Connections into a guest through its VMM's vsock socket, blocking, since what is measured is the
// time of one call after the other. Each read and write waits a minute at most.

// Says CONNECT and takes the answer, byte by byte, as what follows belongs to the caller.
absl::StatusOr<UniqueFd> ConnectToGuest(const std::string& vsock_socket, uint32_t port);

// An exec call that was sent and not answered yet.
absl::StatusOr<UniqueFd> StartExec(const std::string& vsock_socket,
                                   const std::vector<std::string>& argv);
// Reads until the command has ended. FAILED_PRECONDITION unless it exited with 0.
absl::Status FinishExec(int call);
// Reads until the command has said `text` on its standard output.
absl::Status AwaitOutput(int call, const std::string& text);

}  // namespace voidbox::bench

#endif  // VOIDBOX_TOOLS_BENCH_GUEST_CALL_H_
