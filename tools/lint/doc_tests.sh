#!/bin/bash
# Checks that each test that a document names, as `SuiteTest.Case` in backquotes, stands in the tree.
set -euo pipefail
cd -- "$(dirname -- "$0")/../.."

status=0
while IFS=: read -r document name; do
  suite=${name%.*} case=${name#*.}
  if ! git grep -qE "^TEST(_F|_P)?\($suite, $case\)" -- '*_test.cc'; then
    echo "$document: the test $name is not in the tree"
    status=1
  fi
done < <(git grep -oE '`[A-Z][A-Za-z0-9]*Test\.[A-Z][A-Za-z0-9]*`' -- '*.md' | tr -d '`' | sort -u)
exit "$status"
