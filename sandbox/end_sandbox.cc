#include "sandbox/end_sandbox.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "sandbox/process_identity.h"

namespace voidbox {
namespace {

// For a process that was told to end at once, and for its VMM.
constexpr absl::Duration kKillPatience = absl::Seconds(10);

// A descriptor of the process, which it is until it is closed; none when it has ended.
absl::StatusOr<UniqueFd> Open(const ProcessIdentity& process) {
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  if (!fd && errno != ESRCH) return ErrnoStatus(absl::StrCat("process ", process.pid));
  // After the descriptor was made: the number is not given to another one meanwhile.
  if (fd && !IsAlive(process)) fd.Reset();
  return fd;
}

absl::Status Signal(const UniqueFd& process, int number) {
  if (::syscall(SYS_pidfd_send_signal, process.get(), number, nullptr, 0) == 0 || errno == ESRCH) {
    return absl::OkStatus();
  }
  return ErrnoStatus("cannot signal the sandbox' owner");
}

}  // namespace

absl::StatusOr<std::unique_ptr<SandboxEnd>> SandboxEnd::Start(EventLoop& loop,
                                                              const SandboxRecord& record,
                                                              bool orderly, absl::Duration patience,
                                                              Handler done) {
  std::unique_ptr<SandboxEnd> end(new SandboxEnd(loop, record, std::move(done)));
  SandboxEnd* const self = end.get();
  ASSIGN_OR_RETURN(end->owner_, Open(record.owner));
  ASSIGN_OR_RETURN(end->vmm_, Open(record.vmm));
  ASSIGN_OR_RETURN(end->deadline_, loop.AddTimer([self] { self->OnDeadline(); }));
  RETURN_IF_ERROR(end->owner_ ? end->SignalOwner(orderly, patience) : end->AwaitVmm());
  return end;
}

absl::Status SandboxEnd::SignalOwner(bool orderly, absl::Duration patience) {
  // A detached one's owner takes INT as "at once"; another would pass it on to its command.
  RETURN_IF_ERROR(Signal(owner_, orderly ? SIGTERM : record_.detached ? SIGINT : SIGKILL));
  ASSIGN_OR_RETURN(watch_, loop_.Add(owner_.get(), EPOLLIN, [this](uint32_t) {
    watch_.Reset();
    owner_.Reset();
    Expect(AwaitVmm());
  }));
  return deadline_.Set(orderly ? patience : kKillPatience);
}

// It ends with its owner, which holds its lifeline.
absl::Status SandboxEnd::AwaitVmm() {
  killed_ = false;
  if (!vmm_) return deadline_.Set(absl::ZeroDuration());  // all is done; see OnDeadline
  ASSIGN_OR_RETURN(watch_,
                   loop_.Add(vmm_.get(), EPOLLIN, [this](uint32_t) { Finish(absl::OkStatus()); }));
  return deadline_.Set(kKillPatience);
}

void SandboxEnd::OnDeadline() {
  const UniqueFd& awaited = owner_ ? owner_ : vmm_;
  if (!awaited) return Finish(absl::OkStatus());
  if (!std::exchange(killed_, true)) {
    absl::Status status = Signal(awaited, SIGKILL);
    if (status.ok()) status = deadline_.Set(kKillPatience);
    return Expect(status);
  }
  if (owner_) {
    watch_.Reset();
    owner_.Reset();
    return Expect(AwaitVmm());
  }
  Finish(absl::DeadlineExceededError(absl::StrCat("sandbox ", record_.id, ": its VMM (process ",
                                                  record_.vmm.pid,
                                                  ") does not end though it was killed")));
}

void SandboxEnd::Expect(const absl::Status& status) {
  if (!status.ok()) Finish(status);
}

void SandboxEnd::Finish(const absl::Status& status) {
  watch_.Reset();
  deadline_.Cancel();
  const Handler done = std::exchange(done_, nullptr);
  if (done) done(status);  // may destroy this
}

absl::Status EndSandbox(const SandboxRecord& record, bool orderly, absl::Duration patience) {
  ASSIGN_OR_RETURN(const auto loop, EventLoop::Create());
  absl::Status result;
  ASSIGN_OR_RETURN(const auto end, SandboxEnd::Start(*loop, record, orderly, patience,
                                                     [&](const absl::Status& status) {
                                                       result = status;
                                                       loop->Stop();
                                                     }));
  RETURN_IF_ERROR(loop->Run());
  return result;
}

}  // namespace voidbox
