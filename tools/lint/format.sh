#!/bin/bash
# Checks that every tracked C++ source and .proto file is as clang-format leaves it. With --fix, makes it so.
set -euo pipefail
cd -- "$(dirname -- "$0")/../.."
mode=(--dry-run -Werror)
[[ ${1:-} != --fix ]] || mode=(-i)
git ls-files -z -- '*.h' '*.cc' | xargs -0 -r clang-format "${mode[@]}"
