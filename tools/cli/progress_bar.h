#ifndef VOIDBOX_TOOLS_CLI_PROGRESS_BAR_H_
#define VOIDBOX_TOOLS_CLI_PROGRESS_BAR_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "image/store/progress.h"

namespace voidbox {

// Shows a person at a terminal how far a long operation is: step, bar, sizes, rate and time left,
// on one line that goes away in the end. Nothing is shown of what takes less than a second, and
// nothing at all unless `fd` is a terminal. Belongs to one thread.
class ProgressBar final : public Progress {
 public:
  struct Options {
    int fd = 2;
    bool is_terminal = false;
    int columns = 80;
    std::function<absl::Time()> now;
    // An error ends the operation: the person may have pressed Ctrl-C.
    std::function<absl::Status()> check;
  };
  explicit ProgressBar(Options options);
  // On standard error, as wide as it is.
  static Options ForTerminal(std::function<absl::Status()> check);
  ~ProgressBar() override;

  void Begin(absl::string_view step, uint64_t total_bytes) override;
  absl::Status Advance(uint64_t bytes) override;

 private:
  void Draw(absl::Time now);
  void Clear();
  std::string Line(absl::Time now) const;

  const Options options_;
  const absl::Time started_;  // the whole operation
  std::string step_;
  uint64_t done_ = 0;
  uint64_t total_ = 0;
  absl::Time step_started_;
  absl::Time drawn_;
  bool visible_ = false;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_PROGRESS_BAR_H_
