#ifndef VOIDBOX_BASE_IO_H_
#define VOIDBOX_BASE_IO_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// Blocking reads and writes that go on after signals and short transfers. A write to a closed peer
// is an error (UNAVAILABLE or so from EPIPE), never a SIGPIPE on sockets; other descriptors' owners
// ignore SIGPIPE.

// Reads until `size` bytes or the end of the stream; returns how many came.
absl::StatusOr<size_t> ReadUpTo(int fd, char* data, size_t size);
absl::Status WriteAll(int fd, absl::string_view data);

// A whole file. RESOURCE_EXHAUSTED beyond `max_bytes`.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes = 16 << 20);
// Replaces `path` by rename, so that a reader sees the old or the new contents.
absl::Status WriteFileAtomically(const std::string& path, absl::string_view data, int mode = 0644);

}  // namespace voidbox

#endif  // VOIDBOX_BASE_IO_H_
