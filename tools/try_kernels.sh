#!/bin/bash
# try_kernels.sh VOIDBOX DIR [KERNEL...]: imports kernels that other people publish as packages, boots each in a sandbox
# with the built-in initramfs and with a root disk, and prints a row of the table in docs/images.md for it.
#
# KERNEL is the name of a Debian kernel package that apt knows here, or with `SUITE:` before it of another suite
# (trixie-backports:linux-image-amd64) of the same mirror; libkrunfw-microsandbox and libkrunfw-smolmachines (pip); or
# gokrazy (a Go module; needs go). Without any, all of the table are tried. Packages are downloaded to DIR and not
# installed. Needs apt, dpkg-deb, depmod, mke2fs, python3 with pip.
set -euo pipefail
voidbox=$(realpath -- "${1:?usage: try_kernels.sh VOIDBOX DIR [KERNEL...]}")
dir=$(realpath -m -- "${2:?usage: try_kernels.sh VOIDBOX DIR [KERNEL...]}")
shift 2
(($#)) || set -- linux-image-amd64 linux-image-cloud-amd64 linux-image-rt-amd64 linux-image-6.12-amd64 \
  trixie-backports:linux-image-amd64 libkrunfw-microsandbox libkrunfw-smolmachines gokrazy
mkdir -p "$dir"

# suite NAME: from now on apt asks for the packages of that suite alone, in lists of its own.
suite() {
  local own=$dir/apt-$1 mirror
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m1 '/debian/$')
  mkdir -p "$own/lists/partial" "$own/cache/archives/partial"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $1 main" >"$own/sources.list"
  printf '%s "%s";\n' Dir::Etc::sourcelist "$own/sources.list" Dir::Etc::sourceparts - Dir::State::lists "$own/lists" \
    Dir::Cache "$own/cache" >"$own/apt.conf"
  export APT_CONFIG=$own/apt.conf
  apt-get update -q >&2
}

# debian [SUITE:]PACKAGE: it, or what it depends on, unpacked; sets $kernel and $modules. From Linux 7 on a kernel is three
# packages: linux-binary-, linux-modules- and linux-base-RELEASE.
debian() {
  local root=$dir/$1 package
  if [[ ! -d $root ]]; then
    rm -rf "$root.new"
    mkdir -p "$root.new"
    for package in $(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
      --no-enhances "${1#*:}" | grep -E '^linux-(image|binary|modules|base)-[0-9]' | sort -u); do
      (cd "$dir" && apt-get download -q "$package" >&2)
      dpkg-deb -x "$dir/$package"_*.deb "$root.new"
    done
    [[ ! -d $root.new/usr/lib/modules || -e $root.new/lib ]] || ln -s usr/lib "$root.new/lib"
    modules=$(echo "$root.new"/lib/modules/*)
    depmod -b "$root.new" "${modules##*/}"
    mv "$root.new" "$root"
  fi
  modules=$(echo "$root"/lib/modules/*)
  # From Linux 7 on it lies beside the modules.
  kernel=$modules/vmlinuz
  [[ -e $kernel ]] || kernel=$(echo "$root"/boot/vmlinuz-*)
}

# krun PACKAGE==VERSION LIBRARY: the kernel that libkrunfw has in its data, with an ELF header in front of it.
krun() {
  local root=$dir/${1%%==*}
  if [[ ! -d $root ]]; then
    mkdir -p "$root.new"
    python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.11 \
      --platform manylinux_2_34_x86_64 --platform manylinux_2_28_x86_64 -d "$root.new" "$1" >&2
    python3 -m zipfile -e "$root.new"/*.whl "$root.new/wheel"
    python3 - "$(find "$root.new/wheel" -name 'libkrunfw.so*' -print -quit)" "$root.new/vmlinux" <<'PYTHON'
import ctypes, struct, sys
library = ctypes.CDLL(sys.argv[1])
load, entry, size = ctypes.c_uint64(), ctypes.c_uint64(), ctypes.c_size_t()
library.krunfw_get_kernel.restype = ctypes.c_void_p
at = library.krunfw_get_kernel(ctypes.byref(load), ctypes.byref(entry), ctypes.byref(size))
code = ctypes.string_at(at, size.value)
header = struct.pack('<16sHHIQQQIHHHHHH', b'\x7fELF\x02\x01\x01', 2, 62, 1, entry.value, 64, 0, 0, 64, 56, 1, 0, 0, 0)
segment = struct.pack('<IIQQQQQQ', 1, 7, 4096, load.value, load.value, len(code), len(code), 4096)
open(sys.argv[2], 'wb').write((header + segment).ljust(4096, b'\0') + code)
PYTHON
    mv "$root.new" "$root"
  fi
  kernel=$root/vmlinux modules=''
}

# The newest in November 2026.
gokrazy=v0.0.0-20260705070735-de680abf072b
gokrazy() {
  local module
  module=$(cd "$dir" && GOPATH=$dir/go GOFLAGS=-modcacherw go mod download -json github.com/gokrazy/kernel.amd64@$gokrazy |
    sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  kernel=$module/vmlinuz modules=$(echo "$module"/lib/modules/*)
}

# A root disk with the agent, as `--rootfs` takes it.
rootfs() {
  local agent=${voidbox%/tools/voidbox}/agent/guest-agent
  [[ -f $agent ]] || agent=${voidbox%/bin/voidbox}/libexec/voidbox/guest-agent
  rm -rf "$dir/root"
  mkdir -p "$dir/root/sbin" "$dir/root/bin"
  cp "$agent" "$dir/root/sbin/init"
  cp /bin/busybox "$dir/root/bin/sh"
  rm -f "$dir/root.ext4"
  /sbin/mke2fs -q -t ext4 -d "$dir/root" "$dir/root.ext4" 64M >&2
}

# What a guest has, in one line: name=yes or name=no.
probe='for f in overlay 9p virtiofs tmpfs; do grep -q "[[:space:]]$f\$" /proc/filesystems && echo -n "$f=yes " || echo -n "$f=no "; done
read -r controllers < /sys/fs/cgroup/cgroup.controllers || controllers=none
echo "cgroups: $controllers; modules: $(grep -c . /proc/modules 2>/dev/null || echo 0)"'

# attempt NAME ARGUMENTS...: imports the kernel with what the arguments say, and prints what a guest of it has, or why not.
attempt() {
  local name=try-kernel log=$dir/log
  shift
  if ! "$voidbox" image import "$name" --force --kernel "$kernel" ${modules:+--modules "$modules"} "$@" >"$log" 2>&1; then
    echo "import refused: $(tail -n1 "$log")"
    return
  fi
  if ! "$voidbox" run --timeout 120s --user root --image "$name" -- sh -c "$probe" >"$log" 2>"$log.errors"; then
    echo "does not run: $(grep -m1 "^voidbox: error" "$log.errors" || tail -n1 "$log.errors")"
    return
  fi
  tail -n1 "$log"
}

rootfs
for name; do
  case $name in
    libkrunfw-microsandbox) krun microsandbox==0.7.11 ;;
    libkrunfw-smolmachines) krun smolmachines==1.32.2 ;;
    gokrazy) gokrazy ;;
    *:*) (suite "${name%%:*}" && debian "$name") && debian "$name" ;;
    *) debian "$name" ;;
  esac
  # A bzImage says its release in its header, a vmlinux in its banner.
  release=$(grep -a -o -m1 -E '[0-9]+\.[0-9]+\.[0-9]+[-+.~a-z0-9]* \([^)]*@' "$kernel" | head -n1 | cut -d' ' -f1 || true)
  echo "| $name | ${release:-?} | $(attempt initramfs) | $(attempt disk --rootfs "$dir/root.ext4") |"
done
