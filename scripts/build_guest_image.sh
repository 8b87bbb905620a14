#!/bin/bash
# build_guest_image.sh: builds the minimal guest's initramfs.
#
#   OUT_CPIO=FILE   what to write (default: /tmp/void-box-rootfs.cpio.gz); one that ends with .cpio is not packed
#   OUT_DIR=DIR     unpack it there as well, but for device nodes, to look at
#   BUSYBOX=FILE    a static BusyBox to put into it (default: voidbox' own)
set -euo pipefail
here=$(dirname -- "$(readlink -f -- "$0")")
out=$(realpath -m -- "${OUT_CPIO:-/tmp/void-box-rootfs.cpio.gz}")
"$here"/voidbox.sh image build minimal --format text --out "$out"
[[ -n ${OUT_DIR:-} ]] || exit 0
mkdir -p -- "$OUT_DIR"
case $out in
  *.gz) gzip -dc -- "$out" ;;
  *.lz4) lz4 -dc -- "$out" ;;
  *.zst) zstd -dcq -- "$out" ;;
  *) cat -- "$out" ;;
esac | (cd -- "$OUT_DIR" && cpio --quiet -idmu --no-preserve-owner --nonmatching 'dev/*' 'home/user/dev/*')
echo "$OUT_DIR"
