#include "sandbox/emulated_host/qmp.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/errno_status.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

// Each is sent when the one before has returned.
constexpr std::array<absl::string_view, 5> kCommands = {
    R"({"execute": "qmp_capabilities"})",
    R"({"execute": "migrate-set-capabilities", "arguments":
        {"capabilities": [{"capability": "events", "state": true}]}})",
    // Bytes a second: no limit to speak of, the target is a file.
    R"({"execute": "migrate-set-parameters", "arguments": {"max-bandwidth": 100000000000}})",
    R"({"execute": "getfd", "arguments": {"fdname": "state"}})",
    R"({"execute": "migrate", "arguments": {"uri": "fd:state"}})",
};
constexpr size_t kGetFd = 3;
constexpr absl::string_view kContinue = R"({"execute": "cont"})";
constexpr size_t kMaxLineBytes = 1 << 20;
constexpr int kMaxResumeAttempts = 10'000;  // each waits for QEMU's answer

// The text in `field` of an object; empty when there is none. nlohmann's value() would throw at a
// field of another type.
std::string Text(const nlohmann::json& object, const char* field) {
  if (!object.is_object()) return "";
  const auto found = object.find(field);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

absl::StatusOr<std::unique_ptr<StateSaver>> StateSaver::Start(EventLoop& loop, UniqueFd monitor,
                                                              UniqueFd state, DoneHandler done) {
  std::unique_ptr<StateSaver> saver(
      new StateSaver(std::move(monitor), std::move(state), std::move(done)));
  StateSaver* const self = saver.get();
  ASSIGN_OR_RETURN(saver->done_timer_, loop.AddTimer([self] { self->Report(); }));
  ASSIGN_OR_RETURN(saver->watch_, loop.Add(saver->monitor_.get(), EPOLLIN,
                                           [self](uint32_t) { self->OnReadable(); }));
  return saver;
}

void StateSaver::OnReadable() {
  char bytes[4096];
  const ssize_t got = ::read(monitor_.get(), bytes, sizeof(bytes));
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return Finish(absl::UnavailableError("QEMU has closed its monitor"));
  buffer_.append(bytes, static_cast<size_t>(got));
  for (size_t end; (end = buffer_.find('\n')) != std::string::npos;) {
    const std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    const absl::Status status = HandleLine(line);
    if (!status.ok()) return Finish(status);
    if (finished_) return;
  }
  if (buffer_.size() > kMaxLineBytes) Finish(absl::DataLossError("endless line from QEMU"));
}

absl::Status StateSaver::HandleLine(absl::string_view line) {
  const nlohmann::json message =
      nlohmann::json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
  if (!message.is_object()) return absl::DataLossError("QEMU said what is not a QMP message");
  if (message.contains("QMP")) return SendNext();  // its greeting
  // The event comes a moment before the machine may run again ("Migration is not finalized yet").
  if (message.contains("error") && resuming_ && resume_attempts_ < kMaxResumeAttempts) {
    ++resume_attempts_;
    return SendCommand(kContinue, -1);
  }
  if (message.contains("error")) {
    return absl::InternalError(absl::StrCat("QEMU: ", message["error"].dump()));
  }
  if (message.contains("return")) {
    if (resuming_) {
      Finish(result_);
      return absl::OkStatus();
    }
    return next_command_ < kCommands.size() ? SendNext() : absl::OkStatus();
  }
  if (Text(message, "event") != "MIGRATION") return absl::OkStatus();
  const auto data = message.find("data");
  const std::string progress = data == message.end() ? "" : Text(*data, "status");
  if (progress != "completed" && progress != "failed" && progress != "cancelled") {
    return absl::OkStatus();
  }
  if (progress != "completed") {
    result_ = absl::InternalError("QEMU could not save its state");
  }
  resuming_ = true;
  return SendCommand(kContinue, -1);
}

absl::Status StateSaver::SendNext() {
  const size_t command = next_command_++;
  return SendCommand(kCommands[command], command == kGetFd ? state_.get() : -1);
}

absl::Status StateSaver::SendCommand(absl::string_view command, int passed_fd) {
  std::string text = absl::StrCat(command, "\n");
  iovec piece = {.iov_base = text.data(), .iov_len = text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  if (passed_fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &passed_fd, sizeof(int));
  }
  // A few hundred bytes fit in an idle socket's buffer.
  const ssize_t sent = ::sendmsg(monitor_.get(), &message, MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(text.size())) return ErrnoStatus("write to QEMU's monitor");
  return absl::OkStatus();
}

void StateSaver::Finish(const absl::Status& status) {
  if (finished_) return;
  finished_ = true;
  watch_.Reset();
  state_.Reset();
  // Later, so that the handler may destroy us.
  result_ = status;
  const absl::Status set = done_timer_.Set(absl::ZeroDuration());
  Check(set.ok(), set.message());
}

void StateSaver::Report() {
  const DoneHandler done = std::exchange(done_, nullptr);
  const absl::Status result = result_;
  if (done) done(result);
}

}  // namespace voidbox
