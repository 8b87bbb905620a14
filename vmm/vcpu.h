#ifndef VOIDBOX_VMM_VCPU_H_
#define VOIDBOX_VMM_VCPU_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "devices/io_bus.h"
#include "vmm/hypervisor.h"

namespace voidbox {

// Runs one virtual CPU on a thread of its own. All public methods may be called by any thread but
// the vCPU's.
class Vcpu {
 public:
  struct Environment {
    const IoBus& ports;   // these outlive the vCPU
    const IoBus& memory;  // memory-mapped I/O
    // Runs first on the new thread; an error ends it.
    std::function<absl::Status()> on_start;
    // The guest cannot go on; called once at most, on the vCPU's thread.
    std::function<void(std::string reason)> on_crash;
    // The vCPU has left the guest after RequestPause or RequestStop, or its thread ends. On the
    // vCPU's thread.
    std::function<void()> on_outside;
  };

  // Call once per process before the first vCPU: the signal that kicks vCPUs out of the guest.
  static absl::Status InstallKickSignal();

  // Starts the thread, which runs the guest at once unless `paused`. RESOURCE_EXHAUSTED when there
  // can be no more threads.
  static absl::StatusOr<std::unique_ptr<Vcpu>> Start(uint32_t id, std::unique_ptr<VirtualCpu> cpu,
                                                     Environment environment, bool paused);
  // Stops and joins: only when nothing that its exits wait for is held up by the caller.
  ~Vcpu();
  Vcpu(const Vcpu&) = delete;
  Vcpu& operator=(const Vcpu&) = delete;

  // Asks the vCPU to leave the guest, or its thread to end, without waiting: it may itself be
  // waiting for the event loop.
  void RequestPause();
  void RequestStop();
  void Resume();
  // It has left the guest with its last instruction complete, and enters it no more before Resume.
  bool outside() ABSL_LOCKS_EXCLUDED(mutex_);

  // Exits that reached us so far.
  uint64_t exits() const { return exits_.load(std::memory_order_relaxed); }

 private:
  enum class Request { kRun, kPause, kStop };

  Vcpu(uint32_t id, std::unique_ptr<VirtualCpu> cpu, Environment environment, bool paused);
  void ThreadMain();
  // Runs the guest until it is asked to leave, which is no error.
  absl::Status RunGuest();
  // Waits while paused; false when the thread shall end.
  absl::StatusOr<bool> WaitForRun() ABSL_LOCKS_EXCLUDED(mutex_);
  void SetOutside() ABSL_LOCKS_EXCLUDED(mutex_);
  void Ask(Request request) ABSL_LOCKS_EXCLUDED(mutex_);
  // An exit that has been carried out, or the reason why the guest cannot go on.
  absl::Status HandleExit();

  const uint32_t id_;
  const std::unique_ptr<VirtualCpu> cpu_;
  const Environment environment_;
  std::atomic<uint64_t> exits_ = 0;

  Mutex mutex_;
  CondVar changed_;
  Request request_ ABSL_GUARDED_BY(mutex_) = Request::kRun;
  bool outside_ ABSL_GUARDED_BY(mutex_) =
      false;  // paused or ended: not in the guest, nor about to be

  std::thread thread_;
};

}  // namespace voidbox

#endif  // VOIDBOX_VMM_VCPU_H_
