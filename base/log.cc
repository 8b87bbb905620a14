#include "base/log.h"

#include <unistd.h>

#include <string>

#include "base/printable_text.h"

namespace voidbox {
namespace {

int log_fd = STDERR_FILENO;
char program_name[32] = "voidbox";

absl::string_view Label(Severity severity) {
  switch (severity) {
    case Severity::kInfo:
      return "";
    case Severity::kWarning:
      return "warning: ";
    case Severity::kError:
      return "error: ";
  }
  return "";
}

}  // namespace

void SetLogTarget(int fd, absl::string_view program) {
  log_fd = fd;
  const size_t length = program.copy(program_name, sizeof(program_name) - 1);
  program_name[length] = '\0';
}

void LogLine(Severity severity, absl::string_view message) {
  // Messages may quote whom nobody trusts: control characters but line feeds and tabs are shown.
  const std::string line =
      absl::StrCat(program_name, ": ", Label(severity), PrintableText(message), "\n");
  [[maybe_unused]] const ssize_t written = ::write(log_fd, line.data(), line.size());
}

}  // namespace voidbox
