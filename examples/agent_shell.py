#!/usr/bin/env python3
"""An AI agent's shell: a sandbox, and one shell in it that keeps its directory and variables from call to call.

agent_shell.py [VOIDBOX]    (default: $VOIDBOX, or voidbox of $PATH)
"""
import json, os, shlex, signal, subprocess, sys, threading

VOIDBOX = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("VOIDBOX", "voidbox")
LIMIT = 10_000  # bytes of each stream that the agent gets to see


class AgentShell:
    def __init__(self):
        self.name = f"agent-{os.getpid()}"
        subprocess.run([VOIDBOX, "run", "-d", "--name", self.name, "--memory", "256M"], check=True,
                       stdout=subprocess.DEVNULL)
        self.start_shell()

    def start_shell(self):
        self.shell = subprocess.Popen([VOIDBOX, "exec", "-i", self.name, "--", "sh"],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def run(self, command, seconds=30):
        """What a command wrote and how it ended; a shell that exits or takes too long gives way to a new one."""
        script = (f"command eval {shlex.quote(command)} > /tmp/out 2> /tmp/err < /dev/null\n"
                  f"s=$?; for f in out err; do head -c {LIMIT} /tmp/$f > /tmp/$f.cut; done\n"
                  "echo $s $(wc -c < /tmp/out.cut) $(wc -c < /tmp/err.cut) \"$PWD\"; cat /tmp/out.cut /tmp/err.cut\n")
        timer = threading.Timer(seconds, self.shell.kill)  # and the guest ends all that the shell had started
        timer.start()
        self.shell.stdin.write(script.encode())
        self.shell.stdin.flush()
        head = self.shell.stdout.readline(5000).decode(errors="replace").rstrip("\n").split(" ", 3)
        if len(head) == 4 and all(number.isdecimal() for number in head[:3]):  # the guest may say anything
            out, err = (self.shell.stdout.read(min(int(n), LIMIT)).decode(errors="replace") for n in head[1:3])
            timer.cancel()
            return {"exit_status": int(head[0]), "stdout": out, "stderr": err, "directory": head[3]}
        status = self.shell.wait()
        timer.cancel()
        self.start_shell()
        return {"exit_status": None, "timed_out": True} if status < 0 else {"exit_status": status, "shell_ended": True}


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    shell = None
    try:
        shell = AgentShell()
        for command, seconds in [("mkdir app && cd app && answer=42", 30),  # as a model would call its tool
                                 ("echo $((answer / 6)) | tee result; ls", 30),
                                 ("cat nothing; echo 'the quote is not closed", 30),
                                 ("sleep 1000", 3),
                                 ("exit 7", 30),
                                 ("cat app/result; uname -s", 30)]:
            print("call  ", command)
            print("result", json.dumps(shell.run(command, seconds)), flush=True)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        if shell:
            shell.shell.kill()
        subprocess.run([VOIDBOX, "rm", "-f", f"agent-{os.getpid()}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


main()
