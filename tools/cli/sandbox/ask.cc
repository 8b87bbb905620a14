#include "tools/cli/sandbox/ask.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <optional>
#include <utility>

#include "agent/agent_call.h"
#include "agent/error_frame.h"
#include "base/errno_status.h"
#include "base/event_loop.h"
#include "base/frame.h"
#include "base/status_macros.h"

namespace voidbox {

absl::StatusOr<agent::ServerFrame> AskAgent(UniqueFd vsock, const agent::Request& request,
                                            agent::ServerFrame::FrameCase expected,
                                            absl::Duration limit) {
  ASSIGN_OR_RETURN(const auto loop, EventLoop::Create());
  std::optional<agent::ServerFrame> answer;
  absl::Status end = absl::UnavailableError("the agent closed the connection without an answer");
  AgentCall::Handlers handlers;
  handlers.frame = [&](const agent::ServerFrame& frame) {
    if (!answer.has_value()) answer = frame;
    loop->Stop();
  };
  handlers.ended = [&](const absl::Status& status) {
    if (!status.ok()) end = status;
    loop->Stop();
  };
  ASSIGN_OR_RETURN(auto timer, loop->AddTimer([&] {
    end = absl::DeadlineExceededError("the guest's agent does not answer");
    loop->Stop();
  }));
  RETURN_IF_ERROR(timer.Set(limit));
  ASSIGN_OR_RETURN(const auto call, AgentCall::Start(*loop, std::move(vsock), kAgentPort, request,
                                                     std::move(handlers)));
  RETURN_IF_ERROR(loop->Run());
  if (!answer.has_value()) return end;
  if (answer->has_error()) return ErrorStatus(answer->error());
  if (answer->frame_case() != expected) {
    return absl::DataLossError("the agent answered with a frame that does not belong");
  }
  return *std::move(answer);
}

absl::StatusOr<vmm::ControlReply> AskVmm(UniqueFd control, const vmm::ControlRequest& request,
                                         absl::Duration limit) {
  if (::fcntl(control.get(), F_SETFL, 0) != 0) return ErrnoStatus("fcntl(F_SETFL)");
  const timeval patience = absl::ToTimeval(limit);
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    if (::setsockopt(control.get(), SOL_SOCKET, option, &patience, sizeof(patience)) != 0) {
      return ErrnoStatus("setsockopt");
    }
  }
  RETURN_IF_ERROR(WriteFrame(control.get(), request));
  vmm::ControlReply reply;
  RETURN_IF_ERROR(ReadFrame(control.get(), reply));
  if (!reply.error().empty()) return absl::InternalError(reply.error());
  return reply;
}

}  // namespace voidbox
