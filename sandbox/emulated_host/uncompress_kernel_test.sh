#!/bin/bash
# uncompress_kernel_test.sh SCRIPT: kernels packed as Debian 12 and 13 pack theirs, and files that are none.
set -euo pipefail
script=$(realpath -- "$1")
cd -- "$(mktemp -d -- "${TEST_TMPDIR:-/tmp}/uncompress_kernel_test.XXXXXX")"

fail() { echo "FAILED: $*" >&2 && exit 1; }

# little_endian BYTES NUMBER
little_endian() {
  local i number=$2
  for ((i = 0; i < $1; ++i)); do
    printf "\\x$(printf %02x $((number & 255)))"
    number=$((number >> 8))
  done
}

# bzimage PAYLOAD SETUP_SECTORS: a boot sector, the setup, 100 bytes of code, the payload with its size, and a tail.
bzimage() {
  local payload_bytes=$(($(stat -c %s -- "$1") + 4))
  head -c $((0x1f1)) /dev/zero
  little_endian 1 "$2"
  head -c $((0x248 - 0x1f2)) /dev/zero
  little_endian 4 100
  little_endian 4 "$payload_bytes"
  head -c $((($2 + 1) * 512 - 0x250 + 100)) /dev/zero
  cat -- "$1"
  printf SIZE
  head -c 100000 /dev/zero
}

{ printf '\x7fELF' && head -c 300000 /dev/urandom; } >kernel
xz -k kernel
zstd -q kernel
for sectors in 4 39; do
  for packed in kernel.xz kernel.zst; do
    bzimage "$packed" "$sectors" >image
    "$script" image unpacked || fail "$packed behind $sectors sectors"
    cmp -- kernel unpacked || fail "$packed behind $sectors sectors: other bytes"
  done
done

# expect_error MESSAGE: the script refuses `image` and says why.
expect_error() {
  if "$script" image unpacked 2>error; then fail "taken: $1"; fi
  grep -q -- "$1" error || fail "wanted '$1', got: $(cat error)"
}

gzip -k kernel
bzimage kernel.gz 4 >image
expect_error "neither by xz nor by zstd"
echo "no kernel" | xz >text.xz
bzimage text.xz 4 >image
expect_error "is no ELF file"
bzimage kernel.xz 4 >whole
head -c 5000 whole >image
expect_error "."
: >image
expect_error "."
echo PASSED
