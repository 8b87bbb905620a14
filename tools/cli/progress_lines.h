#ifndef VOIDBOX_TOOLS_CLI_PROGRESS_LINES_H_
#define VOIDBOX_TOOLS_CLI_PROGRESS_LINES_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "image/store/progress.h"

namespace voidbox {

// Tells of a long operation where there is no terminal: a line for each of its steps, when the step
// begins, with its size where that is known. Belongs to one thread.
class ProgressLines final : public Progress {
 public:
  // An error of `check` ends the operation.
  ProgressLines(std::function<void(absl::string_view line)> print,
                std::function<absl::Status()> check)
      : print_(std::move(print)), check_(std::move(check)) {}

  void Begin(absl::string_view step, uint64_t total_bytes) override;
  absl::Status Advance(uint64_t bytes) override;

 private:
  const std::function<void(absl::string_view line)> print_;
  const std::function<absl::Status()> check_;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_PROGRESS_LINES_H_
