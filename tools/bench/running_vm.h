#ifndef VOIDBOX_TOOLS_BENCH_RUNNING_VM_H_
#define VOIDBOX_TOOLS_BENCH_RUNNING_VM_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/unique_fd.h"
#include "sandbox/child_process.h"
#include "sandbox/output_tail.h"
#include "tools/bench/machine.h"
#include "tools/bench/stage.h"

namespace voidbox::bench {

// Everything that it takes to start the VMMs, in RAM.
struct Vmms {
  Guest guest;
  Program voidbox;
  // Another build of voidbox, with a guest of its own; empty when it is not measured.
  Program other_voidbox;
  std::string other_kernel;
  std::string other_initramfs;
  Program qemu;  // empty when it is not measured
  std::string qemu_firmware;
  Program firecracker;  // likewise
};

// What a VMM of `kind` boots.
Guest GuestOf(const Vmms& vmms, VmmKind kind);

// Takes the guest's first sign (guest_init.cc) out of what it prints.
class SignReader {
 public:
  // Returns whether the sign has begun in what was read so far.
  bool Append(absl::string_view text);
  // The guest's clock when init was started, in microseconds, once its line is complete.
  std::optional<uint64_t> clock_us() const { return clock_us_; }

 private:
  bool begun_ = false;
  std::string digits_;
  std::optional<uint64_t> clock_us_;
};

// One VM of any VMM, from its start on. It is killed, and its directory removed, with this object.
class RunningVm {
 public:
  // Host's CLOCK_MONOTONIC in nanoseconds; 0 for what has not happened.
  struct Times {
    int64_t spawn = 0;  // just before the process was made
    int64_t enter = 0;  // the first vCPU entered the guest; only voidbox says so
    int64_t init = 0;   // the first character of init's sign reached us, where it gives one
    int64_t agent = 0;  // the agent's connection reached us; not for QEMU
  };

  static absl::StatusOr<std::unique_ptr<RunningVm>> Start(VmmKind kind, const Vmms& vmms,
                                                          const Stage& stage);
  ~RunningVm();

  // Waits until init has given its sign and, where the VMM has vsock, the agent has connected.
  absl::Status AwaitReady();
  // Waits until the guest has printed `end`; all that it printed so far.
  absl::StatusOr<std::string> AwaitConsole(absl::string_view end);

  const Times& times() const { return times_; }
  uint64_t guest_clock_us() const { return sign_.clock_us().value_or(0); }
  pid_t pid() const { return process_.pid(); }
  std::string vsock_socket() const;
  // Exits of the guest to the VMM so far; voidbox only.
  absl::StatusOr<uint64_t> ReadExits() const;

 private:
  RunningVm(VmmKind kind, std::string directory) : kind_(kind), directory_(std::move(directory)) {}
  absl::Status Spawn(const Vmms& vmms);
  // Takes what comes from the VM until `done`.
  absl::Status Await(absl::FunctionRef<bool()> done);
  bool Ready() const;
  absl::Status HandleConsole();
  absl::Status HandleEvents();
  absl::Status HandleAgent();
  absl::Status Failed(absl::string_view what) const;

  const VmmKind kind_;
  const std::string directory_;
  bool gives_sign_ = false;
  Times times_;
  SignReader sign_;
  std::string console_text_;  // all
  OutputTail console_tail_;
  UniqueFd console_;
  UniqueFd events_;
  UniqueFd ready_listener_;
  UniqueFd ready_connection_;
  ChildProcess process_;
};

// CLOCK_MONOTONIC in nanoseconds.
int64_t MonotonicNs();

}  // namespace voidbox::bench

#endif  // VOIDBOX_TOOLS_BENCH_RUNNING_VM_H_
