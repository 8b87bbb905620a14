#include "tools/cli/window_size.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <utility>

#include "base/errno_status.h"
#include "base/ioctl.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr uint32_t kDefaultRows = 24;
constexpr uint32_t kDefaultColumns = 80;

}  // namespace

std::optional<agent::WindowSize> WindowSizeOf(int fd) {
  winsize size = {};
  if (::isatty(fd) != 1 || !Ioctl(fd, TIOCGWINSZ, "TIOCGWINSZ", &size).ok()) return std::nullopt;
  agent::WindowSize result;
  result.set_rows(size.ws_row != 0 ? size.ws_row : kDefaultRows);
  result.set_columns(size.ws_col != 0 ? size.ws_col : kDefaultColumns);
  return result;
}

absl::StatusOr<std::unique_ptr<WindowSizeWatch>> WindowSizeWatch::Create(EventLoop& loop, int fd,
                                                                         Handler handler) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGWINCH);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return ErrnoStatus("sigprocmask");
  auto watch = std::make_unique<WindowSizeWatch>();
  watch->signals_.Reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!watch->signals_) return ErrnoStatus("signalfd");
  const int signals = watch->signals_.get();
  ASSIGN_OR_RETURN(watch->watch_, loop.Add(signals, EPOLLIN,
                                           [signals, fd, handler = std::move(handler)](uint32_t) {
                                             signalfd_siginfo info;
                                             if (::read(signals, &info, sizeof(info)) < 0) return;
                                             if (const auto size = WindowSizeOf(fd)) handler(*size);
                                           }));
  return watch;
}

}  // namespace voidbox
