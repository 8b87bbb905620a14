#ifndef VOIDBOX_TESTS_TERMINAL_PROCESS_H_
#define VOIDBOX_TESTS_TERMINAL_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace voidbox {

// A `voidbox` that a test runs on a terminal of its own, whose other side the test is.
class TerminalProcess {
 public:
  explicit TerminalProcess(const std::vector<std::string>& arguments, int rows = 24,
                           int columns = 80);
  ~TerminalProcess();
  TerminalProcess(const TerminalProcess&) = delete;
  TerminalProcess& operator=(const TerminalProcess&) = delete;

  void Type(const std::string& keys);
  void Resize(int rows, int columns);
  // Waits until the screen, all that was ever printed, contains `text` behind what an earlier call
  // found; false when the process ends without.
  bool WaitFor(const std::string& text);
  // Waits for the end; 128+N when a signal ended it.
  int Finish();
  const std::string& screen() const { return screen_; }
  // Whether typed keys are echoed and lines edited, as before a program takes the terminal over.
  bool IsCooked() const;

 private:
  bool Read();

  pid_t pid_ = -1;
  UniqueFd master_;
  UniqueFd terminal_;  // ours, so that its settings can be looked at after the end
  std::string screen_;
  size_t found_ = 0;
};

}  // namespace voidbox

#endif  // VOIDBOX_TESTS_TERMINAL_PROCESS_H_
