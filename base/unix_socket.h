#ifndef VOIDBOX_BASE_UNIX_SOCKET_H_
#define VOIDBOX_BASE_UNIX_SOCKET_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace voidbox {

// Stream sockets in the file system, named by an open directory and a file in it, so that the
// length of the directory's path does not matter (a socket address holds 108 bytes). Needs /proc,
// unless the directory is AT_FDCWD. The sockets are close-on-exec and non-blocking.

// The file must not exist. Its mode is what the umask leaves; the directory keeps others out.
absl::StatusOr<UniqueFd> ListenUnix(int directory, const std::string& name, int backlog = 128);
// UNAVAILABLE when nobody listens (any more); NOT_FOUND when there is no such file.
absl::StatusOr<UniqueFd> ConnectUnix(int directory, const std::string& name);
// The same, but never waits: UNAVAILABLE, too, when the listener's backlog is full.
absl::StatusOr<UniqueFd> ConnectUnixNow(int directory, const std::string& name);
// The next connection; an invalid descriptor when none is waiting.
absl::StatusOr<UniqueFd> AcceptUnix(int listener);
// Two connected sockets.
absl::StatusOr<std::pair<UniqueFd, UniqueFd>> UnixSocketPair();

}  // namespace voidbox

#endif  // VOIDBOX_BASE_UNIX_SOCKET_H_
