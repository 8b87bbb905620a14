#!/bin/bash
# soak.sh ROUNDS TEST: runs a test with many more rounds than usual (base/test_rounds.h).
set -euo pipefail
export VOIDBOX_TEST_ROUNDS=$1
exec "$2"
