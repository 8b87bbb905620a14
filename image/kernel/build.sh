#!/bin/bash
# Builds the guest kernel: tinyconfig plus fragments, from Debian's kernel source.
#
#   build.sh --source TAR.XZ --fragment FILE... [--patch FILE]... --vmlinux OUT --config OUT [--system-map OUT] [--jobs N]
#
# A fragment or patch below a folder named after a release, such as 6.12, is only for that one. Patches apply in the order
# of their file names.
#
# --vmlinux is the uncompressed ELF kernel without symbols, --config the configuration it was built with, --system-map
# the addresses of its symbols (the kernel itself has none, so a panic prints bare addresses). The same source,
# patches, fragments and compiler give the same bytes. Fails, with their names, if lines of a fragment did not survive,
# if a patch does not apply, and for a release that no fragment is for.
set -euo pipefail

say() { printf 'kernel: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

source="" fragments=() vmlinux="" config="" system_map="" jobs=$(nproc) patches=()
while (($# > 0)); do
  (($# >= 2)) || die "$1 needs a value"
  case $1 in
    --source) source=$(realpath -- "$2") ;;
    --fragment) fragments+=("$(realpath -- "$2")") ;;
    --patch) patches+=("$(realpath -- "$2")") ;;
    --vmlinux) vmlinux=$(realpath -- "$2") ;;
    --config) config=$(realpath -- "$2") ;;
    --system-map) system_map=$(realpath -- "$2") ;;
    --jobs) jobs=$2 ;;
    *) die "unknown argument $1" ;;
  esac
  shift 2
done
[[ -n $source && -n ${fragments[*]} && -n $vmlinux && -n $config ]] || die "see the head of ${BASH_SOURCE[0]} for the arguments"

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

# Of the files that are given, those for the release $1: what lies in no folder of a release, or in this one.
files_for() {
  local release=$1 file within
  shift
  for file in "$@"; do
    within=${file##*/image/kernel/}
    if [[ ! $within =~ ^[0-9]+\.[0-9]+/ || $within == "$release"/* ]]; then printf '%s %s\n' "${file##*/}" "$file"; fi
  done | sort -s -k 1,1 | cut -d' ' -f2-
}

# Lines of the fragments that olddefconfig changed: an option that is gone, renamed, or lacks what it depends on.
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
  done < <(cat -- "${fragments[@]}")
  ((${#lost[@]} == 0)) || {
    printf 'kernel: did not survive olddefconfig: %s\n' "${lost[@]}" >&2
    die "${#lost[@]} line(s) of ${fragments[*]##*/image/kernel/} are not in the configuration"
  }
}

# What no object of ours is made of: a third of the files. Kconfig reads the folders' Kconfig files, so they stay.
unneeded=('*/Documentation/[!K]*' '*/arch/[!x]*/*.'{[chS],dts,dtsi} '*/sound/*.[ch]' '*/tools/testing/*' '*/tools/perf/*'
  '*/drivers/'{gpu,media,infiniband,staging,scsi,usb,iio,hwmon,pinctrl,phy,crypto,soc}'/*.[ch]'
  '*/drivers/net/'{ethernet,wireless,can,dsa,phy}'/*.[ch]')

# One line each half minute; the number of objects is that of a full build, give or take a few.
show_progress() {
  while sleep 30; do
    say "compiled $(grep -c '^  CC ' -- "$log") of about 1,000 files after $SECONDS s"
  done
}

say "unpacking $(basename -- "$source")"
tar -xJf "$source" -C "$tree" --strip-components=1 "${unneeded[@]/#/--exclude=}"
cd -- "$tree"

release=$(sed -n 's/^VERSION = //p' Makefile).$(sed -n 's/^PATCHLEVEL = //p' Makefile)
printf '%s\n' "${fragments[@]}" | grep -q "/image/kernel/$release/" ||
  die "this is Linux $release, for which there is no folder in image/kernel; see the others there"
mapfile -t fragments < <(files_for "$release" "${fragments[@]}")
mapfile -t patches < <(files_for "$release" "${patches[@]}")

for patch in "${patches[@]}"; do
  say "applying $(basename -- "$patch")"
  patch --strip=1 --batch --forward --fuzz=2 <"$patch" >>"$log" 2>&1 || {
    tail -n 20 -- "$log" >&2
    die "$(basename -- "$patch") does not apply"
  }
done

say "configuring: Linux $release, tinyconfig and ${fragments[*]##*/image/kernel/}"
quiet_make tinyconfig
cat -- "${fragments[@]}" >>.config
quiet_make olddefconfig
check_fragment

say "compiling with $jobs jobs"
show_progress &
progress=$!
# Without warnings, which nobody reads here and which take time to find.
make -j "$jobs" KCFLAGS=-w vmlinux >>"$log" 2>&1 || { kill "$progress"; tail -n 40 -- "$log" >&2; die "compilation failed"; }
kill "$progress"

strip --strip-all -o "$vmlinux" vmlinux
cp -- .config "$config"
[[ -z $system_map ]] || cp -- System.map "$system_map"
times >"$tree/times"
cpu=$(tail -n 1 -- "$tree/times" | sed 's/[ms]/ /g' | awk '{printf "%d", $1 * 60 + $2 + $3 * 60 + $4}')
say "vmlinux of $(stat -c %s -- "$vmlinux") bytes in $SECONDS s ($cpu s of CPU time)"
