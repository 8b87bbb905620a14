// Writes the VMM's seccomp filters as C++ arrays of BPF instructions, so that the VMM neither links
// libseccomp nor spends its start on compiling rules. Usage: compile_filters > filters.inc
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/seccomp_compiler.h"

namespace voidbox {
namespace {

// A system call that a thread may make; with an argument only where it has one of the values.
struct Rule {
  int number;
  struct Argument {
    unsigned index;
    uint64_t value;
  };
  std::optional<Argument> argument = std::nullopt;
};

// What every thread needs: memory, locks, time, its own end, and the log line of a violation.
const Rule kCommon[] = {
    {SCMP_SYS(brk)},
    {SCMP_SYS(clock_gettime)},
    {SCMP_SYS(close)},
    {SCMP_SYS(exit)},
    {SCMP_SYS(exit_group)},
    {SCMP_SYS(futex)},
    {SCMP_SYS(getpid)},
    {SCMP_SYS(getrandom)},
    {SCMP_SYS(gettid)},
    {SCMP_SYS(ioctl), Rule::Argument{1, KVM_IRQ_LINE}},  // a device's interrupt
    {SCMP_SYS(madvise)},
    {SCMP_SYS(mmap)},
    {SCMP_SYS(mprotect)},
    {SCMP_SYS(munmap)},
    {SCMP_SYS(read)},
    {SCMP_SYS(rt_sigprocmask)},
    {SCMP_SYS(rt_sigreturn)},
    {SCMP_SYS(sched_yield)},
    {SCMP_SYS(sendto)},  // events for the owner
    {SCMP_SYS(tgkill)},
    {SCMP_SYS(write)},
};

// Also the start of a vCPU's thread, before it confines itself further.
const Rule kVcpu[] = {
    {SCMP_SYS(ioctl), Rule::Argument{1, KVM_RUN}},
};

const Rule kBlockWorker[] = {
    {SCMP_SYS(fallocate)}, {SCMP_SYS(fdatasync)}, {SCMP_SYS(fsync)},    {SCMP_SYS(preadv)},
    {SCMP_SYS(preadv2)},   {SCMP_SYS(pwritev)},   {SCMP_SYS(pwritev2)},
};

// The event loop: sockets of the unix domain, timers, and the threads and interrupt wiring that
// come after it is confined. Every thread inherits this filter, so it holds the others' rules too.
const Rule kEventLoop[] = {
    {SCMP_SYS(accept4)},
    {SCMP_SYS(clone)},
    {SCMP_SYS(clone3)},
    {SCMP_SYS(connect)},
    {SCMP_SYS(epoll_ctl)},
    {SCMP_SYS(epoll_pwait)},
    {SCMP_SYS(epoll_wait)},
    {SCMP_SYS(eventfd2)},
    {SCMP_SYS(fchdir)},
    {SCMP_SYS(fcntl)},
    {SCMP_SYS(getsockopt)},
    {SCMP_SYS(ioctl), Rule::Argument{1, KVM_IOEVENTFD}},
    {SCMP_SYS(prctl), Rule::Argument{0, PR_SET_NAME}},
    {SCMP_SYS(prctl), Rule::Argument{0, PR_SET_SECCOMP}},
    {SCMP_SYS(readv)},
    {SCMP_SYS(recvfrom)},
    {SCMP_SYS(recvmsg)},
    {SCMP_SYS(rmdir)},
    {SCMP_SYS(rseq)},
    {SCMP_SYS(rt_sigaction)},
    {SCMP_SYS(sched_getaffinity)},
    {SCMP_SYS(seccomp), Rule::Argument{0, SECCOMP_SET_MODE_FILTER}},
    {SCMP_SYS(sendmsg)},
    {SCMP_SYS(set_robust_list)},
    {SCMP_SYS(setsockopt)},
    {SCMP_SYS(shutdown)},
    {SCMP_SYS(socket), Rule::Argument{0, AF_UNIX}},
    {SCMP_SYS(timerfd_create)},
    {SCMP_SYS(timerfd_settime)},
    {SCMP_SYS(unlink)},
    {SCMP_SYS(unlinkat)},
    {SCMP_SYS(writev)},
};

void AddRules(scmp_filter_ctx filter, std::span<const Rule> rules) {
  for (const Rule& rule : rules) {
    int result;
    if (rule.argument) {
      const scmp_arg_cmp compare = {rule.argument->index, SCMP_CMP_EQ, rule.argument->value, 0};
      result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rule.number, 1, &compare);
    } else {
      result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, rule.number, 0);
    }
    if (result != 0) FailCompilation("seccomp_rule_add", result);
  }
}

void CompileFilter(const char* name, const std::vector<std::span<const Rule>>& groups) {
  // The trap's handler writes the log line and ends the process.
  scmp_filter_ctx filter = NewFilter(SCMP_ACT_TRAP);
  for (const std::span<const Rule>& rules : groups) AddRules(filter, rules);
  WriteFilter(name, filter);
  seccomp_release(filter);
}

void CompileFilters() {
  CompileFilter("kVcpuFilter", {kCommon, kVcpu});
  CompileFilter("kBlockWorkerFilter", {kCommon, kBlockWorker});
  CompileFilter("kEventLoopFilter", {kCommon, kVcpu, kBlockWorker, kEventLoop});
}

}  // namespace
}  // namespace voidbox

int main() { voidbox::CompileFilters(); }
