#!/bin/bash
# claude_code_mock_test.sh MOCK: what the mock says and how it ends, under every shell that a guest may have.
set -euo pipefail
mock=$(readlink -f -- "$1")
work=$(mktemp -d "${TEST_TMPDIR:-/tmp}/mock.XXXXXX")
trap 'rm -rf -- "$work"' EXIT
fail() { echo "FAILED ($shell): $*" >&2; exit 1; }
cd -- "$work"
mkdir -- 'a "quoted" \ name'

for shell in "busybox sh" dash "bash --posix"; do
  run() { $shell "$mock" "$@"; }

  run plan > plan.json
  python3 - plan.json "$work" <<'PYTHON' || fail "the plan"
import json, sys
plan = json.load(open(sys.argv[1]))
assert sorted(plan) == ["actions", "summary"], plan
assert sys.argv[2] in plan["summary"], plan
assert plan["actions"] and all({"action", "path"} <= set(action) for action in plan["actions"]), plan
PYTHON
  run plan 'a "quoted" \ name' | python3 -c '
import json, sys
assert "a \"quoted\" \\ name" in json.load(sys.stdin)["summary"]' || fail "a name that JSON must escape"

  lines=$(wc -l < plan.json)
  [[ $(run apply < plan.json) == "applied $lines lines in $work" ]] || fail "apply"
  [[ $(printf 'one\ntwo' | run apply .) == "applied 2 lines in ." ]] || fail "a last line without its end"
  [[ $(ls) == $'a "quoted" \\ name\nplan.json' ]] || fail "the directory was changed"

  for bad in "" "bogus" "plan /nonexistent" "apply /nonexistent" "plan . more" "apply"; do
    status=0
    # shellcheck disable=SC2086 # words
    output=$(run $bad < /dev/null 2> error) || status=$?
    [[ $status == 1 && -z $output ]] || fail "'$bad' ended with $status and said: $output"
    grep -q '^usage: ' error || fail "'$bad' says nothing of its use"
    rm error
  done
done
