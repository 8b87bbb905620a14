#!/bin/bash
# build-guest-image.sh [FLAVOUR [OPTION...]]: builds vmlinux and rootfs.ext4 of a flavour (default: debian) into
# dist/images/FLAVOUR, or into $OUT_DIR. The options are those of `voidbox image build`.
set -euo pipefail
here=$(dirname -- "$(readlink -f -- "$0")")
flavour=${1:-debian}
exec "$here"/voidbox.sh image build "$flavour" --format text \
  --out "$(realpath -m -- "${OUT_DIR:-$here/../dist/images/$flavour}")" "${@:2}"
