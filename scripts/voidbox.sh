#!/bin/bash
# voidbox.sh ARGUMENT...: the voidbox of this checkout, built first; or the one that $VOIDBOX names.
set -euo pipefail
if [[ -z ${VOIDBOX:-} ]]; then
  root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
  (cd -- "$root" && ./bazelw build --noshow_progress --ui_event_filters=-info //tools:voidbox >&2)
  VOIDBOX=$root/bazel-bin/tools/voidbox
fi
exec "$VOIDBOX" "$@"
