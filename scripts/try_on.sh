#!/bin/bash
# try_on.sh RELEASE [OPTION]...: runs both README commands in a clean root of a Debian release, bookworm or trixie, on a
# clone of what is committed here, and says how long it took to the first guest output and altogether.
#
#   --root DIR    make the root there and keep it; where there is one already it is used (default: one that is removed)
#   --cache DIR   what is compiled goes into and comes from DIR; without it all is built anew
#   --only run    leave the second command, all tests, out
#   --test ARGS   what the second command gets instead of //... (words separated by spaces; once)
#
# As root, for mmdebstrap (package mmdebstrap) and chroot. Inside, the commands run as root; ./bazelw installs the packages.
set -euo pipefail

say() { printf 'try_on: %s\n' "$*" >&2; }
die() { say "$*" && exit 2; }

clone=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
release=${1:-}
[[ $release == bookworm || $release == trixie ]] || die "the first argument is a release: bookworm or trixie"
shift
root="" cache="" only="" tests=//...
while (($# > 0)); do
  (($# >= 2)) || die "$1 needs a value"
  case $1 in
    --root) root=$(realpath -m -- "$2") ;;
    --cache) cache=$(realpath -m -- "$2") ;;
    --only) [[ $2 == run ]] || die "--only takes: run" && only=run ;;
    --test) tests=$2 ;;
    *) die "unknown option $1; see the head of scripts/try_on.sh" ;;
  esac
  shift 2
done
((EUID == 0)) || die "it makes a root file system: run it as root"

# In a mount namespace of its own: what is mounted in the root is gone when the last process of it is.
if [[ -z ${TRY_ON_NAMESPACE:-} ]]; then
  TRY_ON_NAMESPACE=1 exec unshare --mount --propagation private -- "$BASH" -- "$0" "$release" \
    ${root:+--root "$root"} ${cache:+--cache "$cache"} ${only:+--only "$only"} --test "$tests"
fi
temporary=""
if [[ -z $root ]]; then
  root=$(mktemp -d -- /var/tmp/try_on.XXXXXX)
  chmod 0755 -- "$root"
  temporary=1
fi

# Ends what a build leaves running, Bazel's server and the emulated host, and removes a root that nobody asked to keep:
# its mounts first, since what lies in them is not ours to remove.
finish() {
  inside bash -c 'cd /voidbox && { bazel-bin/tools/voidbox host stop; ./bazelw shutdown; }' >/dev/null 2>&1 || true
  [[ -n $temporary ]] || return 0
  umount --recursive --lazy -- "$root" 2>/dev/null || true
  rm -rf --one-file-system -- "$root"
}
trap finish EXIT

make_root() {
  command -v mmdebstrap >/dev/null || die "mmdebstrap is missing: apt-get install mmdebstrap"
  say "making a root of $release in $root"
  mmdebstrap --quiet --variant=minbase --include=ca-certificates,git "$release" "$root"
}

mount_into_root() {
  # A mount point of its own, as the root of a machine is.
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount --rbind /sys "$root/sys"
  mount --rbind /dev "$root/dev"
  if [[ -n $cache ]]; then
    mkdir -p -- "$cache" "$root/root/.cache/voidbox"
    mount --bind -- "$cache" "$root/root/.cache/voidbox"
  fi
  cp -L -- /etc/resolv.conf /etc/hosts "$root/etc/"
}

# inside COMMAND...: in the root, with an environment as after a login.
inside() {
  chroot -- "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 TERM=dumb \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# readme COMMAND: a line as the README has it, in the clone.
readme() {
  say "$1"
  inside bash -c "cd /voidbox && $1" </dev/null
}

# What this machine trusts beside Debian's own certificates, a proxy's for example, the root trusts as well.
trust_certificates() {
  local certificates
  mapfile -t certificates < <(find /usr/local/share/ca-certificates -name '*.crt' 2>/dev/null)
  ((${#certificates[@]} > 0)) || return 0
  cp -- "${certificates[@]}" "$root/usr/local/share/ca-certificates/"
  inside update-ca-certificates >/dev/null 2>&1
}

[[ -x $root/usr/bin/dpkg ]] || make_root
mount_into_root
trust_certificates
rm -rf -- "$root/voidbox"
git clone --quiet -- "$clone" "$root/voidbox"
# A file of this machine, that says how much of it a build may take.
[[ ! -f $clone/user.bazelrc ]] || cp -- "$clone/user.bazelrc" "$root/voidbox/"

start=$SECONDS
# The packages first, so that the figure is that of the build.
inside bash -c 'cd /voidbox && ./bazelw --version'
say "packages: $((SECONDS - start)) s"

status=0
start=$SECONDS
output=$(readme './bazelw run //tools:voidbox -- run -- uname -a') || status=$?
printf '%s\n' "$output"
[[ $status == 0 && $output == *"Linux voidbox"* ]] || die "$release: no guest's output (status $status)"
say "$release: first guest output after $((SECONDS - start)) s"
if [[ $only != run ]]; then
  start=$SECONDS
  readme "./bazelw test $tests" || status=$?
  say "$release: ./bazelw test $tests ended with status $status after $((SECONDS - start)) s"
fi
exit "$status"
