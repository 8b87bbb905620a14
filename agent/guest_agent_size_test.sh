#!/bin/bash
# guest_agent_size_test.sh BINARY LIMIT: it is static, stripped, and smaller than LIMIT bytes, which every guest pays for in
# memory and in the time to unpack it.
set -euo pipefail
size=$(stat -Lc %s "$1")
echo "$1: $size bytes"
((size < $2)) || { echo "the limit is $2"; exit 1; }
headers=$(readelf -lS -- "$1")
! grep -qE 'INTERP|DYNAMIC' <<< "$headers"
! grep -q '\.symtab' <<< "$headers"
