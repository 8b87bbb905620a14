#include "tools/cli/session_terminal.h"

#include <unistd.h>

#include <utility>

#include "base/status_macros.h"

namespace voidbox {
namespace {

// Of the VT100.
constexpr uint32_t kRows = 24;
constexpr uint32_t kColumns = 80;

}  // namespace

SessionTerminal::SessionTerminal() : raw_(STDIN_FILENO, RawTerminal::Keys::kAll) {}

absl::StatusOr<std::unique_ptr<SessionTerminal>> SessionTerminal::Create(
    EventLoop& loop, WindowSizeWatch::Handler resized) {
  std::unique_ptr<SessionTerminal> terminal(new SessionTerminal());
  const int fd = ::isatty(STDOUT_FILENO) == 1 ? STDOUT_FILENO : STDIN_FILENO;
  ASSIGN_OR_RETURN(terminal->sizes_, WindowSizeWatch::Create(loop, fd, std::move(resized)));
  return terminal;
}

agent::WindowSize SessionTerminal::Size() {
  for (const int fd : {STDOUT_FILENO, STDIN_FILENO}) {
    if (const auto size = WindowSizeOf(fd)) return *size;
  }
  agent::WindowSize size;
  size.set_rows(kRows);
  size.set_columns(kColumns);
  return size;
}

}  // namespace voidbox
