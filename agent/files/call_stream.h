#ifndef VOIDBOX_AGENT_FILES_CALL_STREAM_H_
#define VOIDBOX_AGENT_FILES_CALL_STREAM_H_

#include <cstddef>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/agent.pb.h"

namespace voidbox {

// The worker's end of a call's stream, blocking: it does one call and has nothing else to do. What
// the host says is bounded; its hanging up is an error like any other. Data are handed over without
// a copy in between.
class CallStream {
 public:
  static constexpr size_t kMaxDataBytes = 256 << 10;  // agent.proto, ClientFrame and ServerFrame

  // `stream` is borrowed, and made blocking.
  explicit CallStream(int stream);

  absl::Status Send(const agent::ServerFrame& frame);
  // Small pieces wait for a large one, FlushData or Send, so that they do not cost a frame each;
  // large ones are sent from where they are.
  absl::Status SendData(absl::string_view data);
  absl::Status FlushData();
  // Gives up what waits, for an error to be the next frame.
  void DropData() { output_size_ = 0; }

  // The data of the next frame, valid until the next call; empty after the host's EndData, and from
  // then on. CANCELLED when the host has hung up, INVALID_ARGUMENT for what does not belong.
  absl::StatusOr<absl::string_view> ReceiveData();

 private:
  absl::StatusOr<absl::string_view> ReceiveFrame();
  absl::Status SendDataFrame(absl::string_view data);

  const int stream_;
  const std::unique_ptr<char[]> input_;   // one frame
  const std::unique_ptr<char[]> output_;  // what is to come in a data frame
  size_t output_size_ = 0;
  bool input_ended_ = false;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_FILES_CALL_STREAM_H_
