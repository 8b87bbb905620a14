#!/bin/bash
# run_kvm_tests.sh [TARGET...]: builds the minimal guest image and runs the tests that boot guests (default: all).
#
#   KERNEL=FILE      a vmlinux for them to boot instead of our own
#   INITRAMFS=FILE   an initramfs for them to boot instead of the one that is built
set -euo pipefail
root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
if [[ -z ${INITRAMFS:-} ]]; then
  directory=$(mktemp -d "${TMPDIR:-/tmp}/run_kvm_tests.XXXXXX")
  trap 'rm -rf -- "$directory"' EXIT
  INITRAMFS=$directory/initramfs.cpio
  OUT_CPIO=$INITRAMFS "$root"/scripts/build_guest_image.sh
fi
INITRAMFS=$(realpath -e -- "$INITRAMFS")
KERNEL=${KERNEL:+$(realpath -e -- "$KERNEL")}
export INITRAMFS KERNEL
(($# > 0)) || set -- //tests/...
cd -- "$root"
./bazelw test --build_tests_only --test_tag_filters=vm --test_env=KERNEL --test_env=INITRAMFS "$@"
