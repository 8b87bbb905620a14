#include "vmm/boot/command_line.h"

#include "absl/strings/str_cat.h"

namespace voidbox {
namespace {

// Where "--" stands as a word of its own, or the end.
size_t FindInitWords(absl::string_view line) {
  for (size_t at = line.find("--"); at != absl::string_view::npos; at = line.find("--", at + 1)) {
    const bool begins = at == 0 || line[at - 1] == ' ';
    const bool ends = at + 2 == line.size() || line[at + 2] == ' ';
    if (begins && ends) return at;
  }
  return line.size();
}

}  // namespace

absl::StatusOr<std::string> CompleteCommandLine(absl::string_view line, uint64_t mmio_base,
                                                uint32_t first_irq, size_t device_count) {
  if (line.find('\0') != absl::string_view::npos || line.find('\n') != absl::string_view::npos) {
    return absl::InvalidArgumentError("kernel command line contains a zero byte or a line feed");
  }
  const size_t split = FindInitWords(line);
  std::string complete(line.substr(0, split));
  for (size_t i = 0; i < device_count; ++i) {
    if (!complete.empty() && complete.back() != ' ') complete += ' ';
    absl::StrAppend(&complete, "virtio_mmio.device=4K@0x", absl::Hex(mmio_base + i * 0x1000), ":",
                    first_irq + i);
  }
  if (split < line.size())
    absl::StrAppend(&complete, complete.empty() ? "" : " ", line.substr(split));
  if (complete.size() > kMaxCommandLineBytes) {
    return absl::InvalidArgumentError(absl::StrCat("kernel command line of ", complete.size(),
                                                   " bytes is longer than the limit of ",
                                                   kMaxCommandLineBytes));
  }
  return complete;
}

}  // namespace voidbox
