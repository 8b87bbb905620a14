#!/bin/sh
# claude-code: stands in for the coding agent of that name where the real one is not wanted: in tests and demonstrations.
#
#   claude-code plan [DIR]    prints a plan for DIR (default: the current directory) as JSON
#   claude-code apply [DIR]   reads a plan from standard input and says how many lines of it were applied in DIR
#
# Nothing is changed in DIR. Exit status 1 for anything else, or when DIR is no directory. Runs in any POSIX shell.
set -u

fail() {
  echo "claude-code: $1" >&2
  echo "usage: claude-code plan [DIR] | claude-code apply [DIR] < PLAN" >&2
  exit 1
}

# A text as a JSON string, on one line.
json_string() {
  printf '"%s"' "$(printf '%s' "$1" | tr '\n\t\r' '   ' | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g')"
}

plan() {
  cat <<EOF
{
  "summary": $(json_string "plan for $1: look at the files, then write a note"),
  "actions": [
    {"action": "read", "path": $(json_string "$1")},
    {"action": "write", "path": $(json_string "$1/NOTES.md"), "text": "written by the plan"}
  ]
}
EOF
}

apply() {
  lines=0
  while IFS= read -r line || [ -n "$line" ]; do lines=$((lines + 1)); done
  [ "$lines" -gt 0 ] || fail "apply: there is no plan on standard input"
  echo "applied $lines lines in $1"
}

[ $# -ge 1 ] || fail "what is to be done?"
[ $# -le 2 ] || fail "too many arguments: $3"
directory=${2:-$PWD}
case $1 in
  plan | apply) [ -d "$directory" ] || fail "$1: $directory is not a directory" ;;
esac
case $1 in
  plan) plan "$directory" ;;
  apply) apply "$directory" ;;
  *) fail "unknown command '$1'" ;;
esac
