#!/bin/bash
# build.sh --source DSC --out FILE [--jobs N]: BusyBox for guests, from Debian's source, with the programs and options of
# Debian's static one, but linked with musl in place of glibc.
#
# A static program of glibc asks the processor for its caches as it starts, by 36 CPUID instructions, each of which leaves a
# virtual machine and comes back; musl asks for nothing. The program is half as large as well, and touches fewer
# pages. What musl has not is left out: `grep -z`, and regular expressions in the search of vi.
#
# The same source, compiler and libraries give the same bytes.
set -euo pipefail

say() { printf 'busybox: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

source="" out="" jobs=$(nproc)
while (($# > 0)); do
  (($# >= 2)) || die "$1 needs a value"
  case $1 in
    --source) source=$(realpath -- "$2") ;;
    --out) out=$(realpath -- "$2") ;;
    --jobs) jobs=$2 ;;
    *) die "unknown argument $1" ;;
  esac
  shift 2
done
[[ -n $source && -n $out ]] || die "see the head of ${BASH_SOURCE[0]} for the arguments"

tree=$(mktemp -d -- "$out.tree.XXXXXX")
log=$tree/build.log
trap 'rm -rf -- "$tree"' EXIT

export KCONFIG_NOTIMESTAMP=1 LC_ALL=C TZ=UTC SOURCE_DATE_EPOCH=0
unset MAKEFLAGS MAKELEVEL CROSS_COMPILE ARCH KBUILD_OUTPUT

logged() { "$@" >>"$log" 2>&1 || { tail -n 40 -- "$log" >&2; die "$* failed"; }; }

logged dpkg-source --no-check -x "$source" "$tree/source"
cd -- "$tree/source"
version=$(dpkg-parsechangelog -S Version)

# The kernel's headers, which musl brings none of; the rest of /usr/include is glibc's.
mkdir -- "$tree/include"
ln -s /usr/include/{linux,asm-generic,mtd} "/usr/include/$(gcc -print-multiarch)/asm" "$tree/include/"

config=debian/config/pkg/static
[[ -f $config ]] || die "$(basename -- "$source") has no $config: it is not Debian's BusyBox"
for option in CONFIG_EXTRA_COMPAT CONFIG_FEATURE_VI_REGEX_SEARCH; do
  sed -i "s/^$option=y$/# $option is not set/" "$config"
done
cp -- "$config" .config
# Answers to questions that Debian's configuration leaves open; there are none as long as it is complete.
logged make silentoldconfig </dev/null
diff -u -- "$config" .config >&2 || die "the configuration changed"

say "compiling BusyBox $version with $jobs jobs"
# Without warnings, which nobody reads here. glibc lets calls of sockets take any kind of address; with musl that is an error of
# GCC 14, and the same code.
logged make -j "$jobs" busybox_unstripped CC=musl-gcc SKIP_STRIP=y BB_EXTRA_VERSION="Debian $version, musl" \
  CONFIG_EXTRA_CFLAGS="-w -Wno-incompatible-pointer-types -isystem $tree/include"
strip --strip-all -o "$out" busybox_unstripped
say "busybox of $(stat -c %s -- "$out") bytes in $SECONDS s"
