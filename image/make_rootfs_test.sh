#!/bin/bash
# make_rootfs_test.sh MAKE_ROOTFS: the tool as its users see it, and that the same input in another order, folder, time
# zone, umask and home gives the same bytes.
set -euo pipefail
make_rootfs=$(readlink -f -- "$1")
work=$(mktemp -d "${TEST_TMPDIR:-/tmp}/make-rootfs.XXXXXX")
trap 'rm -rf -- "$work"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

mkdir -p "$work"/{one,two,tree/a/b,tree/z}
echo hello > "$work"/tree/a/hello
ln "$work"/tree/a/hello "$work"/tree/z/hard
head -c 3000000 /dev/zero | tr '\0' x > "$work"/tree/a/b/large
printf 'dir /home/user 0750 1000 1000\nfile /etc/motd 0644 0 0 %s\n' "$work/tree/a/hello" > "$work"/manifest
tar -C "$work"/tree --owner=0 --group=0 --sort=name -cf "$work"/one/in.tar a z
# The same files: z first (so the hard link is the other way round), packed.
tar -C "$work"/tree --owner=0 --group=0 --sort=name -cf - z a | gzip > "$work"/two/in.tar.gz

cd "$work"/one
"$make_rootfs" out.ext4 --tar in.tar --manifest ../manifest --free 8M --source-date-epoch 1700000000
(cd ../two && umask 077 && export TZ=Asia/Tokyo HOME=/nonexistent LC_ALL=C SOURCE_DATE_EPOCH=1700000000 &&
  "$make_rootfs" other-name.ext4 --tar - --manifest ../manifest --free 8M < in.tar.gz)
cmp out.ext4 ../two/other-name.ext4 || fail "two builds differ"

/sbin/e2fsck -fn out.ext4 > fsck.log 2>&1 || { cat fsck.log; fail "e2fsck is not content"; }
[[ $(/sbin/debugfs -R 'cat /etc/motd' out.ext4 2> /dev/null) == hello ]] || fail "the manifest's file"
/sbin/debugfs -R 'stat /home/user' out.ext4 2> /dev/null | grep -q 'User:  1000   Group:  1000' || fail "the owner"

# A failure leaves what was there, and says which entry is at fault.
tar -C "$work"/tree --transform 's|^a/hello|../evil|' -P -cf evil.tar a/hello
before=$(sha256sum out.ext4)
if "$make_rootfs" out.ext4 --tar evil.tar 2> error.log; then fail "an entry outside was taken"; fi
grep -q "evil.tar: tar entry '../evil': its name climbs above the root" error.log || { cat error.log; fail "the message"; }
[[ $(sha256sum out.ext4) == "$before" ]] || fail "the old image is gone"
[[ -z $(ls | grep tmp || true) ]] || fail "a temporary file is left"
