#!/bin/bash
# pip_install.sh [VOIDBOX]: installs a Python package in a guest, which has no network: the wheel is copied in.
#
# $IMAGE (default: devel) has python3 and pip. voidbox is $VOIDBOX, or that of $PATH.
set -euo pipefail
voidbox=${1:-${VOIDBOX:-voidbox}} image=${IMAGE:-devel} name=pip-$$
work=$(mktemp -d)
trap '"$voidbox" rm -f "$name" > "$work/rm" 2>&1 || true; rm -rf -- "$work"' EXIT
trap 'exit 130' INT TERM

# In life `pip download --dest wheels PACKAGE` fills this folder; here it is a package of ten lines.
mkdir "$work/wheels"
python3 - "$work/wheels/shout-1.0-py3-none-any.whl" << 'END'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    wheel.writestr("shout.py", "def shout(text):\n    return text.upper() + '!'\n")
    info = "shout-1.0.dist-info/"
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: shout\nVersion: 1.0\n")
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(info + "RECORD", "".join(f"{name},,\n" for name in [*wheel.namelist(), info + "RECORD"]))
END

echo "starting $name"
"$voidbox" run -d --name "$name" --image "$image" > "$work/id"
"$voidbox" cp "$work/wheels" "$name:"
"$voidbox" exec "$name" -- python3 -m pip install --disable-pip-version-check --no-index --find-links wheels \
  --target packages shout
"$voidbox" exec -e PYTHONPATH=packages "$name" -- python3 -c 'import shout; print(shout.shout("hello from the guest"))'
