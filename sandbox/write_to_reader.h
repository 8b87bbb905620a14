#ifndef VOIDBOX_SANDBOX_WRITE_TO_READER_H_
#define VOIDBOX_SANDBOX_WRITE_TO_READER_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/io.h"

namespace voidbox {

// WriteAll, with CANCELLED when nobody reads: whoever was to read knows why, and says so.
inline absl::Status WriteToReader(int fd, absl::string_view data) {
  absl::Status status = WriteAll(fd, data);
  // EPIPE of a pipe, as absl::ErrnoToStatus has it.
  if (!absl::IsFailedPrecondition(status)) return status;
  return absl::CancelledError("the stream's reader is gone");
}

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_WRITE_TO_READER_H_
