#ifndef VOIDBOX_VMM_TESTING_FAKE_HYPERVISOR_H_
#define VOIDBOX_VMM_TESTING_FAKE_HYPERVISOR_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "vmm/hypervisor.h"

namespace voidbox {

// What a fake guest does that the VMM must carry out.
struct FakeExit {
  enum class Kind { kPortRead, kPortWrite, kMmioRead, kMmioWrite, kTripleFault };
  Kind kind = Kind::kTripleFault;
  uint64_t address = 0;
  uint32_t width = 1;  // bytes
  uint64_t value = 0;  // of a write
};

// A host whose guests are functions, for unit tests of the VMM's threads. It outlives what was made
// of it, which `on_end` ends. What a test sets is set before the machine is made; the rest may be
// called by any thread.
class FakeHost {
 public:
  // The next thing that processor `cpu` does, after a read with what it read; nullopt: it halts
  // until it is asked to leave. Called on the processor's thread.
  using Guest = std::function<std::optional<FakeExit>(uint32_t cpu, uint64_t read)>;

  explicit FakeHost(Guest guest) : guest(std::move(guest)) {}
  ~FakeHost() {
    if (on_end) on_end();
  }
  HypervisorOpener Opener();

  Guest guest;
  std::function<void()> on_end;
  HypervisorLimits limits = {.max_vcpus = 8, .tsc_deadline = true, .clock_control = true};
  // Called for each doorbell; what it returns is AddIoEventFd's result.
  std::function<absl::Status()> on_doorbell = [] { return absl::OkStatus(); };
  // A processor that is asked to leave does so when this returns; on its thread.
  std::function<void()> before_leaving = [] {};

  // Guest memory, of one machine.
  template <typename T>
  T& At(uint64_t gpa) {
    return *reinterpret_cast<T*>(Address(gpa));
  }
  // The eventfd of a doorbell at `address` for `value`; -1 when there is none.
  int Doorbell(uint64_t address, uint32_t value);
  // Exits whose instruction was not completed by another entry.
  int incomplete() const { return incomplete_; }
  int interrupts() const { return interrupts_; }
  int noted_pauses() const { return noted_pauses_; }

 private:
  friend class FakeVcpu;
  friend class FakeVm;
  friend class FakeHypervisor;
  std::byte* Address(uint64_t gpa);

  Mutex mutex_;
  std::map<uint64_t, std::span<std::byte>> memory_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<uint64_t, uint32_t>, int> doorbells_ ABSL_GUARDED_BY(mutex_);
  std::atomic<int> incomplete_ = 0;
  std::atomic<int> interrupts_ = 0;
  std::atomic<int> noted_pauses_ = 0;
};

}  // namespace voidbox

#endif  // VOIDBOX_VMM_TESTING_FAKE_HYPERVISOR_H_
