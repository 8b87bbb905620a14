#!/bin/bash
# examples_test.sh VOIDBOX DENO: runs every example as its README says, in one host, and interrupts two.
set -euo pipefail
voidbox=$(readlink -f -- "$1") deno=$(readlink -f -- "$2")
export VOIDBOX=$voidbox VOIDBOX_HOME=$TEST_TMPDIR/home VOIDBOX_HOST_IDLE=300 TMPDIR=$TEST_TMPDIR/tmp
mkdir -p "$VOIDBOX_HOME" "$TMPDIR"
trap '"$voidbox" host stop >&2' EXIT

fail() { echo "FAILED: $*" >&2; exit 1; }

# Of each example, what it wrote must have these lines.
expect() {
  local example=$1 output
  shift
  echo "== $example ($SECONDS s)"
  output=$(examples/"$example") || fail "$example ended with status $?"
  echo "$output"
  for line; do [[ $output == *"$line"* ]] || fail "$example did not write: $line"; done
}

# Ctrl-C after the first line that begins so: the example ends with 130.
interrupt() {
  local example=$1 after=$2 status=0 line pid
  echo "== $example, Ctrl-C after '$after' ($SECONDS s)"
  mkfifo "$TMPDIR/output"
  set -m  # a process group of its own, which gets the signal as a terminal would send it
  examples/"$example" > "$TMPDIR/output" &
  pid=$!
  set +m
  { while IFS= read -r line && [[ $line != "$after"* ]]; do :; done; kill -INT -- "-$pid"; cat; } < "$TMPDIR/output"
  wait "$pid" || status=$?
  rm "$TMPDIR/output"
  [[ $status == 130 ]] || fail "$example ended with status $status"
}

nothing_is_left() {
  [[ $("$voidbox" ps -aq) == "" ]] || fail "$1 left: $("$voidbox" ps -a --format text)"
  [[ -z $(ls "$TMPDIR") ]] || fail "$1 left $(ls "$TMPDIR")"
}

expect project_report.sh "3 tests, 0 failed" "ok 3 - tells_the_line"
expect agent_shell.py '"stdout": "7\nresult\n", "stderr": "", "directory": "/home/user/app"' 'unterminated quoted string' \
  '{"exit_status": null, "timed_out": true}' '{"exit_status": 7, "shell_ended": true}' '"stdout": "7\nLinux\n"'
nothing_is_left "an example"
interrupt project_report.sh "starting"
interrupt agent_shell.py "result"
nothing_is_left "an example that was interrupted"

examples/make_test_image.sh "$deno" "$TEST_TMPDIR/image.tar"
for image in debian devel; do "$voidbox" image import $image --tar "$TEST_TMPDIR/image.tar" > "$TEST_TMPDIR/imported"; done
rm "$TEST_TMPDIR/image.tar"
expect run_typescript.sh "read /etc/passwd     NotCapable" "call out             NotCapable" \
  "start a program      NotCapable" "keep a file          done"
expect build_in_guest.sh "gcc -O2 -Wall -static -o sieve sieve.c" "9592 primes below 100000"
expect pip_install.sh "Successfully installed shout-1.0" "HELLO FROM THE GUEST!"
nothing_is_left "an example"
echo "all examples: $SECONDS s"
