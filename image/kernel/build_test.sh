#!/bin/bash
# build_test.sh BUILD: build.sh with small sources that look like a kernel's: which fragments and patches it takes for a
# release, and what it refuses.
set -euo pipefail
build=$(realpath -- "$1")
cd -- "$(mktemp -d -- "${TEST_TMPDIR:-/tmp}/build_test.XXXXXX")"

fail() { echo "FAILED: $*" >&2 && exit 1; }

# make_source VERSION PATCHLEVEL: source.tar.xz, whose "kernel" is a copy of true, and whose configuration is what was
# appended to it, without CONFIG_GONE.
make_source() {
  rm -rf -- linux
  mkdir linux
  {
    printf 'VERSION = %s\nPATCHLEVEL = %s\n' "$1" "$2"
    printf 'tinyconfig:\n\techo CONFIG_TINY=y >.config\n'
    printf 'olddefconfig:\n\tsed -i "/^CONFIG_GONE/d" .config\n\tcat order >>.config\n'
    printf 'vmlinux:\n\tcp %s vmlinux\n\techo 0 T start >System.map\n' /bin/true
  } >linux/Makefile
  echo start >linux/order
  tar -cJf source.tar.xz linux
}

# make_patch FILE WORD: puts a line behind the first one of `order`.
make_patch() {
  mkdir -p -- "${1%/*}"
  printf 'why\n\n--- a/order\n+++ b/order\n@@ -1 +1,2 @@\n start\n+%s\n' "$2" >"$1"
}

# run_build: with all fragments and patches below image/kernel, in Bazel's order of names.
run_build() {
  local arguments=() file
  while read -r file; do arguments+=(--fragment "$file"); done < <(find image -name '*.config' | LC_ALL=C sort)
  while read -r file; do arguments+=(--patch "$file"); done < <(find image -name '*.patch' | LC_ALL=C sort)
  bash "$build" --source source.tar.xz "${arguments[@]}" --vmlinux vmlinux --config config --system-map System.map 2>log
}

# expect_error MESSAGE
expect_error() {
  if run_build; then fail "taken: $1"; fi
  grep -q -- "$1" log || fail "wanted '$1', got: $(cat log)"
  compgen -G 'vmlinux.tree.*' >/dev/null && fail "the tree is left: $1"
  return 0
}

mkdir -p image/kernel/6.1 image/kernel/6.12
echo CONFIG_BOTH=y >image/kernel/guest.config
echo CONFIG_OLD=y >image/kernel/6.1/guest.config
echo CONFIG_NEW=y >image/kernel/6.12/guest.config
# In the order of their names, whichever folder they lie in.
make_patch image/kernel/6.1/patches/0001-a.patch old-first
make_patch image/kernel/6.12/patches/0001-a.patch new-first
make_patch image/kernel/patches/0002-b.patch second

make_source 6 1
run_build || fail "6.1: $(cat log)"
[[ $(tr '\n' ' ' <config) == "CONFIG_TINY=y CONFIG_OLD=y CONFIG_BOTH=y start second old-first " ]] ||
  fail "6.1: configuration: $(cat config)"
[[ -s vmlinux && -s System.map ]] || fail "6.1: no kernel"
make_source 6 12
run_build || fail "6.12: $(cat log)"
[[ $(tr '\n' ' ' <config) == "CONFIG_TINY=y CONFIG_NEW=y CONFIG_BOTH=y start second new-first " ]] ||
  fail "6.12: configuration: $(cat config)"

make_source 7 3
expect_error "this is Linux 7.3, for which there is no folder"
make_source 6 12
echo CONFIG_GONE=y >>image/kernel/6.12/guest.config
expect_error "did not survive olddefconfig: CONFIG_GONE=y"
sed -i /GONE/d image/kernel/6.12/guest.config
printf 'why\n\n--- a/order\n+++ b/order\n@@ -1 +1 @@\n-not there\n+third\n' >image/kernel/6.12/patches/0003-c.patch
expect_error "0003-c.patch does not apply"
make_source 6 1
run_build || fail "6.1 beside a patch that is for 6.12: $(cat log)"
echo PASSED
