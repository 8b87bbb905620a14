#include "tools/cli/progress_lines.h"

#include "absl/strings/str_cat.h"
#include "tools/cli/human_units.h"

namespace voidbox {

void ProgressLines::Begin(absl::string_view step, uint64_t total_bytes) {
  if (step.empty()) return;
  print_(total_bytes == 0 ? std::string(step)
                          : absl::StrCat(step, " (", HumanBytes(total_bytes), ")"));
}

absl::Status ProgressLines::Advance(uint64_t) { return check_(); }

}  // namespace voidbox
