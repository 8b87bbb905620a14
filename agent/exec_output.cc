#include "agent/exec_output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "agent/terminal.h"
#include "base/ioctl.h"
#include "base/status_macros.h"

namespace voidbox {

ExecOutput::ExecOutput(EventLoop& loop, bool keep, Handled handled)
    : loop_(loop),
      handled_(std::move(handled)),
      kept_(keep ? std::make_unique<KeptOutput>() : nullptr) {
  outputs_[0].kind = Connection::Output::kStdout;
  outputs_[1].kind = Connection::Output::kStderr;
}

void ExecOutput::Open(UniqueFd output, UniqueFd error) {
  outputs_[0].pipe = std::move(output);
  outputs_[1].pipe = std::move(error);
}

absl::Status ExecOutput::Watch() {
  for (Output& output : outputs_) {
    if (!output.pipe || output.watch || BackedUp()) continue;
    ASSIGN_OR_RETURN(output.watch, loop_.Add(output.pipe.get(), EPOLLIN, [this, &output](uint32_t) {
      Read(output);
      // Not only silenced: a pipe whose writers are gone would go on to report that.
      if (output.pipe && BackedUp()) output.watch.Reset();
      handled_();
    }));
  }
  return absl::OkStatus();
}

// Reads once. False when nothing came: the pipe is then closed, or empty for now.
bool ExecOutput::Read(Output& output) {
  const size_t most = std::min(output.left, Connection::kMaxOutputPieceBytes);
  std::array<char, Connection::kMaxOutputPieceBytes> piece;  // for when nobody takes it
  char* const bytes = connection_ != nullptr ? connection_->ReserveOutput() : piece.data();
  const ssize_t got = ::read(output.pipe.get(), bytes, most);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    if (limited_) output.left = 0;  // somebody else has read it
    return false;
  }
  if (got <= 0) {
    output.watch.Reset();
    output.pipe.Reset();
    return false;
  }
  const size_t size = static_cast<size_t>(got);
  if (limited_) output.left -= size;
  if (kept_ != nullptr) kept_->Append(output.kind, {bytes, size});
  if (connection_ != nullptr) connection_->CommitOutput(output.kind, size);
  return true;
}

void ExecOutput::Limit(bool is_terminal) {
  limited_ = true;
  for (Output& output : outputs_) {
    output.watch.Reset();
    if (!output.pipe) continue;
    output.left = kMaxTerminalBytes;
    if (is_terminal) continue;
    int size = 0;
    const bool told = Ioctl(output.pipe.get(), FIONREAD, "FIONREAD", &size).ok();
    output.left = told ? static_cast<size_t>(size) : 0;
  }
}

bool ExecOutput::Drain() {
  for (Output& output : outputs_) {
    while (output.pipe && output.left != 0) {
      if (BackedUp()) return false;
      Read(output);
    }
  }
  return true;
}

void ExecOutput::LiftLimit() {
  limited_ = false;
  for (Output& output : outputs_) output.left = SIZE_MAX;
}

bool ExecOutput::HasWriter() {
  for (Output& output : outputs_) {
    if (output.pipe) Read(output);
  }
  return outputs_[0].pipe || outputs_[1].pipe;
}

void ExecOutput::Close() {
  for (Output& output : outputs_) {
    output.watch.Reset();
    output.pipe.Reset();
  }
}

}  // namespace voidbox
