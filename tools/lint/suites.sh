#!/bin/bash
# suites.sh: fails, with their names, if tests of //... are in none of the suites at the root (BUILD), or in two of them.
set -euo pipefail
cd -- "$(dirname -- "$(readlink -f -- "$0")")/../.." || exit 1

query() { ./bazelw query --noshow_progress "$1"; }

suites=(unit vm slow)
{
  # What is tagged manual is in no //... either.
  query 'tests(//...) except attr(tags, "\bmanual\b", //...)' | sed 's/$/ all/'
  for suite in "${suites[@]}"; do query "tests(//:$suite)" | sed "s/\$/ $suite/"; done
} | awk '
  $2 == "all" { all[$1] = 1; next }
  { in_suites[$1] = in_suites[$1] " " $2; ++count[$1] }
  END {
    for (test in all) if (count[test] != 1) {
      print "suites: " test " is in" (count[test] ? in_suites[test] : " none; is its folder in the BUILD of the root?")
      failed = 1
    }
    exit failed
  }'
