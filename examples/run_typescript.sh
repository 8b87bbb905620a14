#!/bin/bash
# run_typescript.sh [VOIDBOX]: runs TypeScript that nobody has read. It may compute and give a result; the files of the
# guest, the network and other programs are closed to it, and its time is bounded.
#
# $IMAGE (default: debian) has Deno. voidbox is $VOIDBOX, or that of $PATH.
set -euo pipefail
voidbox=${1:-${VOIDBOX:-voidbox}} image=${IMAGE:-debian}

"$voidbox" run-ts --image "$image" --timeout 60s - << 'END'
type Attempt = () => Promise<unknown>;
const attempts: Record<string, Attempt> = {
  "read /etc/passwd": async () => Deno.readTextFile("/etc/passwd"),
  "call out": async () => fetch("http://192.0.2.1/"),
  "start a program": async () => new Deno.Command("sh").output(),
  "keep a file": async () => Deno.writeTextFile("/home/user/note", "mine"),
};
const outcome: Record<string, string> = {};
for (const [what, attempt] of Object.entries(attempts)) {
  outcome[what] = await attempt().then(() => "done", (error: Error) => error.name);
  console.log(what.padEnd(20), outcome[what]);
}
result.set(outcome);
END
