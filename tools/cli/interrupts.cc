#include "tools/cli/interrupts.h"

#include <csignal>

namespace voidbox {
namespace {

volatile std::sig_atomic_t last_signal = 0;

void Remember(int number) { last_signal = number; }

}  // namespace

Interrupts::Interrupts() {
  last_signal = 0;
  for (size_t i = 0; i < before_.size(); ++i) {
    struct sigaction action = {};
    // No SA_RESTART: what waits must learn of it.
    action.sa_handler = kSignals[i] == SIGXFSZ ? SIG_IGN : Remember;
    ::sigaction(kSignals[i], nullptr, &before_[i]);
    // One that was ignored when the program started stays so, as nohup(1) expects.
    if (before_[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &action, nullptr);
  }
}

Interrupts::~Interrupts() {
  for (size_t i = 0; i < before_.size(); ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
}

int Interrupts::signal() const { return last_signal; }

absl::Status Interrupts::Check() const {
  return signal() == 0 ? absl::OkStatus() : absl::CancelledError("interrupted");
}

}  // namespace voidbox
