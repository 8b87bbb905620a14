#!/bin/bash
# image_build_test.sh VOIDBOX: `voidbox image build` as its users see it, without a guest: the same bytes wherever,
# whenever and by whomever they are built; nothing left after Ctrl-C; clear words when something is missing.
set -euo pipefail
runfiles=$PWD
work=$(mktemp -d /tmp/voidbox-image-build.XXXXXX) # another user can read it, unlike $TEST_TMPDIR
trap 'rm -rf -- "$work"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }
chmod 755 "$work"

# An installation, since another user cannot read the build's own tree.
bin=$(dirname "$(dirname "$(readlink -f -- "$1")")")
prefix=$work/prefix
mkdir -p "$prefix"/{bin,libexec/voidbox,share/voidbox}
cp -L "$1" "$prefix"/bin/voidbox
cp -L "$bin"/agent/guest-agent "$bin"/image/busybox/busybox "$prefix"/libexec/voidbox/
cp -L "$bin"/image/kernel/vmlinux "$prefix"/share/voidbox/
cp -L "$bin"/image/kernel/config "$prefix"/share/voidbox/vmlinux.config
cp "$runfiles"/tests/make_base_tarball.sh "$work"/
chmod -R go+rX "$prefix" "$work"/make_base_tarball.sh
voidbox=$prefix/bin/voidbox
mkdir -m 777 "$work"/{one,two}
export HOME=$work/one XDG_CACHE_HOME=$work/one/cache VOIDBOX_HOME=$work/one/home
unset SOURCE_DATE_EPOCH BUSYBOX

# As somebody else, where we may become somebody else.
other() {
  local -a words=()
  ((EUID != 0)) || words=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  (cd "$work"/two && umask 077 &&
    "${words[@]}" env -i PATH="$PATH" HOME="$work/two" VOIDBOX_HOME="$work"/two/home TZ=Asia/Tokyo LC_ALL=C.UTF-8 "$@")
}

# --- Reproducible ---
TEST_TMPDIR=$work "$work"/make_base_tarball.sh debian "$work"/base.tar
(umask 022 && cd "$work"/one && "$voidbox" image build --quiet --out minimal &&
  "$voidbox" image build debian --no-deno --base ../base.tar --out debian) > "$work"/output 2> "$work"/error
cat "$work"/error
other "$voidbox" image build minimal --out ../two/elsewhere/minimal > /dev/null 2>&1
# The same base, packed, and read from another place.
gzip -c "$work"/base.tar > "$work"/base.tar.gz
chmod 644 "$work"/base.tar.gz
other "$voidbox" image build debian --no-deno --base "$work"/base.tar.gz --out debian > /dev/null 2>&1
for file in initramfs.cpio.gz sbom.spdx.json vmlinux; do
  cmp "$work"/one/minimal/$file "$work"/two/elsewhere/minimal/$file || fail "two builds of minimal differ in $file"
done
for file in rootfs.ext4 sbom.spdx.json; do
  cmp "$work"/one/debian/$file "$work"/two/debian/$file || fail "two builds of a root file system differ in $file"
done
# It can fail: another date gives another file system.
(cd "$work"/two && SOURCE_DATE_EPOCH=1000000000 "$voidbox" image build debian --quiet --no-deno --base ../base.tar \
  --out other.ext4) > /dev/null
if cmp -s "$work"/one/debian/rootfs.ext4 "$work"/two/other.ext4; then fail "SOURCE_DATE_EPOCH changes nothing"; fi
/sbin/e2fsck -fn "$work"/one/debian/rootfs.ext4 > "$work"/fsck 2>&1 || { cat "$work"/fsck; fail "e2fsck is not content"; }
[[ $(stat -c %s "$work"/one/minimal/initramfs.cpio.gz) -lt 3000000 ]] || fail "minimal is larger than 3 MB"

# A line for each phase where there is no terminal, and none with --quiet.
grep -q '^voidbox: reading the base (20.* MiB)$' "$work"/error || fail "no line about the base"
grep -q '^voidbox: writing the root file system (' "$work"/error || fail "no line about the root file system"
! grep -q 'initramfs' "$work"/error || fail "--quiet is not quiet"
python3 - "$work"/output <<'PYTHON' || fail "the output is not JSON"
import json, sys
decoder, text = json.JSONDecoder(), open(sys.argv[1]).read()
first, end = decoder.raw_decode(text)
assert first["files"][1] == "minimal/initramfs.cpio.gz", first
PYTHON

# --- A build of Debian that is interrupted, or fails ---
mkdir "$work"/fakes
cat > "$work"/fakes/mmdebstrap <<'FAKE'
#!/bin/bash
# Works until it is told to end, with a child and a file.
trap 'rm -f "$WORK"/one/mmdebstrap.left; exit 1' TERM
touch "$WORK"/one/mmdebstrap.left
exec -a voidbox-fake-child sleep 1000 &
echo started > "$WORK"/started
while :; do wait; done
FAKE
chmod +x "$work"/fakes/mmdebstrap
mkfifo "$work"/started
exec {started}<> "$work"/started
export WORK=$work
for signal in INT TERM HUP; do
  # A background job of a script ignores INT, and so would voidbox.
  PATH=$work/fakes:$PATH env --default-signal=INT "$voidbox" image build debian --no-deno \
    --out "$work"/one/interrupted > "$work"/output 2>&1 &
  pid=$!
  read -r -t 120 -u "$started" || { cat "$work"/output; fail "mmdebstrap was not started"; }
  kill -"$signal" "$pid"
  status=0
  wait "$pid" || status=$?
  [[ $status == $((128 + $(kill -l $signal))) ]] || { cat "$work"/output; fail "after $signal it ended with $status"; }
  ! pgrep -f '^voidbox-fake-child' > /dev/null || fail "a child of mmdebstrap is left after $signal"
  [[ ! -e $work/one/mmdebstrap.left ]] || fail "mmdebstrap could not clean up after $signal"
  [[ -z $(ls -A "$work"/one/interrupted) ]] || fail "files are left after $signal"
  [[ -z $(find "$XDG_CACHE_HOME" -type f) ]] || fail "files are left in the cache after $signal"
done

printf '#!/bin/sh\necho "E: the mirror is away" >&2\nexit 1\n' > "$work"/fakes/mmdebstrap
PATH=$work/fakes:$PATH "$voidbox" image build debian --no-deno > "$work"/output 2>&1 && fail "a failure is no failure"
grep -q 'mmdebstrap ended with exit status 1:$' "$work"/output || { cat "$work"/output; fail "the failure's reason"; }
grep -q 'E: the mirror is away' "$work"/output || fail "mmdebstrap's words"
[[ $("$voidbox" image ls --format json) == "[]" ]] || fail "an image came of a failure"

# --- Clear words ---
refuses() {
  local expected=$1
  shift
  if "$voidbox" image build "$@" > "$work"/output 2>&1; then fail "taken: $*"; fi
  grep -qF -- "$expected" "$work"/output || { cat "$work"/output; fail "$* does not say: $expected"; }
}
refuses "there is no flavour 'arch'; there are minimal, debian, alpine, agents" arch
refuses "the alpine flavour needs --mirror URL of an Alpine mirror, or --base FILE" alpine
refuses "is linked with shared libraries" --busybox /bin/ls
refuses "/nonexistent" debian --base /nonexistent
refuses "the flavour alpine has the mock of Claude Code only" alpine --with-claude-code
refuses "image name 'UPPER' is not" --name UPPER
refuses "the flavour minimal is an initramfs" minimal --out "$work"/one/x.ext4
SOURCE_DATE_EPOCH=soon refuses "SOURCE_DATE_EPOCH 'soon'" minimal
