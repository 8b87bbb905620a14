#!/bin/bash
# A seccomp filter that forbids everything does not see two system calls of x86-64.
#
# Software: Linux 6.14 or later on x86-64; libseccomp 2.5 (Debian) through pyseccomp 0.1.2 (PyPI).
# Guess: a filter whose default is to kill the process kills it at every number that no rule names, with SIGSYS; numbers
#   that the libseccomp at hand does not know are forbidden like all others.
# What happens: for 335 (uretprobe) the kernel does not ask the filter, whatever it says (kernel/seccomp.c,
#   seccomp_uprobe_exception; 336, uprobe, follows in later kernels). The call is made, and ends in SIGILL, because it
#   does not come from the kernel's own trampoline. 334 and 337 are SIGSYS as guessed.
# Why it matters: a test that walks through all numbers to show that a default-deny filter holds dies of SIGILL, which
#   looks like a broken test; and "what no rule names is refused" is true of all numbers but these. The reason is good:
#   a traced function in a confined process would otherwise kill it.
set -euo pipefail
[[ $(uname -m) == x86_64 ]] || { echo "for x86-64"; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
python3 -m pip install --quiet --no-deps --root-user-action=ignore --target "$folder" pyseccomp==0.1.2
PYTHONPATH=$folder python3 - <<'PYTHON'
import ctypes, os, platform, signal, sys

import pyseccomp as seccomp

libc = ctypes.CDLL(None)


def end_of(number):
    """How a process ends that makes the call under a filter that kills at everything."""
    child = os.fork()
    if child == 0:
        os.close(2)
        seccomp.SyscallFilter(defaction=seccomp.KILL_PROCESS).load()
        libc.syscall(number, 0, 0, 0)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "lives"


ends = {number: end_of(number) for number in (39, 334, 335, 337)}
print("Linux", platform.release(), ends)
sys.exit(0 if ends == {39: "SIGSYS", 334: "SIGSYS", 335: "SIGILL", 337: "SIGSYS"} else 1)
PYTHON
