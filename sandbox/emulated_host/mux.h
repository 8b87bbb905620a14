#ifndef VOIDBOX_SANDBOX_EMULATED_HOST_MUX_H_
#define VOIDBOX_SANDBOX_EMULATED_HOST_MUX_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "sandbox/emulated_host/mux_frame.h"

namespace voidbox {

// Carries many byte streams over one: each stream is a connected socket at either end, and bytes,
// half-closes and closes pass between the two. A receiver grants credit, so a stream whose reader
// is slow holds up no other and buffers at most its window. Belongs to its loop's thread.
//
// The opener's end opens streams and the acceptor's end takes them. The peer is not trusted: what
// breaks the protocol ends the Mux.
class Mux {
 public:
  struct Options {
    // Bytes of one stream on their way; what a hostile peer can make us hold is this, times
    // max_streams.
    size_t window_bytes = 256 << 10;
    size_t max_streams = 256;
  };
  // The local socket of a stream that the peer opened for `purpose`; an invalid descriptor refuses
  // the stream.
  using AcceptHandler = std::function<UniqueFd(absl::string_view purpose)>;
  // Called once, from the loop, when the connection ended or the peer broke the protocol: every
  // stream is closed by then. Not called after the Mux' end of life.
  using FailureHandler = std::function<void(const absl::Status&)>;
  // Called when the number of streams has changed.
  using CountHandler = std::function<void(size_t streams)>;

  // `connection` is non-blocking. `accept` is empty for the opener.
  static absl::StatusOr<std::unique_ptr<Mux>> Create(EventLoop& loop, UniqueFd connection,
                                                     const Options& options, AcceptHandler accept,
                                                     FailureHandler failed);
  Mux(const Mux&) = delete;
  Mux& operator=(const Mux&) = delete;

  // Carries `local`, a non-blocking socket, as a new stream for `purpose`, which the peer is told:
  // at most kMaxMuxPurpose bytes. RESOURCE_EXHAUSTED beyond max_streams.
  absl::Status Open(UniqueFd local, absl::string_view purpose = "");
  // Why Open would refuse a stream, while there is still a socket to say so on.
  absl::Status CanOpen() const;

  size_t stream_count() const { return streams_.size(); }
  void set_count_handler(CountHandler handler) { count_changed_ = std::move(handler); }

 private:
  struct Stream {
    UniqueFd local;
    std::string to_local;      // received and not yet written to `local`
    size_t to_local_done = 0;  // bytes of to_local already written
    uint64_t peer_credit = 0;  // bytes the peer still takes
    size_t window_left = 0;    // bytes the peer may still send
    size_t ungranted = 0;      // bytes delivered and not yet granted again
    bool local_ended = false;  // we have sent kFinish or kReset
    bool peer_finished = false;
    bool peer_deaf = false;   // it takes no more: kReset
    bool local_deaf = false;  // writing to `local` failed: what comes is dropped
    bool write_shut = false;  // the peer's end was passed on to `local`
    EventLoop::Watch watch;   // last: ends first
  };

  Mux(EventLoop& loop, UniqueFd connection, const Options& options, AcceptHandler accept,
      FailureHandler failed);

  void OnConnection(uint32_t events);
  void ReadConnection();
  absl::Status HandleFrame(const MuxFrame& frame);
  void HandleOpen(uint32_t id, absl::string_view purpose);
  absl::Status HandleData(Stream& stream, absl::string_view payload);
  void OnLocal(uint32_t id, uint32_t events);
  void ReadLocal(uint32_t id, Stream& stream, bool hung_up);
  void WriteLocal(uint32_t id, Stream& stream);
  // Sends what `stream` owes its peer, watches what it waits for, and removes it when it is done.
  void Settle(uint32_t id);
  bool IsDone(const Stream& stream) const;
  absl::Status Watch(uint32_t id, Stream& stream);
  absl::Status AddStream(uint32_t id, UniqueFd local);
  void RemoveStream(uint32_t id);
  void Send(const MuxFrame& frame);
  void Flush();
  void Fail(const absl::Status& status);
  void Report();

  EventLoop& loop_;  // outlives the Mux
  const Options options_;
  AcceptHandler accept_;
  FailureHandler failed_;  // empty once called
  CountHandler count_changed_;
  UniqueFd connection_;
  const bool is_socket_;  // else a character device
  MuxFrameReader reader_;
  std::string out_;  // frames on their way to the connection
  size_t out_done_ = 0;
  bool out_full_ = false;  // as of the last Flush; streams are not read then
  uint32_t next_id_ = 1;
  std::map<uint32_t, Stream> streams_;
  absl::Status failure_;
  EventLoop::Timer failure_timer_;
  EventLoop::Watch watch_;
};

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_EMULATED_HOST_MUX_H_
