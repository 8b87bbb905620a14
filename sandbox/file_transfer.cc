#include "sandbox/file_transfer.h"

#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/agent_call.h"
#include "agent/error_frame.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "sandbox/write_to_reader.h"

namespace voidbox {
namespace {

constexpr size_t kPieceBytes = 256 << 10;

// One call, either way. Belongs to the loop's thread, which waits for nothing else: it may block on
// the descriptor.
class Transfer {
 public:
  Transfer(EventLoop& loop, int input, int output, absl::Duration idle_limit)
      : loop_(loop), input_(input), output_(output), idle_limit_(idle_limit) {}

  absl::StatusOr<agent::TransferDone> Run(UniqueFd vsock, const agent::Request& request) {
    ASSIGN_OR_RETURN(idle_, loop_.AddTimer([this] {
      End(absl::DeadlineExceededError(absl::StrCat("the agent neither took nor sent anything for ",
                                                   absl::FormatDuration(idle_limit_))));
    }));
    AgentCall::Handlers handlers;
    handlers.frame = [this](const agent::ServerFrame& frame) {
      OnFrame(frame);
      WaitForAgent();
    };
    handlers.ended = [this](const absl::Status& status) {
      End(status.ok() ? absl::UnavailableError("the connection to the agent ended") : status);
    };
    handlers.room = [this] {
      SendSome();
      WaitForAgent();
    };
    ASSIGN_OR_RETURN(
        call_, AgentCall::Start(loop_, std::move(vsock), kAgentPort, request, std::move(handlers)));
    WaitForAgent();
    RETURN_IF_ERROR(loop_.Run());
    if (!ended_) return absl::CancelledError("the transfer was broken off");
    RETURN_IF_ERROR(result_);
    return done_;
  }

 private:
  // From now on, when what was to be done here is done, however long that took.
  void WaitForAgent() {
    if (ended_) return;
    if (const absl::Status status = idle_.Set(idle_limit_); !status.ok()) End(status);
  }

  void OnFrame(const agent::ServerFrame& frame) {
    switch (frame.frame_case()) {
      case agent::ServerFrame::kTransferReady:
        if (std::exchange(ready_, true)) break;
        return SendSome();
      case agent::ServerFrame::kData:
        if (output_ < 0 || !ready_) break;
        if (const absl::Status status = WriteToReader(output_, frame.data()); !status.ok()) {
          return End(status);
        }
        return;
      case agent::ServerFrame::kTransferDone:
        // Of what was not sent yet, nothing can be in place.
        if (!ready_ || input_ >= 0) break;
        done_ = frame.transfer_done();
        return End(absl::OkStatus());
      case agent::ServerFrame::kError:
        return End(ErrorStatus(frame.error()));
      default:
        break;
    }
    End(absl::DataLossError("the agent answered with a frame that does not belong"));
  }

  void SendSome() {
    while (ready_ && input_ >= 0 && !ended_ && call_->HasRoom()) {
      agent::ClientFrame frame;
      std::string& piece = *frame.mutable_data();
      piece.resize(kPieceBytes);
      const ssize_t got = ::read(input_, piece.data(), piece.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return End(ErrnoStatus("reading the tar stream"));
      if (got == 0) {
        frame.mutable_end_data();
        input_ = -1;
      } else {
        piece.resize(static_cast<size_t>(got));
      }
      if (const absl::Status status = call_->Send(frame); !status.ok()) return End(status);
    }
  }

  void End(const absl::Status& status) {
    if (std::exchange(ended_, true)) return;
    result_ = status;
    loop_.Stop();
  }

  EventLoop& loop_;
  int input_;  // -1 at its end
  const int output_;
  const absl::Duration idle_limit_;
  EventLoop::Timer idle_;
  bool ready_ = false;
  bool ended_ = false;
  absl::Status result_;
  agent::TransferDone done_;
  std::unique_ptr<AgentCall> call_;
};

}  // namespace

absl::StatusOr<agent::TransferDone> Upload(EventLoop& loop, UniqueFd vsock,
                                           const agent::UploadRequest& upload, int input,
                                           absl::Duration idle_limit) {
  agent::Request request;
  *request.mutable_upload() = upload;
  return Transfer(loop, input, -1, idle_limit).Run(std::move(vsock), request);
}

absl::StatusOr<agent::TransferDone> Download(EventLoop& loop, UniqueFd vsock,
                                             const agent::DownloadRequest& download, int output,
                                             absl::Duration idle_limit) {
  agent::Request request;
  *request.mutable_download() = download;
  return Transfer(loop, -1, output, idle_limit).Run(std::move(vsock), request);
}

}  // namespace voidbox
