#!/bin/bash
# Builds the guest kernel: tinyconfig plus a fragment, from Debian's kernel source.
#
#   build.sh --source TAR.XZ --fragment FILE [--patch FILE]... --vmlinux OUT --config OUT [--system-map OUT] [--jobs N]
#
# --vmlinux is the uncompressed ELF kernel without symbols, --config the configuration it was built with, --system-map
# the addresses of its symbols (the kernel itself has none, so a panic prints bare addresses). The same source,
# patches, fragment and compiler give the same bytes. Fails, with their names, if lines of the fragment did not survive,
# and if a patch does not apply.
set -euo pipefail

say() { printf 'kernel: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

source="" fragment="" vmlinux="" config="" system_map="" jobs=$(nproc) patches=()
while (($# > 0)); do
  (($# >= 2)) || die "$1 needs a value"
  case $1 in
    --source) source=$(realpath -- "$2") ;;
    --fragment) fragment=$(realpath -- "$2") ;;
    --patch) patches+=("$(realpath -- "$2")") ;;
    --vmlinux) vmlinux=$(realpath -- "$2") ;;
    --config) config=$(realpath -- "$2") ;;
    --system-map) system_map=$(realpath -- "$2") ;;
    --jobs) jobs=$2 ;;
    *) die "unknown argument $1" ;;
  esac
  shift 2
done
[[ -n $source && -n $fragment && -n $vmlinux && -n $config ]] || die "see the head of ${BASH_SOURCE[0]} for the arguments"

# Beside the output: the tree takes 2 GB, more than /tmp may hold.
tree=$(mktemp -d -- "$vmlinux.tree.XXXXXX")
log=$tree/build.log
trap 'rm -rf -- "$tree"' EXIT

# What would differ between two builds of the same source.
export KBUILD_BUILD_TIMESTAMP="1970-01-01 00:00:00 UTC"
export KBUILD_BUILD_USER=voidbox KBUILD_BUILD_HOST=voidbox KBUILD_BUILD_VERSION=1 KCONFIG_NOTIMESTAMP=1
export LC_ALL=C TZ=UTC SOURCE_DATE_EPOCH=0
unset MAKEFLAGS MAKELEVEL CROSS_COMPILE ARCH KBUILD_OUTPUT

quiet_make() { make -s "$@" >>"$log" 2>&1 || { tail -n 40 -- "$log" >&2; die "make $* failed"; }; }

# Lines of the fragment that olddefconfig changed: an option that is gone, renamed, or lacks what it depends on.
check_fragment() {
  local line name lost=()
  while IFS= read -r line; do
    case $line in
      CONFIG_*=*) grep -qxF -- "$line" .config || lost+=("$line") ;;
      "# CONFIG_"*" is not set")
        name=${line#\# } name=${name%% *}
        ! grep -q -- "^$name=" .config || lost+=("$line")
        ;;
    esac
  done <"$fragment"
  ((${#lost[@]} == 0)) || {
    printf 'kernel: did not survive olddefconfig: %s\n' "${lost[@]}" >&2
    die "${#lost[@]} line(s) of $(basename -- "$fragment") are not in the configuration"
  }
}

# One line each half minute; the number of objects is that of a full build, give or take a few.
show_progress() {
  while sleep 30; do
    say "compiled $(grep -c '^  CC ' -- "$log") of about 1,000 files after $SECONDS s"
  done
}

say "unpacking $(basename -- "$source")"
tar -xJf "$source" -C "$tree" --strip-components=1
cd -- "$tree"

for patch in "${patches[@]}"; do
  say "applying $(basename -- "$patch")"
  patch --strip=1 --batch --forward --fuzz=2 <"$patch" >>"$log" 2>&1 || {
    tail -n 20 -- "$log" >&2
    die "$(basename -- "$patch") does not apply"
  }
done

say "configuring: tinyconfig and $(basename -- "$fragment")"
quiet_make tinyconfig
cat -- "$fragment" >>.config
quiet_make olddefconfig
check_fragment

say "compiling with $jobs jobs"
show_progress &
progress=$!
make -j "$jobs" vmlinux >>"$log" 2>&1 || { kill "$progress"; tail -n 40 -- "$log" >&2; die "compilation failed"; }
kill "$progress"

strip --strip-all -o "$vmlinux" vmlinux
cp -- .config "$config"
[[ -z $system_map ]] || cp -- System.map "$system_map"
say "vmlinux of $(stat -c %s -- "$vmlinux") bytes in $SECONDS s"
