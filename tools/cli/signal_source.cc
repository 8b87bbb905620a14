#include "tools/cli/signal_source.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <utility>

#include "base/errno_status.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

bool IsIgnored(int number) {
  struct sigaction action;
  return ::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SignalSource>> SignalSource::Create(
    EventLoop& loop, std::function<void(int)> handler) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    if (!IsIgnored(number)) ::sigaddset(&set, number);
  }
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return ErrnoStatus("sigprocmask");
  auto source = std::make_unique<SignalSource>();
  source->fd_.Reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!source->fd_) return ErrnoStatus("signalfd");
  const int fd = source->fd_.get();
  ASSIGN_OR_RETURN(source->watch_,
                   loop.Add(fd, EPOLLIN, [fd, handler = std::move(handler)](uint32_t) {
                     signalfd_siginfo info;
                     if (::read(fd, &info, sizeof(info)) == sizeof(info)) {
                       handler(static_cast<int>(info.ssi_signo));
                     }
                   }));
  return source;
}

}  // namespace voidbox
