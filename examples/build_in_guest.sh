#!/bin/bash
# build_in_guest.sh [VOIDBOX]: compiles a C program in a Debian guest, and runs it in another one that has no compiler.
# Neither the build nor the program touches this machine.
#
# $IMAGE (default: devel) has make, gcc and libc6-dev. voidbox is $VOIDBOX, or that of $PATH.
set -euo pipefail
voidbox=${1:-${VOIDBOX:-voidbox}} image=${IMAGE:-devel} name=build-$$
work=$(mktemp -d)
trap '"$voidbox" rm -f "$name" > "$work/rm" 2>&1 || true; rm -rf -- "$work"' EXIT
trap 'exit 130' INT TERM

mkdir "$work/sieve"
cat > "$work/sieve/sieve.c" << 'END'
#include <stdio.h>
#include <string.h>

int main(void) {
  enum { kEnd = 100000 };
  static char composite[kEnd];
  int primes = 0;
  for (int i = 2; i < kEnd; ++i) {
    primes += !composite[i];
    for (int k = 2 * i; k < kEnd && !composite[i]; k += i) composite[k] = 1;
  }
  printf("%d primes below %d\n", primes, kEnd);
  return 0;
}
END
printf 'sieve: sieve.c\n\tgcc -O2 -Wall -static -o $@ $<\n' > "$work/sieve/Makefile"

echo "starting $name"
"$voidbox" run -d --name "$name" --image "$image" > "$work/id"
"$voidbox" cp "$work/sieve" "$name:"
"$voidbox" exec --timeout 5m "$name" -- make -C sieve
"$voidbox" cp "$name:sieve/sieve" "$work/built"
"$voidbox" run -- sh -c 'cat > sieve && chmod +x sieve && ./sieve' < "$work/built"
