#ifndef VOIDBOX_SANDBOX_FILE_TRANSFER_H_
#define VOIDBOX_SANDBOX_FILE_TRANSFER_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/agent.pb.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace voidbox {

// Carries an UploadRequest's tar stream from a descriptor to a guest's agent, or a
// DownloadRequest's from there to a descriptor. Runs `loop`, which the caller may stop, until it is
// over; that and the end of this process end the call, which then changes nothing in the guest.
// `vsock` is a connection to vsock.sock. The guest is not trusted: DATA_LOSS for frames that do not
// belong, DEADLINE_EXCEEDED when nothing moves for `idle_limit` though it is the agent's turn.
// CANCELLED when the loop was stopped, or nobody reads the output.

// A guest that writes its disk, or one on a busy machine, is slow and not silent for so long.
inline constexpr absl::Duration kTransferIdleLimit = absl::Minutes(5);

// Reads `input` to its end.
absl::StatusOr<agent::TransferDone> Upload(EventLoop& loop, UniqueFd vsock,
                                           const agent::UploadRequest& upload, int input,
                                           absl::Duration idle_limit = kTransferIdleLimit);
absl::StatusOr<agent::TransferDone> Download(EventLoop& loop, UniqueFd vsock,
                                             const agent::DownloadRequest& download, int output,
                                             absl::Duration idle_limit = kTransferIdleLimit);

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_FILE_TRANSFER_H_
