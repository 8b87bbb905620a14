#include "sandbox/boot_command_line.h"

#include "absl/strings/str_cat.h"

namespace voidbox {

std::string SandboxCommandLine(bool show_console, absl::string_view words) {
  // guest_agent.cc, kBootMarkOption
  std::string line = absl::StrCat(kBootCommandLine, " voidbox.marks");
  // All but debug messages, in the numbers of kernel-parameters.txt; the last loglevel counts.
  if (show_console) absl::StrAppend(&line, " loglevel=7");
  if (!words.empty()) absl::StrAppend(&line, " ", words);
  return line;
}

}  // namespace voidbox
