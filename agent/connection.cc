#include "agent/connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

namespace voidbox {
namespace {

constexpr size_t kReceiveBytes = 64 << 10;

// A frame whose message is one bytes field: the frame's length, the field's tag, and the field's
// length as a varint of three bytes, which may be padded (protobuf encoding, "Base 128 Varints"):
// of the same size whatever the length.
constexpr size_t kFieldHeaderBytes = 1 + 3;
constexpr size_t kOutputHeaderBytes = kFrameHeaderBytes + kFieldHeaderBytes;
constexpr int kLengthDelimited = 2;

}  // namespace

bool Connection::Receive() {
  if (!fd_) return false;
  std::array<char, kReceiveBytes> piece;
  const ssize_t got = ::read(fd_.get(), piece.data(), piece.size());
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  reader_.Append({piece.data(), static_cast<size_t>(got)});
  return true;
}

void Connection::Send(const agent::ServerFrame& frame) {
  if (sealed_) return;
  holds_ = false;
  std::string bytes;
  // Frames are made by the agent and far below the limit, which is all that AppendFrame refuses.
  if (AppendFrame(frame, bytes).ok()) out_.Append(bytes);
}

void Connection::SendWithNext(const agent::ServerFrame& frame) {
  const bool alone = out_.empty();
  Send(frame);
  holds_ = alone && !out_.empty();
}

char* Connection::ReserveOutput() {
  return out_.Reserve(kOutputHeaderBytes + kMaxOutputPieceBytes) + kOutputHeaderBytes;
}

void Connection::CommitOutput(Output output, size_t size) {
  if (sealed_) return;
  holds_ = false;
  char* p = out_.Reserve(kOutputHeaderBytes + size);
  const size_t frame = kFieldHeaderBytes + size;
  for (int shift = 0; shift < 32; shift += 8) *p++ = static_cast<char>(frame >> shift);
  const int field = output == Output::kStdout ? agent::ServerFrame::kStdoutFieldNumber
                                              : agent::ServerFrame::kStderrFieldNumber;
  *p++ = static_cast<char>(field << 3 | kLengthDelimited);
  *p++ = static_cast<char>((size & 0x7f) | 0x80);
  *p++ = static_cast<char>((size >> 7 & 0x7f) | 0x80);
  *p++ = static_cast<char>(size >> 14);
  out_.Commit(kOutputHeaderBytes + size);
}

bool Connection::Flush() {
  if (holds_) return true;
  while (!out_.empty()) {
    const absl::string_view bytes = out_.contents();
    // Not send(2): the stream need not be a socket. Whoever serves ignores SIGPIPE.
    const ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno == EAGAIN;
    out_.Consume(static_cast<size_t>(written));
  }
  return true;
}

void Connection::EndOutput() {
  sealed_ = true;
  ::shutdown(fd_.get(), SHUT_WR);
}

void Connection::Close() {
  fd_.Reset();
  holds_ = false;
  sealed_ = true;
  out_.Clear();
}

}  // namespace voidbox
