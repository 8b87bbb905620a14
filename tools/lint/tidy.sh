#!/bin/bash
# tidy.sh [FILE...]: clang-tidy with the checks of .clang-tidy, two files at a time, over the given files, or over all
# tracked C++ sources but tests, which cost several seconds each for GoogleTest's headers alone. The generated headers
# must have been built (./bazelw build //...).
set -euo pipefail
cd -- "$(dirname -- "$0")/../.."
if (($# > 0)); then printf '%s\0' "$@"; else git ls-files -z -- '*.cc' ':!:*_test.cc'; fi |
  xargs -0 -r -P 2 -n 2 sh -c '
    clang-tidy --quiet "$@" -- -x c++ -std=c++20 -I. -isystem bazel-bin -Wno-everything 2>/dev/null' tidy
