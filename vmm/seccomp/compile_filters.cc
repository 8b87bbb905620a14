// Writes the VMM's seccomp filters as C++ arrays of BPF instructions, so that the VMM neither links
// libseccomp nor spends its start on compiling rules. Usage: compile_filters > filters.inc
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <vector>

#include "base/seccomp_compiler.h"
#include "vmm/seccomp/own_process.h"

namespace voidbox {
namespace {

// A system call that a thread may make; with conditions on its arguments, only where all hold.
struct Rule {
  int number;
  std::vector<scmp_arg_cmp> arguments = {};
};

constexpr scmp_arg_cmp Is(unsigned argument, uint64_t value) {
  return {argument, SCMP_CMP_EQ, value, 0};
}

// No bits but those of `allowed` beside those of `wanted`, which are all set.
constexpr scmp_arg_cmp Has(unsigned argument, uint64_t wanted, uint64_t allowed) {
  return {argument, SCMP_CMP_MASKED_EQ, ~allowed, wanted};
}

constexpr uint64_t kNoCode = PROT_READ | PROT_WRITE;

// What makes a thread of this process and nothing else (clone(2)).
constexpr uint64_t kThread =
    CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
constexpr uint64_t kThreadSetUp =
    CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;

// What every thread needs: memory, locks, time, its own end, and the log line of a violation.
std::vector<Rule> Common() {
  return {
      {SCMP_SYS(brk)},
      {SCMP_SYS(clock_gettime)},
      {SCMP_SYS(close)},
      {SCMP_SYS(exit)},
      {SCMP_SYS(exit_group)},
      {SCMP_SYS(futex)},
      {SCMP_SYS(getpid)},
      {SCMP_SYS(getrandom)},
      {SCMP_SYS(gettid)},
      {SCMP_SYS(ioctl), {Is(1, KVM_IRQ_LINE)}},  // a device's interrupt
      {SCMP_SYS(madvise), {Is(2, MADV_DONTNEED)}},
      {SCMP_SYS(mmap), {Has(2, 0, kNoCode)}},
      {SCMP_SYS(mprotect), {Has(2, 0, kNoCode)}},
      {SCMP_SYS(munmap)},
      {SCMP_SYS(read)},
      {SCMP_SYS(rt_sigprocmask)},
      {SCMP_SYS(rt_sigreturn)},
      {SCMP_SYS(sched_yield)},
      {SCMP_SYS(sendto), {Is(4, 0)}},                            // to the socket's other end
      {SCMP_SYS(tgkill), {Is(0, kOwnProcess), Is(2, SIGABRT)}},  // abort(3)
      {SCMP_SYS(write)},
  };
}

// Also the start of a vCPU's thread, before it confines itself further.
std::vector<Rule> Vcpu() {
  return {
      {SCMP_SYS(ioctl), {Is(1, KVM_RUN)}},
      {SCMP_SYS(ioctl), {Is(1, KVM_KVMCLOCK_CTRL)}},
  };
}

std::vector<Rule> BlockWorker() {
  return {
      {SCMP_SYS(fallocate)}, {SCMP_SYS(fdatasync)}, {SCMP_SYS(fsync)},    {SCMP_SYS(preadv)},
      {SCMP_SYS(preadv2)},   {SCMP_SYS(pwritev)},   {SCMP_SYS(pwritev2)},
  };
}

// The event loop: sockets of the unix domain, timers, and the threads and interrupt wiring that
// come after it is confined. Every thread inherits this filter, so it holds the others' rules too.
std::vector<Rule> EventLoop() {
  return {
      {SCMP_SYS(accept4)},
      {SCMP_SYS(clone), {Has(0, kThread, kThreadSetUp)}},
      {SCMP_SYS(connect)},
      {SCMP_SYS(epoll_ctl)},
      {SCMP_SYS(epoll_pwait)},
      {SCMP_SYS(epoll_wait)},
      {SCMP_SYS(ioctl), {Is(1, KVM_IOEVENTFD)}},
      {SCMP_SYS(prctl), {Is(0, PR_SET_NAME)}},
      {SCMP_SYS(readv)},
      {SCMP_SYS(recvfrom)},
      {SCMP_SYS(rseq)},
      {SCMP_SYS(rt_sigaction)},
      {SCMP_SYS(sched_getaffinity)},
      {SCMP_SYS(seccomp), {Is(0, SECCOMP_SET_MODE_FILTER)}},
      {SCMP_SYS(sendmsg)},
      {SCMP_SYS(set_robust_list)},
      {SCMP_SYS(setsockopt), {Is(1, SOL_SOCKET), Is(2, SO_SNDBUF)}},
      {SCMP_SYS(setsockopt), {Is(1, SOL_SOCKET), Is(2, SO_RCVBUF)}},
      {SCMP_SYS(shutdown)},
      // Streams have no addressees, so that sendmsg(2), whose address is in memory, has none.
      {SCMP_SYS(socket), {Is(0, AF_UNIX), Has(1, SOCK_STREAM, SOCK_CLOEXEC | SOCK_NONBLOCK)}},
      {SCMP_SYS(tgkill), {Is(0, kOwnProcess), Is(2, static_cast<uint64_t>(SIGRTMIN))}},  // the kick
      {SCMP_SYS(timerfd_create)},
      {SCMP_SYS(timerfd_settime)},
      {SCMP_SYS(writev)},
  };
}

void AddRules(scmp_filter_ctx filter, const std::vector<Rule>& rules) {
  for (const Rule& rule : rules) {
    const int result =
        seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rule.number,
                               static_cast<unsigned>(rule.arguments.size()), rule.arguments.data());
    if (result != 0) FailCompilation("seccomp_rule_add", result);
  }
}

// The trap's handler writes the log line and ends the process.
scmp_filter_ctx Compile(const std::vector<std::vector<Rule>>& groups) {
  scmp_filter_ctx filter = NewFilter(SCMP_ACT_TRAP);
  // Calls of i386 and x32 have other numbers.
  if (int result = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
      result != 0) {
    FailCompilation("SCMP_FLTATR_ACT_BADARCH", result);
  }
  for (const std::vector<Rule>& rules : groups) AddRules(filter, rules);
  return filter;
}

void Write(const char* name, scmp_filter_ctx filter) {
  WriteFilter(name, filter);
  seccomp_release(filter);
}

void CompileFilters() {
  Write("kVcpuFilter", Compile({Common(), Vcpu()}));
  Write("kBlockWorkerFilter", Compile({Common(), BlockWorker()}));
  scmp_filter_ctx loop = Compile({Common(), Vcpu(), BlockWorker(), EventLoop()});
  // Its flags are in memory, where no filter sees them: the C library falls back to clone.
  if (int result = seccomp_rule_add(loop, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
      result != 0) {
    FailCompilation("clone3", result);
  }
  Write("kEventLoopFilter", loop);
}

}  // namespace
}  // namespace voidbox

int main() { voidbox::CompileFilters(); }
