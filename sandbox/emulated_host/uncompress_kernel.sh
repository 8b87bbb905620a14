#!/bin/bash
# uncompress_kernel.sh BZIMAGE OUTPUT: writes the ELF kernel that a bzImage holds compressed: by xz in Debian 12, by zstd
# in Debian 13. Where it lies says the setup header (Linux x86 boot protocol 2.08, fields payload_offset, payload_length).
set -euo pipefail
image=$1 output=$2

# The little-endian number of $2 bytes at $1.
field() { od -An -v --endian=little -t "u$2" -j "$1" -N "$2" -- "$image" | tr -d ' '; }

begin=$((($(field 0x1f1 1) + 1) * 512 + $(field 0x248 4)))
# Behind what xz and zstd wrote stand four bytes of the kernel's build, its size uncompressed.
length=$(($(field 0x24c 4) - 4))
case $(od -An -v -t x1 -j "$begin" -N 4 -- "$image" | tr -d ' ') in
  fd377a58) uncompress=(xz -dcq) ;;
  28b52ffd) uncompress=(zstd -dcq) ;;
  *) echo "$image: packed neither by xz nor by zstd" >&2 && exit 1 ;;
esac
dd if="$image" bs=1M iflag=skip_bytes,count_bytes skip="$begin" count="$length" status=none | "${uncompress[@]}" >"$output"
[[ $(head -c 4 -- "$output") == $'\x7fELF' ]] || { echo "$image: what is packed in it is no ELF file" >&2 && exit 1; }
