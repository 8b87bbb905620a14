#!/bin/bash
# e2fsprogs 1.47.0 (Debian 12: 1.47.0-2+b2): debugfs, and mke2fs -d, which use libext2fs' ext2fs_xattr_set.
#
# Guess: an extended attribute larger than a block, on a file system with the feature ea_inode, gives a file system that
# e2fsck of the same release finds clean.
#
# What happens: the attribute gets an inode of its own, but its blocks are not added to i_blocks of the file that has it.
# e2fsck counts them there: "i_blocks is 2, should be 4", status 4.
#
# Why it matters: images with large attributes that are written without mounting anything are damaged from the start in the
# eyes of the program that checks them. voidbox adds the blocks itself (Ext4Filesystem::WriteXattrs).
#
# Usage: findings/e2fsprogs_large_xattr_not_counted.sh     needs apt and dpkg-deb; changes nothing of the machine.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
version=1.47.0-2+b2
apt-get download -q e2fsprogs=$version libext2fs2=$version libss2=$version libcom-err2=$version logsave=$version \
  > apt.log 2>&1 || { cat apt.log; exit 2; }
for package in *.deb; do dpkg-deb -x "$package" root; done
LD_LIBRARY_PATH=$(echo root/lib/*-linux-gnu root/usr/lib/*-linux-gnu | tr ' ' :)
export LD_LIBRARY_PATH
PATH=$PWD/root/sbin:$PWD/root/usr/sbin:$PATH
mke2fs -q -F -t ext4 -O ea_inode image 16M > mke2fs.log
echo contents > file
head -c 5000 /dev/zero | tr '\0' a > value
debugfs -w -R 'write file file' image > debugfs.log 2>&1
debugfs -w -R 'ea_set -f value file user.large' image >> debugfs.log 2>&1
status=0
e2fsck -fn image > e2fsck.log 2>&1 || status=$?
grep i_blocks e2fsck.log || true
[[ $status -eq 4 ]] && grep -q 'i_blocks is .*, should be' e2fsck.log || { cat e2fsck.log; echo "changed: status $status"; exit 1; }
