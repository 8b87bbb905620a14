#include "sandbox/kvm_probe.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

constexpr int kDeadlineMs = 2000;
// An unmodified kernel takes some hundred million instructions to boot: below this, a minute.
constexpr double kUsableMips = 5;
constexpr size_t kMemoryBytes = 4096;
constexpr uint16_t kIterations = 5000;
constexpr uint32_t kInstructions = 2 * kIterations + 2;
// At a million instructions a second each takes 10 ms.
constexpr int kMaxRounds = 5;

// Real-mode code, once for each round.
//   again: mov cx, kIterations
//   loop:  dec cx; jnz loop
//          hlt
//          jmp again
constexpr std::array<uint8_t, 9> kCode = {
    0xb9, kIterations & 0xff, kIterations >> 8, 0x49, 0x75, 0xfd, 0xf4, 0xeb, 0xf7};

enum class Step : uint8_t { kDone, kOpen, kVersion, kCreate, kRun, kExit };

// What the child reports.
struct Report {
  Step step;
  int detail;  // errno, API version or exit reason
  int64_t nanoseconds;
  int64_t create_nanoseconds = 0;  // of KVM_CREATE_VM
};

int64_t Now() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

// In the child: system calls only.
Report RunGuest() {
  const int kvm = ::open("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (kvm < 0) return {Step::kOpen, errno, 0};
  const int version = ::ioctl(kvm, KVM_GET_API_VERSION, 0);
  if (version != KVM_API_VERSION) return {Step::kVersion, version, 0};
  const int64_t create_start = Now();
  const int vm = ::ioctl(kvm, KVM_CREATE_VM, 0);
  const int64_t create_end = Now();
  if (vm < 0) return {Step::kCreate, errno, 0};
  void* const memory =
      ::mmap(nullptr, kMemoryBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return {Step::kCreate, errno, 0};
  std::memcpy(memory, kCode.data(), kCode.size());
  kvm_userspace_memory_region region = {};
  region.memory_size = kMemoryBytes;
  region.userspace_addr = reinterpret_cast<uint64_t>(memory);
  if (::ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) != 0) return {Step::kCreate, errno, 0};
  const int vcpu = ::ioctl(vm, KVM_CREATE_VCPU, 0);
  if (vcpu < 0) return {Step::kCreate, errno, 0};
  const int run_size = ::ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  if (run_size < static_cast<int>(sizeof(kvm_run))) return {Step::kCreate, errno, 0};
  void* const shared =
      ::mmap(nullptr, static_cast<size_t>(run_size), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
  if (shared == MAP_FAILED) return {Step::kCreate, errno, 0};
  const auto* run = static_cast<const volatile kvm_run*>(shared);

  kvm_sregs sregs;
  if (::ioctl(vcpu, KVM_GET_SREGS, &sregs) != 0) return {Step::kCreate, errno, 0};
  sregs.cs.base = 0;
  sregs.cs.selector = 0;
  kvm_regs regs = {};
  regs.rflags = 2;
  if (::ioctl(vcpu, KVM_SET_SREGS, &sregs) != 0 || ::ioctl(vcpu, KVM_SET_REGS, &regs) != 0) {
    return {Step::kCreate, errno, 0};
  }
  Report report = {Step::kDone, 0, 0};
  const auto quickest = QuickestRound([&]() -> std::optional<int64_t> {
    const int64_t start = Now();
    if (::ioctl(vcpu, KVM_RUN, 0) != 0) {
      report = {Step::kRun, errno, 0};
      return std::nullopt;
    }
    if (run->exit_reason != KVM_EXIT_HLT) {
      report = {Step::kExit, static_cast<int>(run->exit_reason), 0};
      return std::nullopt;
    }
    return Now() - start;
  });
  report.nanoseconds = quickest.value_or(0);
  report.create_nanoseconds = create_end - create_start;
  return report;
}

double Mips(int64_t nanoseconds) {
  return kInstructions * 1e3 / static_cast<double>(nanoseconds + 1);
}

KvmProbeResult Judge(const Report& report) {
  KvmProbeResult result;
  switch (report.step) {
    case Step::kOpen:
      result.reason = absl::StrCat("/dev/kvm: ", std::strerror(report.detail));
      return result;
    case Step::kVersion:
      result.reason =
          absl::StrCat("/dev/kvm has API version ", report.detail, ", expected ", KVM_API_VERSION);
      return result;
    case Step::kCreate:
      result.reason = absl::StrCat("/dev/kvm makes no machine: ", std::strerror(report.detail));
      return result;
    case Step::kRun:
      result.reason = absl::StrCat("/dev/kvm runs no guest: ", std::strerror(report.detail));
      return result;
    case Step::kExit:
      result.reason = absl::StrCat("/dev/kvm gives up on a guest's ring-0 code (exit reason ",
                                   report.detail, ")");
      return result;
    case Step::kDone:
      break;
  }
  result.ring0_mips = Mips(report.nanoseconds);
  result.create_vm_ms = static_cast<double>(report.create_nanoseconds) / 1e6;
  result.usable = result.ring0_mips >= kUsableMips;
  if (!result.usable) {
    result.reason = absl::StrFormat(
        "/dev/kvm runs a guest's kernel at %.1f million instructions a second", result.ring0_mips);
  }
  return result;
}

}  // namespace

std::string SlowCgroupMount(const std::string& mounts) {
  for (const absl::string_view line : absl::StrSplit(mounts, '\n')) {
    // Device, directory, type, options and two numbers.
    const std::vector<absl::string_view> fields = absl::StrSplit(line, ' ');
    if (fields.size() < 4 || fields[2] != "cgroup2") continue;
    for (const absl::string_view option : absl::StrSplit(fields[3], ',')) {
      if (option == "favordynmods") return "";
    }
    return std::string(fields[1]);
  }
  return "";
}

std::optional<int64_t> QuickestRound(const std::function<std::optional<int64_t>()>& round) {
  std::optional<int64_t> quickest;
  for (int i = 0; i < kMaxRounds; ++i) {
    const std::optional<int64_t> took = round();
    if (!took.has_value()) return std::nullopt;
    quickest = std::min(quickest.value_or(*took), *took);
    if (Mips(*quickest) >= kUsableMips) break;
  }
  return quickest;
}

KvmProbeResult ProbeKvm() {
  KvmProbeResult failed;
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) {
    failed.reason = absl::StrCat("pipe2: ", std::strerror(errno));
    return failed;
  }
  const UniqueFd read(fds[0]);
  UniqueFd write(fds[1]);
  const pid_t child = ::fork();
  if (child < 0) {
    failed.reason = absl::StrCat("fork: ", std::strerror(errno));
    return failed;
  }
  if (child == 0) {
    const Report report = RunGuest();
    [[maybe_unused]] const ssize_t written = ::write(write.get(), &report, sizeof(report));
    ::_exit(0);
  }
  write.Reset();
  pollfd wait = {.fd = read.get(), .events = POLLIN, .revents = 0};
  Report report;
  const bool reported = ::poll(&wait, 1, kDeadlineMs) == 1 &&
                        ::read(read.get(), &report, sizeof(report)) == sizeof(report);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  if (reported) return Judge(report);
  failed.reason = absl::StrCat("/dev/kvm did not run ", kMaxRounds * kInstructions,
                               " instructions in ", kDeadlineMs, " ms");
  return failed;
}

}  // namespace voidbox
