#!/bin/bash
# project_report.sh [VOIDBOX]: copies a project in, runs its tests, and copies their report out, whether they pass or not.
#
# voidbox is $VOIDBOX, or that of $PATH.
set -euo pipefail
voidbox=${1:-${VOIDBOX:-voidbox}} name=project-$$
project=$(dirname -- "$(readlink -f -- "$0")")/project
work=$(mktemp -d)
trap '"$voidbox" rm -f "$name" > "$work/rm" 2>&1 || true; rm -rf -- "$work"' EXIT
trap 'exit 130' INT TERM

echo "starting $name"
"$voidbox" run -d --name "$name" --memory 256M > "$work/id"
"$voidbox" cp "$project" "$name:"
status=0
"$voidbox" exec --timeout 1m -w /workspace/project "$name" -- sh run_tests.sh || status=$?
"$voidbox" cp "$name:project/report.tap" "$work/"
echo "the tests ended with status $status; their report:"
cat "$work/report.tap"
exit "$status"
