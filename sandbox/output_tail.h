#ifndef VOIDBOX_SANDBOX_OUTPUT_TAIL_H_
#define VOIDBOX_SANDBOX_OUTPUT_TAIL_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace voidbox {

// The last bytes of an output that may be endless, for an error message. Not thread-safe.
class OutputTail {
 public:
  explicit OutputTail(size_t max_bytes = 16 << 10) : max_bytes_(max_bytes) {}

  void Append(absl::string_view bytes);
  // At most `max_lines` lines, each indented by two spaces and ended by a line feed. What
  // is not printable ASCII, and could be aimed at the reader's terminal, is shown as '?'.
  std::string LastLines(size_t max_lines) const;

 private:
  const size_t max_bytes_;
  std::string bytes_;  // at most 2 * max_bytes_
};

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_OUTPUT_TAIL_H_
