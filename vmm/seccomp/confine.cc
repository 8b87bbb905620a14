#include "vmm/seccomp/confine.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/check.h"
#include "base/errno_status.h"
#include "vmm/seccomp/own_process.h"

namespace voidbox {
namespace {

#include "vmm/seccomp/filters.inc"

constexpr int kViolationStatus = 159;  // what a shell shows for SIGSYS: 128 + 31

static_assert(sizeof(sock_filter) == sizeof(uint64_t));

// Async-signal-safe: "voidbox-vmm: error: system call 41 is not allowed".
void OnViolation(int, siginfo_t* info, void*) {
  char line[80] = "voidbox-vmm: error: system call ";
  size_t length = std::strlen(line);
  char digits[12];
  size_t count = 0;
  for (unsigned number = static_cast<unsigned>(info->si_syscall); count == 0 || number > 0;
       number /= 10) {
    digits[count++] = static_cast<char>('0' + number % 10);
  }
  while (count > 0) line[length++] = digits[--count];
  constexpr char kRest[] = " is not allowed by the seccomp filter\n";
  std::memcpy(line + length, kRest, sizeof(kRest) - 1);
  length += sizeof(kRest) - 1;
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line, length);
  ::_exit(kViolationStatus);
}

std::span<const uint64_t> FilterOf(ThreadKind kind) {
  switch (kind) {
    case ThreadKind::kEventLoop:
      return kEventLoopFilter;
    case ThreadKind::kVcpu:
      return kVcpuFilter;
    case ThreadKind::kBlockWorker:
      return kBlockWorkerFilter;
  }
  return {};
}

std::vector<sock_filter> ForThisProcess(std::span<const uint64_t> compiled) {
  std::vector<sock_filter> filter(compiled.size());
  std::memcpy(filter.data(), compiled.data(), compiled.size_bytes());
  int places = 0;
  for (sock_filter& instruction : filter) {
    if (instruction.k != kOwnProcess) continue;
    instruction.k = static_cast<uint32_t>(::getpid());
    ++places;
  }
  Check(places > 0, "a filter names its process");
  return filter;
}

}  // namespace

absl::Status PrepareConfinement() {
  struct sigaction action = {};
  action.sa_sigaction = OnViolation;
  action.sa_flags = SA_SIGINFO;
  if (::sigaction(SIGSYS, &action, nullptr) != 0) return ErrnoStatus("sigaction(SIGSYS)");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ErrnoStatus("PR_SET_NO_NEW_PRIVS");
  return absl::OkStatus();
}

absl::Status ConfineThread(ThreadKind kind) {
  std::vector<sock_filter> filter = ForThisProcess(FilterOf(kind));
  sock_fprog program = {};
  program.len = static_cast<unsigned short>(filter.size());
  program.filter = filter.data();
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
    return ErrnoStatus("SECCOMP_SET_MODE_FILTER");
  }
  return absl::OkStatus();
}

}  // namespace voidbox
