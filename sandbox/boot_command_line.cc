#include "sandbox/boot_command_line.h"

#include "absl/strings/str_cat.h"

namespace voidbox {

std::string SandboxCommandLine(GuestKernel kernel, bool show_console, absl::string_view words) {
  std::string line = kBootCommandLine;
  if (kernel == GuestKernel::kOwn) absl::StrAppend(&line, " ", kOwnKernelWords);
  absl::StrAppend(&line, " voidbox.marks");  // guest_agent.cc, kBootMarkOption
  // All but debug messages, in the numbers of kernel-parameters.txt; the last loglevel counts.
  if (show_console) absl::StrAppend(&line, " loglevel=7");
  if (!words.empty()) absl::StrAppend(&line, " ", words);
  return line;
}

}  // namespace voidbox
