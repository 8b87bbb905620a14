# The steps of .ci/run and .ci/soak: each is run, whatever came of the one before it.
failed_steps=()

# step NAME COMMAND...: runs it, says how long it took and remembers if it failed.
step() {
  local name=$1
  shift
  echo "=== $name: $*"
  local start=$SECONDS
  "$@" || failed_steps+=("$name")
  echo "=== $name: $((SECONDS - start)) s"
}

# Names the steps that failed, and how long all took; fails if one did.
report_steps() {
  echo "=== all: $SECONDS s"
  if ((${#failed_steps[@]} > 0)); then echo "failed steps: ${failed_steps[*]}"; fi
  ((${#failed_steps[@]} == 0))
}
