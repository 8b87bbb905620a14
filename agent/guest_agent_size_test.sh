#!/bin/bash
# guest_agent_size_test.sh BINARY: it is static, stripped, and under 3 MB, which every guest pays for in memory and
# in the time to unpack it.
set -euo pipefail
size=$(stat -Lc %s "$1")
echo "$1: $size bytes"
((size < 3000000))
headers=$(readelf -lS -- "$1")
! grep -qE 'INTERP|DYNAMIC' <<< "$headers"
! grep -q '\.symtab' <<< "$headers"
