#!/bin/bash
# run_in_host.sh VOIDBOX BINARY [ARGUMENT...]: runs a test binary where KVM works: here, or in an emulated KVM host of
# its own, which is stopped afterwards. See vm_test.bzl.
set -euo pipefail
voidbox=$(readlink -f "$1")
binary=$(readlink -f "$2")
shift 2
[[ $("$voidbox" doctor --format json || true) != *'"kvm_host": "native"'* ]] || exec "$binary" "$@"

export VOIDBOX_HOME=$TEST_TMPDIR/home
# Should this script be killed, the host ends soon after.
export VOIDBOX_HOST_IDLE=60
mkdir -p "$VOIDBOX_HOME"
trap '"$voidbox" host stop >&2' EXIT
status=0
# Unix sockets do not work on files of the outer machine, so the test's own directory is inside; its result comes out
# through VOIDBOX_HOME.
"$voidbox" host exec -- /bin/sh -c '
  mkdir -p /tmp/vm_test && XML_OUTPUT_FILE=$VOIDBOX_HOME/test.xml TEST_TMPDIR=/tmp/vm_test exec "$@"' sh "$binary" "$@" ||
  status=$?
if [[ -n ${XML_OUTPUT_FILE:-} && -f $VOIDBOX_HOME/test.xml ]]; then cp "$VOIDBOX_HOME/test.xml" "$XML_OUTPUT_FILE"; fi
exit "$status"
