#ifndef VOIDBOX_AGENT_EXEC_OUTPUT_H_
#define VOIDBOX_AGENT_EXEC_OUTPUT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "agent/connection.h"
#include "agent/kept_output.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace voidbox {

// What a command writes, on its way from its two pipes (or its terminal) to the connection that
// takes it, and to what is kept of it. Without either it is read and thrown away, so that who
// writes is neither blocked nor killed. Belongs to the loop's thread.
class ExecOutput {
 public:
  // Called, as an event's last act, after each read.
  using Handled = std::function<void()>;
  ExecOutput(EventLoop& loop, bool keep, Handled handled);

  // Our ends, which do not block. With a terminal there is no `error`.
  void Open(UniqueFd output, UniqueFd error);
  // The first of them.
  int fd() const { return outputs_[0].pipe.get(); }

  // Who takes what comes; null for nobody. It outlives its being set.
  void SetConnection(Connection* connection) { connection_ = connection; }
  // Null unless it is kept.
  const KeptOutput* kept() const { return kept_.get(); }
  // What comes is not kept any more.
  void Forget() { kept_.reset(); }

  // Reads from now on, as far as the connection takes it. Called again when it takes more.
  absl::Status Watch();
  // Only what the pipes hold now comes from now on, by Drain. A terminal does not say how much
  // that is: at most so many bytes.
  void Limit(bool is_terminal);
  // True when all of that was taken, as it is when there is no connection.
  bool Drain();
  // What comes later is read as well.
  void LiftLimit();
  // Whether somebody still has the other end of a pipe. Reads what has come.
  bool HasWriter();
  void Close();

 private:
  struct Output {
    Connection::Output kind;
    UniqueFd pipe;           // closed after its end
    size_t left = SIZE_MAX;  // bytes until its limit
    EventLoop::Watch watch;  // none while the connection is backed up
  };
  bool BackedUp() const { return connection_ != nullptr && connection_->BackedUp(); }
  bool Read(Output& output);

  EventLoop& loop_;
  const Handled handled_;
  Connection* connection_ = nullptr;
  std::unique_ptr<KeptOutput> kept_;
  bool limited_ = false;
  std::array<Output, 2> outputs_;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_EXEC_OUTPUT_H_
