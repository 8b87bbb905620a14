#include "tools/bench/boot_bench.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "sandbox/boot_command_line.h"
#include "tools/bench/guest_call.h"
#include "tools/bench/process_usage.h"

namespace voidbox::bench {
namespace {

// Until what a guest does after its boot is done.
constexpr absl::Duration kSettle = absl::Seconds(1);
constexpr absl::Duration kIdle = absl::Seconds(2);

// Of the emulated host's timer, CONFIG_HZ=250.
constexpr int64_t kTickNs = 4'000'000;

// KVM_CREATE_VM waits for some ticks of the host, so that how long a start takes depends on when
// between two of them it begins. The rounds share out the time between two ticks, for each VMM.
void AwaitStart(int round, int rounds) {
  absl::SleepFor(absl::Milliseconds(1));  // until a tick, where timers are no finer
  const int64_t begin = MonotonicNs() + kTickNs * round / rounds;
  while (MonotonicNs() < begin) {
  }
}

double Ms(int64_t ns) { return static_cast<double>(ns) / 1e6; }

absl::Status MeasureIdle(VmmKind kind, const RunningVm& vm, BootSamples& samples) {
  absl::SleepFor(kSettle);
  ASSIGN_OR_RETURN(const VmmMemory memory, ReadVmmMemory(vm.pid(), kGuestMemoryBytes));
  samples.resident_bytes.push_back(static_cast<double>(memory.resident));
  samples.private_bytes.push_back(static_cast<double>(memory.private_));

  const bool has_exits = IsVoidbox(kind);
  uint64_t exits_before = 0, exits_after = 0;
  if (has_exits) {
    ASSIGN_OR_RETURN(exits_before, vm.ReadExits());
  }
  const int64_t begin = MonotonicNs();
  ASSIGN_OR_RETURN(const uint64_t cpu_before, ReadCpuNs(vm.pid()));
  absl::SleepFor(kIdle);
  ASSIGN_OR_RETURN(const uint64_t cpu_after, ReadCpuNs(vm.pid()));
  const double elapsed = static_cast<double>(MonotonicNs() - begin);
  samples.cpu_percent.push_back(static_cast<double>(cpu_after - cpu_before) / elapsed * 100);
  if (has_exits) {
    ASSIGN_OR_RETURN(exits_after, vm.ReadExits());
    samples.exits_per_second.push_back(static_cast<double>(exits_after - exits_before) / elapsed *
                                       1e9);
  }
  return absl::OkStatus();
}

absl::Status MeasureOne(VmmKind kind, const Vmms& vmms, const Stage& stage, BootSamples& samples) {
  ASSIGN_OR_RETURN(const auto vm, RunningVm::Start(kind, vmms, stage));
  RETURN_IF_ERROR(vm->AwaitReady());
  const RunningVm::Times& times = vm->times();
  if (times.agent != 0) {
    ASSIGN_OR_RETURN(const UniqueFd call, StartExec(vm->vsock_socket(), {"true"}));
    RETURN_IF_ERROR(FinishExec(call.get()));
    samples.exec.push_back(Ms(MonotonicNs() - times.spawn));
    samples.agent.push_back(Ms(times.agent - times.spawn));
  }
  if (times.enter != 0) samples.vmm_start.push_back(Ms(times.enter - times.spawn));
  if (times.init != 0) {
    const double init = Ms(times.init - times.spawn);
    const double guest_clock = static_cast<double>(vm->guest_clock_us()) / 1e3;
    samples.init.push_back(init);
    samples.guest_clock.push_back(guest_clock);
    samples.kernel_entry.push_back(init - guest_clock);
  }
  return MeasureIdle(kind, *vm, samples);
}

// A VMM with a guest, and where its samples go.
struct Subject {
  VmmKind kind;
  std::string name;
  const Vmms& vmms;
  BootSamples& samples;
};

Vmms WithRootfs(Vmms vmms, const std::string& rootfs) {
  vmms.guest.initramfs.clear();
  absl::StrAppend(&vmms.guest.command_line, " ", kRootDiskWords);
  vmms.guest.disks = {{.path = rootfs, .access = GuestDisk::Access::kCopyOnWrite}};
  vmms.guest.gives_sign = false;
  return vmms;
}

void Tell(const std::string& round, const Subject& subject, const BootSamples& samples) {
  const bool has_init = !samples.init.empty();
  const double ms = has_init ? samples.init.back() : samples.exec.back();
  LogInfo(round, ": ", subject.name, has_init ? " reached init" : " had run a command", " after ",
          absl::FormatDuration(absl::Microseconds(static_cast<int64_t>(ms * 1e3))));
}

}  // namespace

absl::StatusOr<BootResult> RunBootBench(const Vmms& vmms, const Stage& stage,
                                        const std::vector<VmmKind>& kinds,
                                        const std::string& rootfs, int rounds) {
  BootResult result;
  result.rounds = rounds;
  for (const VmmKind kind : kinds) result.vmms.emplace_back(kind, BootSamples());
  std::vector<Subject> subjects;
  for (auto& [kind, samples] : result.vmms) {
    subjects.push_back({kind, std::string(DisplayName(kind)), vmms, samples});
  }
  const Vmms with_rootfs = WithRootfs(vmms, rootfs);
  if (!rootfs.empty()) {
    BootSamples& samples = result.rootfs.emplace();
    subjects.push_back(
        {VmmKind::kVoidbox, "voidbox with the root file system", with_rootfs, samples});
  }
  for (int round = 0; round <= rounds; ++round) {
    for (const Subject& subject : subjects) {
      BootSamples unmeasured;
      BootSamples& samples = round == 0 ? unmeasured : subject.samples;
      AwaitStart(round, rounds);
      RETURN_IF_ERROR(MeasureOne(subject.kind, subject.vmms, stage, samples));
      Tell(round == 0 ? "warm-up" : absl::StrCat("round ", round, " of ", rounds), subject,
           samples);
    }
  }
  return result;
}

}  // namespace voidbox::bench
