#!/bin/bash
# Checks that what goes around the type system stays in the few files made for it: each use of mmap, ioctl,
# reinterpret_cast and close(2) must be in a file listed for it in unsafe_code.txt, and each listing must be needed.
set -euo pipefail
cd -- "$(dirname -- "$0")/../.."
list=tools/lint/unsafe_code.txt
patterns=(
  'mmap \b(mmap|munmap|mremap)\('
  'ioctl \b[iI]octl\('
  'reinterpret_cast \breinterpret_cast<'
  'close (^|[^A-Za-z0-9_.>])(::)?close\('
)
found=$(
  for entry in "${patterns[@]}"; do
    # Comments may speak of these; tests and fuzz targets play the other side and are free.
    git ls-files -- '*.h' '*.cc' | grep -vE '(_test|_fuzz|fake_[a-z_]*|testing[a-z_/]*)\.(cc|h)$|^tests/' |
      xargs -r grep -nE -- "${entry#* }" | grep -vE '^[^:]+:[0-9]+:[[:space:]]*//' |
      sed -E "s/^([^:]+):.*/${entry%% *} \1/"
  done | LC_ALL=C sort -u
)
listed=$(sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' "$list" | LC_ALL=C sort -u)
status=0
while read -r what file; do
  [[ -n $what ]] || continue
  echo "$file: $what is not for this file; use the wrappers in base/, or list it in $list with its reason" >&2
  status=1
done < <(LC_ALL=C comm -23 <(echo "$found") <(echo "$listed"))
while read -r what file; do
  [[ -n $what ]] || continue
  echo "$list: '$what $file' is no longer needed" >&2
  status=1
done < <(LC_ALL=C comm -13 <(echo "$found") <(echo "$listed"))
exit $status
