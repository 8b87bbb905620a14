#ifndef VOIDBOX_AGENT_CONNECTION_H_
#define VOIDBOX_AGENT_CONNECTION_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/agent.pb.h"
#include "agent/byte_queue.h"
#include "agent/ports.h"
#include "base/frame.h"
#include "base/unique_fd.h"

namespace voidbox {

// The agent's end of one call's stream: frames in, frames out, never waiting. Owns the descriptor,
// which must be non-blocking. Not thread-safe.
class Connection {
 public:
  // Output is backed up beyond this many unsent bytes: who produces it should pause. One frame more
  // may come on top.
  static constexpr size_t kOutputLimit = 256 << 10;
  static constexpr size_t kMaxOutputPieceBytes = 64 << 10;

  explicit Connection(UniqueFd fd) : fd_(std::move(fd)), reader_(kMaxRequestBytes) {}

  int fd() const { return fd_.get(); }

  // Reads once, at most 64 KiB. False when no more will come: the peer closed (or half-closed) the
  // stream, or it failed.
  bool Receive();
  // The next complete frame's payload, valid until the next Receive or NextFrame. An error when the
  // peer announces one that is too long; the stream is then of no more use.
  absl::StatusOr<std::optional<absl::string_view>> NextFrame() { return reader_.Next(); }
  // For the frames that come after the request.
  void LimitFrames(size_t max_bytes) { reader_.SetMaxBytes(max_bytes); }
  // Bytes of frames that have come and that NextFrame has not returned.
  size_t unread() const { return reader_.buffered(); }
  bool AtFrameBoundary() const { return reader_.AtBoundary(); }

  // Queues a frame; Flush sends.
  void Send(const agent::ServerFrame& frame);
  // Queues a frame that goes with the next one, or once it is released.
  void SendWithNext(const agent::ServerFrame& frame);
  bool holds() const { return holds_; }
  void Release() { holds_ = false; }
  // Queues a frame of process output without a copy: the caller writes at most kMaxOutputPieceBytes
  // to what ReserveOutput returns, then says how many.
  char* ReserveOutput();
  enum class Output { kStdout, kStderr };
  void CommitOutput(Output output, size_t size);

  // Sends what the stream takes now, unless it is held. False when the stream is broken.
  bool Flush();
  // The stream has yet to take what may go.
  bool WaitsForStream() const { return !holds_ && !out_.empty(); }
  size_t unsent() const { return out_.size(); }
  bool BackedUp() const { return !sealed_ && out_.size() > kOutputLimit; }

  // What is queued still goes out; what comes later is dropped.
  void Seal() { sealed_ = true; }

  // Tells the peer of a socket that nothing more comes; it can still send.
  void EndOutput();
  // Closes the stream and drops what is queued and what comes later.
  void Close();
  bool closed() const { return !fd_; }

 private:
  UniqueFd fd_;
  FrameReader reader_;
  ByteQueue out_;
  bool sealed_ = false;
  bool holds_ = false;  // all that is queued
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_CONNECTION_H_
