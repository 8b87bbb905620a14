#ifndef VOIDBOX_TOOLS_CLI_SANDBOX_ASK_H_
#define VOIDBOX_TOOLS_CLI_SANDBOX_ASK_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/agent.pb.h"
#include "base/unique_fd.h"
#include "vmm/vmm.pb.h"

namespace voidbox {

// A guest that does not answer is not waited for any longer.
inline constexpr absl::Duration kAnswerLimit = absl::Seconds(20);

// Asks the agent behind a connection to vsock.sock what it answers with one frame, which is to be
// of that kind; an Error frame is the status that it stands for. DEADLINE_EXCEEDED after `limit`,
// DATA_LOSS for another frame.
absl::StatusOr<agent::ServerFrame> AskAgent(UniqueFd vsock, const agent::Request& request,
                                            agent::ServerFrame::FrameCase expected,
                                            absl::Duration limit = kAnswerLimit);
// Asks the VMM behind a connection to control.sock.
absl::StatusOr<vmm::ControlReply> AskVmm(UniqueFd control, const vmm::ControlRequest& request,
                                         absl::Duration limit = kAnswerLimit);

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_SANDBOX_ASK_H_
