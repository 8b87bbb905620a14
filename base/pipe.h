#ifndef VOIDBOX_BASE_PIPE_H_
#define VOIDBOX_BASE_PIPE_H_

#include <fcntl.h>
#include <unistd.h>

#include "absl/status/statusor.h"
#include "base/errno_status.h"
#include "base/unique_fd.h"

namespace voidbox {

// Both ends of a pipe, close-on-exec and blocking.
struct Pipe {
  UniqueFd read, write;
};

inline absl::StatusOr<Pipe> NewPipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return ErrnoStatus("pipe2");
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

}  // namespace voidbox

#endif  // VOIDBOX_BASE_PIPE_H_
