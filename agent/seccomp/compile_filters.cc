// Writes the jail's seccomp filter as a C++ array of BPF instructions, so that the agent neither
// links libseccomp nor spends a command's start on compiling rules. Usage: compile_filters >
// filters.inc
#include <errno.h>
#include <sched.h>
#include <seccomp.h>

#include <cstdint>

#include "base/seccomp_compiler.h"

namespace voidbox {
namespace {

// A command in a jail may make every system call but these, which answer EPERM: a program that
// tries one as one of several ways goes on. Most ask for capabilities that it has not; they are
// refused here so that neither a capability nor a fault in their checks lets one through.
constexpr int kRefused[] = {
    // Mounts and roots, the old way and the new (Linux 5.2).
    SCMP_SYS(chroot), SCMP_SYS(fsconfig), SCMP_SYS(fsmount), SCMP_SYS(fsopen), SCMP_SYS(fspick),
    SCMP_SYS(mount), SCMP_SYS(mount_setattr), SCMP_SYS(move_mount), SCMP_SYS(open_tree),
    SCMP_SYS(pivot_root), SCMP_SYS(umount2),
    // Device nodes, and files by handle, which see past the jail's root.
    SCMP_SYS(mknod), SCMP_SYS(mknodat), SCMP_SYS(name_to_handle_at), SCMP_SYS(open_by_handle_at),
    // Namespaces; see also clone below.
    SCMP_SYS(setns), SCMP_SYS(unshare),
    // Other processes' memory and descriptors.
    SCMP_SYS(kcmp), SCMP_SYS(pidfd_getfd), SCMP_SYS(process_madvise), SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev), SCMP_SYS(ptrace),
    // Large parts of the kernel that a jail has no use for.
    SCMP_SYS(add_key), SCMP_SYS(bpf), SCMP_SYS(fanotify_init), SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register), SCMP_SYS(io_uring_setup), SCMP_SYS(keyctl),
    SCMP_SYS(lookup_dcookie), SCMP_SYS(perf_event_open), SCMP_SYS(request_key),
    SCMP_SYS(userfaultfd),
    // The kernel itself and its log.
    SCMP_SYS(delete_module), SCMP_SYS(finit_module), SCMP_SYS(init_module),
    SCMP_SYS(kexec_file_load), SCMP_SYS(kexec_load), SCMP_SYS(reboot), SCMP_SYS(syslog),
    // The machine: clocks, ports, swap, accounting, quotas, names, placement of memory.
    SCMP_SYS(acct), SCMP_SYS(adjtimex), SCMP_SYS(clock_adjtime), SCMP_SYS(clock_settime),
    SCMP_SYS(ioperm), SCMP_SYS(iopl), SCMP_SYS(mbind), SCMP_SYS(migrate_pages),
    SCMP_SYS(modify_ldt), SCMP_SYS(move_pages), SCMP_SYS(nfsservctl), SCMP_SYS(quotactl),
    SCMP_SYS(quotactl_fd), SCMP_SYS(set_mempolicy), SCMP_SYS(setdomainname), SCMP_SYS(sethostname),
    SCMP_SYS(settimeofday), SCMP_SYS(swapoff), SCMP_SYS(swapon), SCMP_SYS(vhangup),
    // The superblock's own: mounts' details of kernels that libseccomp does not know yet
    // (arch/x86/entry/syscalls/syscall_64.tbl of Linux 6.15).
    457 /* statmount */, 458 /* listmount */, 467 /* open_tree_attr */};

constexpr uint64_t kNewNamespaces[] = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                       CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET};

// ioctl(2) that types into a terminal, which may be its caller's caller's (CVE-2017-5226).
constexpr uint64_t kFakeInput = 0x5412;  // TIOCSTI

void Refuse(scmp_filter_ctx filter, int error, int number) {
  const int result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(error), number, 0);
  if (result != 0) FailCompilation("seccomp_rule_add", result);
}

void RefuseArgument(scmp_filter_ctx filter, int number, const scmp_arg_cmp& compare) {
  const int result = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), number, 1, &compare);
  if (result != 0) FailCompilation("seccomp_rule_add_array", result);
}

void AddJailRules(scmp_filter_ctx filter) {
  for (const int number : kRefused) Refuse(filter, EPERM, number);
  for (const uint64_t flag : kNewNamespaces) {
    RefuseArgument(filter, SCMP_SYS(clone), {0, SCMP_CMP_MASKED_EQ, flag, flag});
  }
  // Its flags are in memory, where no filter sees them: the C library falls back to clone.
  Refuse(filter, ENOSYS, SCMP_SYS(clone3));
  RefuseArgument(filter, SCMP_SYS(ioctl), {1, SCMP_CMP_MASKED_EQ, 0xffffffff, kFakeInput});
}

void CompileJailFilter() {
  scmp_filter_ctx filter = NewFilter(SCMP_ACT_ALLOW);
  // Calls of i386 and x32 have other numbers: no program of a jail is of these, so whoever makes
  // one means to go around the filter.
  if (int result = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
      result != 0) {
    FailCompilation("SCMP_FLTATR_ACT_BADARCH", result);
  }
  AddJailRules(filter);
  WriteFilter("kJailFilter", filter);
  seccomp_release(filter);
}

}  // namespace
}  // namespace voidbox

int main() { voidbox::CompileJailFilter(); }
