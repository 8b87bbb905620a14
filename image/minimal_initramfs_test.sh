#!/bin/bash
# minimal_initramfs_test.sh ARCHIVE: what our writer made is what cpio(1) reads, and what the guest needs is in it.
set -euo pipefail
list=$(cpio --quiet -tvn < "$1")
expect() { grep -qE -- "$1" <<< "$list" || { echo "no entry matches: $1"; echo "$list" | head -40; exit 1; }; }
expect '^-rwxr-xr-x +2 0 +0 .* sbin/guest-agent$'
expect '^-rwxr-xr-x +2 0 +0 .* sbin/init$'
expect '^-rwxr-xr-x +2 0 +0 .* bin/busybox$'
# The same file, for commands that see nothing but /home/user.
expect '^-rwxr-xr-x +2 0 +0 .* home/user/bin/busybox$'
expect '^lrwxrwxrwx .* init -> /sbin/guest-agent$'
expect '^lrwxrwxrwx .* bin/sh -> /bin/busybox$'
# The other commands are links that the agent makes.
cpio --quiet -i --to-stdout usr/lib/voidbox/late-links < "$1" | grep -x '/bin/busybox /bin/ls'
if grep -q ' bin/ls ' <<< "$list"; then echo "bin/ls is there, and costs boot time"; exit 1; fi
expect '^crw------- .* 5, +1 .* dev/console$'
expect '^drwxr-xr-x .* 1000 +1000 .* home/user$'
expect '^drwxrwxrwt .* tmp$'
# The order that the kernel needs, and no path twice.
paths=$(cpio --quiet -t < "$1")
LC_ALL=C sort -c <<< "$paths"
[[ -z $(uniq -d <<< "$paths") ]]
cpio --quiet -i --to-stdout etc/passwd < "$1" | grep -x 'user:x:1000:1000:user:/home/user:/bin/sh'
