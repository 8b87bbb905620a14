#include "vmm/vcpu.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <span>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/thread.h"

namespace voidbox {
namespace {

int KickSignal() { return SIGRTMIN; }

absl::Status Crash(absl::string_view what) { return absl::AbortedError(what); }

}  // namespace

absl::Status Vcpu::InstallKickSignal() {
  struct sigaction action = {};
  action.sa_handler = [](int) {};  // its only effect is that KVM_RUN returns
  if (::sigaction(KickSignal(), &action, nullptr) != 0) return ErrnoStatus("sigaction");
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Vcpu>> Vcpu::Start(uint32_t id, std::unique_ptr<VirtualCpu> cpu,
                                                  Environment environment, bool paused) {
  std::unique_ptr<Vcpu> vcpu(new Vcpu(id, std::move(cpu), std::move(environment), paused));
  // Under the lock, which the thread needs before it can tell anybody to signal it.
  MutexLock lock(vcpu->mutex_);
  ASSIGN_OR_RETURN(vcpu->thread_, StartThread([v = vcpu.get()] { v->ThreadMain(); }));
  return vcpu;
}

Vcpu::Vcpu(uint32_t id, std::unique_ptr<VirtualCpu> cpu, Environment environment, bool paused)
    : id_(id),
      cpu_(std::move(cpu)),
      environment_(std::move(environment)),
      request_(paused ? Request::kPause : Request::kRun) {}

Vcpu::~Vcpu() {
  if (!thread_.joinable()) return;  // it could not be started
  RequestStop();
  thread_.join();
}

void Vcpu::Ask(Request request) {
  MutexLock lock(mutex_);
  if (request_ == Request::kStop) return;
  request_ = request;
  // Under the lock, so that the thread, which clears the request to exit under it, sees both or
  // neither.
  cpu_->RequestExit(request != Request::kRun);
  if (request != Request::kRun && !outside_) ::pthread_kill(thread_.native_handle(), KickSignal());
  changed_.NotifyAll();
}

void Vcpu::RequestPause() { Ask(Request::kPause); }

void Vcpu::Resume() { Ask(Request::kRun); }

void Vcpu::RequestStop() { Ask(Request::kStop); }

bool Vcpu::outside() {
  MutexLock lock(mutex_);
  return outside_;
}

void Vcpu::SetOutside() {
  {
    MutexLock lock(mutex_);
    outside_ = true;
  }
  environment_.on_outside();
}

absl::StatusOr<bool> Vcpu::WaitForRun() {
  mutex_.Lock();
  bool paused = false;
  while (request_ == Request::kPause) {
    paused = true;
    if (!outside_) {
      mutex_.Unlock();
      SetOutside();
      mutex_.Lock();
    } else {
      changed_.Wait(mutex_);
    }
  }
  const bool run = request_ == Request::kRun;
  outside_ = false;
  mutex_.Unlock();
  if (run && paused) RETURN_IF_ERROR(cpu_->NotePause());
  return run;
}

absl::Status Vcpu::RunGuest() {
  // After an exit the guest is entered once more before a request is looked at: only that completes
  // the exit's instruction (api.rst, KVM_RUN). Where there is a request, the entry ends at once.
  for (bool exited = true; exited;) {
    ASSIGN_OR_RETURN(exited, cpu_->Run());
    if (!exited) break;
    RETURN_IF_ERROR(HandleExit());
    exits_.fetch_add(1, std::memory_order_relaxed);
  }
  return absl::OkStatus();
}

void Vcpu::ThreadMain() {
  ::pthread_setname_np(::pthread_self(), absl::StrCat("vcpu", id_).c_str());
  absl::Status status = environment_.on_start();
  while (status.ok()) {
    const absl::StatusOr<bool> run = WaitForRun();
    if (run.ok() && !*run) break;
    status = run.ok() ? RunGuest() : run.status();
  }
  if (!status.ok()) environment_.on_crash(absl::StrCat("vCPU ", id_, ": ", status.message()));
  {
    MutexLock lock(mutex_);
    request_ = Request::kStop;
  }
  SetOutside();
}

absl::Status Vcpu::HandleExit() {
  kvm_run& run = cpu_->run();
  switch (run.exit_reason) {
    case KVM_EXIT_IO: {
      const std::span<std::byte> data = cpu_->io_data();
      const size_t width = run.io.size;
      for (size_t at = 0; at + width <= data.size() && width > 0; at += width) {
        if (run.io.direction == KVM_EXIT_IO_IN) {
          environment_.ports.Read(run.io.port, data.subspan(at, width));
        } else {
          environment_.ports.Write(run.io.port, data.subspan(at, width));
        }
      }
      return absl::OkStatus();
    }
    case KVM_EXIT_MMIO: {
      const std::span<std::byte> data =
          std::as_writable_bytes(std::span(run.mmio.data))
              .first(std::min<size_t>(run.mmio.len, sizeof(run.mmio.data)));
      if (run.mmio.is_write) {
        environment_.memory.Write(run.mmio.phys_addr, data);
      } else {
        environment_.memory.Read(run.mmio.phys_addr, data);
      }
      return absl::OkStatus();
    }
    case KVM_EXIT_INTR:
      return absl::OkStatus();
    case KVM_EXIT_SHUTDOWN:
      return Crash("triple fault");
    case KVM_EXIT_FAIL_ENTRY:
      return Crash(absl::StrCat("KVM cannot enter the guest, hardware reason 0x",
                                absl::Hex(run.fail_entry.hardware_entry_failure_reason)));
    case KVM_EXIT_INTERNAL_ERROR:
      return Crash(
          absl::StrCat("KVM cannot emulate what the guest does, suberror ", run.internal.suberror));
    default:
      return Crash(absl::StrCat("unexpected KVM exit reason ", run.exit_reason));
  }
}

}  // namespace voidbox
