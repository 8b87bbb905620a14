#ifndef VOIDBOX_TOOLS_CLI_RELAY_H_
#define VOIDBOX_TOOLS_CLI_RELAY_H_

#include <functional>

#include "absl/status/status.h"
#include "base/event_loop.h"
#include "sandbox/output_pump.h"

namespace voidbox {

// Carries bytes both ways between a client and a server, each a pair of borrowed descriptors to
// read from and write to (the same one twice for a socket). The client's end of output is passed on
// as a half-close; the server's, once all was written, ends the relay, and so does an error.
// Belongs to the loop's thread.
class Relay {
 public:
  struct Ends {
    int input;
    int output;
  };
  // `done` is called once, from the loop, and may destroy the relay.
  Relay(EventLoop& loop, Ends client, Ends server, std::function<void()> done);
  absl::Status Start();

 private:
  struct Direction {
    Direction(EventLoop& loop, int input, int output, std::function<void()> changed)
        : from(input), to(output), pump(loop, output, std::move(changed)) {}
    const int from;
    const int to;
    bool ended = false;   // `from` is at its end
    bool closed = false;  // and `to` was told
    OutputPump pump;
    EventLoop::Watch watch;
  };
  absl::Status Watch(Direction& direction);
  void Read(Direction& direction);
  void OnChange();
  void Finish();

  EventLoop& loop_;
  std::function<void()> done_;
  Direction up_;    // from the client
  Direction down_;  // from the server
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_RELAY_H_
