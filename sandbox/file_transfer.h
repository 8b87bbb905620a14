#ifndef VOIDBOX_SANDBOX_FILE_TRANSFER_H_
#define VOIDBOX_SANDBOX_FILE_TRANSFER_H_

#include "absl/status/statusor.h"
#include "agent/agent.pb.h"
#include "base/unique_fd.h"

namespace voidbox {

// Carries an UploadRequest's tar stream from a descriptor to a guest's agent, or a
// DownloadRequest's from there to a descriptor. Blocks until it is over; the end of this process
// ends the call, which then changes nothing in the guest. `vsock` is a connection to vsock.sock.

// Reads `input` to its end.
absl::StatusOr<agent::TransferDone> Upload(UniqueFd vsock, const agent::UploadRequest& upload,
                                           int input);
absl::StatusOr<agent::TransferDone> Download(UniqueFd vsock, const agent::DownloadRequest& download,
                                             int output);

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_FILE_TRANSFER_H_
