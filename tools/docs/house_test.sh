#!/bin/bash
# house_test.sh DRAW TEXT SVG: the README's picture is the one that its text says.
set -euo pipefail
draw=$1 text=$2 svg=$3
cmp -- "$svg" <(python3 "$draw" "$text") || {
  echo "FAILED: docs/house.svg is not what docs/house.txt says: tools/docs/draw.py docs/house.txt >docs/house.svg" >&2
  exit 1
}
# Lines that are none are refused, with their number.
broken=$(mktemp -- "${TEST_TMPDIR:-/tmp}/house_test.XXXXXX")
for line in "part 1 2 3 | title" "cloud 1 2 3 4" "note x y | text"; do
  printf 'canvas 10 10\n%s\n' "$line" >"$broken"
  if python3 "$draw" "$broken" >/dev/null 2>&1; then echo "FAILED: taken: $line" >&2 && exit 1; fi
done
echo PASSED
