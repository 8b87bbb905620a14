#!/bin/bash
# wire_golden_test.sh PROTO GOLDEN: whether messages that an earlier version wrote mean the same to the reader of
# today. GOLDEN has one block for each message: "# NAME", the bytes that were written ("= " and hexadecimal digits), and
# what they say as protoc prints it. A block is never changed: its bytes are in somebody's image, snapshot or socket.
# New fields and messages get blocks of their own, whose bytes `protoc --encode=NAME PROTO < TEXT | xxd -p` makes. Only
# what is reserved in PROTO from now on may go from the text.
set -euo pipefail
proto=$1 golden=$2 blocks=0 failed=0
scratch=$(mktemp -d "${TEST_TMPDIR:-/tmp}/golden.XXXXXX")
trap 'rm -r "$scratch"' EXIT

check() { # check NAME HEX: against the text in $scratch/expected
  blocks=$((blocks + 1))
  # shellcheck disable=SC2001
  printf '%b' "$(sed 's/../\\x&/g' <<<"$2")" |
    /usr/bin/protoc --decode="$1" "$proto" >"$scratch/decoded" 2>"$scratch/error" || cat "$scratch/error"
  if ! diff -u "$scratch/expected" "$scratch/decoded"; then
    echo "$golden: block $blocks, a $1 of an earlier version, means something else now"
    failed=1
  fi
}

name='' hex=''
while IFS= read -r line || [[ -n $line ]]; do
  case $line in
    '# '*)
      [[ -z $name ]] || check "$name" "$hex"
      name=${line#\# } hex=''
      : >"$scratch/expected" ;;
    '= '*) hex+=${line#= } ;;
    '') ;;
    *) printf '%s\n' "$line" >>"$scratch/expected" ;;
  esac
done <"$golden"
[[ -z $name ]] || check "$name" "$hex"
((blocks > 0)) || { echo "$golden: no blocks"; exit 1; }
echo "$blocks messages"
exit "$failed"
