#include "tools/bench/guest_call.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/agent.pb.h"
#include "agent/ports.h"
#include "base/errno_status.h"
#include "base/frame.h"
#include "base/io.h"
#include "base/status_macros.h"
#include "base/unix_socket.h"

namespace voidbox::bench {
namespace {

// "OK 4294967295\n" is 14 bytes long.
constexpr size_t kMaxAnswerBytes = 32;
constexpr timeval kLimit = {.tv_sec = 60, .tv_usec = 0};

absl::Status MakeBlocking(int socket) {
  if (::fcntl(socket, F_SETFL, 0) != 0) return ErrnoStatus("fcntl(F_SETFL)");
  if (::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &kLimit, sizeof(kLimit)) != 0 ||
      ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &kLimit, sizeof(kLimit)) != 0) {
    return ErrnoStatus("setsockopt");
  }
  return absl::OkStatus();
}

absl::Status TakeAnswer(int socket) {
  std::string answer(kMaxAnswerBytes, '\0');
  // Looked at first, since what follows the line is not ours. VMMs send the line in one piece.
  const ssize_t seen = ::recv(socket, answer.data(), answer.size(), MSG_PEEK);
  if (seen < 0) return ErrnoStatus("vsock.sock");
  if (seen == 0) return absl::UnavailableError("the guest refused the connection");
  answer.resize(answer.substr(0, static_cast<size_t>(seen)).find('\n') + 1);
  ASSIGN_OR_RETURN(const size_t got, ReadUpTo(socket, answer.data(), answer.size()));
  answer.resize(got);
  if (absl::StartsWith(answer, "OK ")) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("the VMM answered CONNECT with '", answer, "'"));
}

absl::StatusOr<agent::ServerFrame> ReadServerFrame(int call) {
  agent::ServerFrame frame;
  RETURN_IF_ERROR(ReadFrame(call, frame));
  if (frame.has_error()) return absl::InternalError(frame.error().message());
  return frame;
}

std::string Describe(const agent::ExecEnded& ended) {
  return absl::StrCat("reason ", static_cast<int>(ended.reason()), ", exit code ",
                      ended.exit_code(), ", signal ", ended.signal(), " ", ended.message());
}

}  // namespace

absl::StatusOr<UniqueFd> ConnectToGuest(const std::string& vsock_socket, uint32_t port) {
  ASSIGN_OR_RETURN(UniqueFd socket, ConnectUnix(AT_FDCWD, vsock_socket));
  RETURN_IF_ERROR(MakeBlocking(socket.get()));
  RETURN_IF_ERROR(WriteAll(socket.get(), absl::StrCat("CONNECT ", port, "\n")));
  RETURN_IF_ERROR(TakeAnswer(socket.get()));
  return socket;
}

absl::StatusOr<UniqueFd> StartExec(const std::string& vsock_socket,
                                   const std::vector<std::string>& argv) {
  ASSIGN_OR_RETURN(UniqueFd call, ConnectToGuest(vsock_socket, kAgentPort));
  agent::Request request;
  for (const std::string& argument : argv) request.mutable_exec()->add_argv(argument);
  RETURN_IF_ERROR(WriteFrame(call.get(), request));
  return call;
}

absl::Status FinishExec(int call) {
  for (;;) {
    ASSIGN_OR_RETURN(const agent::ServerFrame frame, ReadServerFrame(call));
    if (!frame.has_ended()) continue;
    const agent::ExecEnded& ended = frame.ended();
    if (ended.reason() == agent::ExecEnded::EXITED && ended.exit_code() == 0) {
      return absl::OkStatus();
    }
    return absl::FailedPreconditionError(absl::StrCat("the command failed: ", Describe(ended)));
  }
}

absl::Status AwaitOutput(int call, const std::string& text) {
  std::string output;
  for (;;) {
    ASSIGN_OR_RETURN(const agent::ServerFrame frame, ReadServerFrame(call));
    if (frame.has_ended()) {
      return absl::FailedPreconditionError(
          absl::StrCat("the command ended: ", Describe(frame.ended()), "; it said: ", output));
    }
    absl::StrAppend(&output, frame.stdout(), frame.stderr());
    if (absl::StrContains(output, text)) return absl::OkStatus();
  }
}

}  // namespace voidbox::bench
