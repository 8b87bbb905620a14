#include "agent/run_ts/run_ts_call.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "agent/agent_call.h"
#include "agent/error_frame.h"
#include "agent/files/workspace_path.h"
#include "agent/run_ts/preload_script.h"
#include "agent/run_ts/run_ts_command.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/tar/beneath.h"
#include "base/tar/relative_path.h"

namespace voidbox {
namespace {

constexpr uid_t kUser = 1000;
constexpr size_t kInputPieceBytes = 64 << 10;  // agent.proto, ClientFrame.stdin

absl::Status CheckDeno() {
  if (::access(kDeno, X_OK) == 0) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat(
      "run-ts: this image has no Deno at ", kDeno,
      ": use one that has it, such as the debian flavour (voidbox image build debian)"));
}

// The errors of a path that is not there, or is no file, before anything runs.
absl::Status CheckProgram(const agent::RunTsRequest& request) {
  if (request.program_case() != agent::RunTsRequest::kPath) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto parts, ParseWorkspacePath(request.path()));
  const UniqueFd workspace(::open(kWorkspace, O_PATH | O_DIRECTORY | O_CLOEXEC));
  ASSIGN_OR_RETURN(const UniqueFd file, OpenBeneath(workspace.get(), JoinPath(parts), O_PATH));
  struct stat info;
  if (::fstat(file.get(), &info) != 0) return PathStatus(request.path(), errno);
  if (S_ISREG(info.st_mode)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("path ", ShownPath(request.path()), ": is not a regular file"));
}

// A call to the agent itself, served from the loop's next turn on.
absl::StatusOr<UniqueFd> ConnectToAgent(const RunTsCall::Environment& environment) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
    return ErrnoStatus("socketpair");
  }
  // std::function wants to be copied.
  auto served = std::make_shared<UniqueFd>(pair[0]);
  environment.loop.Post([serve = environment.serve_call, served] { serve(std::move(*served)); });
  return UniqueFd(pair[1]);
}

}  // namespace

RunTsCall::RunTsCall(Connection& connection, Settle settle, ResultFiles files)
    : connection_(connection), settle_(std::move(settle)), files_(std::move(files)) {}

RunTsCall::~RunTsCall() = default;

CallStarter RunTsCall::Starter(Environment environment) {
  return [environment = std::move(environment)](const agent::Request& request,
                                                Connection& connection, Settle settle) {
    return Start(environment, request.run_ts(), connection, std::move(settle));
  };
}

absl::StatusOr<std::unique_ptr<Call>> RunTsCall::Start(const Environment& environment,
                                                       const agent::RunTsRequest& request,
                                                       Connection& connection, Settle settle) {
  ASSIGN_OR_RETURN(ResultFiles files, ResultFiles::Create(kWorkspace, kUser));
  agent::Request exec;
  ASSIGN_OR_RETURN(*exec.mutable_exec(), RunTsCommand(request, PreloadUrl(files)));
  RETURN_IF_ERROR(CheckProgram(request));
  RETURN_IF_ERROR(CheckDeno());
  ASSIGN_OR_RETURN(UniqueFd stream, ConnectToAgent(environment));
  std::unique_ptr<RunTsCall> call(new RunTsCall(connection, std::move(settle), std::move(files)));
  RunTsCall* const self = call.get();
  ASSIGN_OR_RETURN(
      call->call_,
      AgentCall::Start(environment.loop, std::move(stream), std::nullopt, exec,
                       {.frame = [self](const auto& frame) { self->OnAgentFrame(frame); },
                        .ended = [self](const auto& status) { self->OnEnd(status); },
                        .room = [self] { self->settle_(); }}));
  call->has_code_ = request.program_case() == agent::RunTsRequest::kCode;
  if (call->has_code_) RETURN_IF_ERROR(call->SendCode(request.code()));
  return call;
}

absl::Status RunTsCall::SendCode(const std::string& code) {
  agent::ClientFrame frame;
  for (absl::string_view rest = code; !rest.empty();) {
    const absl::string_view piece = rest.substr(0, kInputPieceBytes);
    frame.set_stdin(piece.data(), piece.size());
    RETURN_IF_ERROR(call_->Send(frame));
    rest.remove_prefix(piece.size());
  }
  frame.mutable_close_stdin();
  return call_->Send(frame);
}

absl::Status RunTsCall::OnFrame(const agent::ClientFrame& frame) {
  if (has_code_ && (frame.has_stdin() || frame.has_close_stdin())) {
    return absl::InvalidArgumentError("stdin: the request did not ask for standard input");
  }
  return call_->Send(frame);
}

bool RunTsCall::WantsFrames() const { return call_->HasRoom(); }

void RunTsCall::OnRoom() { call_->PauseFrames(false); }

void RunTsCall::OnAgentFrame(const agent::ServerFrame& frame) {
  const bool is_last = frame.has_ended() || frame.has_error();
  if (frame.has_ended() && frame.ended().reason() != agent::ExecEnded::NOT_STARTED) SendResult();
  connection_.Send(frame);
  if (is_last) {
    files_.Remove();
    done_ = true;
  } else if (connection_.BackedUp()) {
    call_->PauseFrames(true);
  }
  settle_();
}

void RunTsCall::SendResult() {
  agent::ServerFrame frame;
  agent::RunTsResult& result = *frame.mutable_run_ts_result();
  if (auto text = files_.ReadResult()) result.set_result(*std::move(text));
  if (auto text = files_.ReadError()) result.set_error(*std::move(text));
  connection_.Send(frame);
}

void RunTsCall::OnEnd(const absl::Status& status) {
  if (done_) return;
  connection_.Send(ErrorFrame(
      absl::InternalError(absl::StrCat("run-ts: the agent's own call ended: ", status.message()))));
  files_.Remove();
  done_ = true;
  settle_();
}

// The files are removed when the program has ended, not before: it could still write them.
void RunTsCall::Cancel() {
  if (done_) return;
  agent::ClientFrame kill;
  kill.mutable_signal()->set_number(SIGKILL);
  static_cast<void>(call_->Send(kill));
  call_->PauseFrames(false);
}

}  // namespace voidbox
