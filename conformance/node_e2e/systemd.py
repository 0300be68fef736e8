"""Stand-ins for `systemd-run`, `systemctl` and `sudo` in a node without systemd; runs inside the node, alone.

The node suite starts the kubelet as a transient unit and stops, kills and restarts that unit. A unit is a directory
below /run/units: `command` (JSON, as systemd-run was given it), `log`, `pid`. The first argument is the program to be.
What the suite never asks for is an error, not a silence.
"""

import contextlib
import fnmatch
import json
import os
import signal
import sys
import time
from pathlib import Path

UNITS = Path("/run/units")
STOP_SECONDS = 90.0
VERSION = "systemd 252 (stand-in)"


def run(words: list[str]) -> int:
    """`systemd-run [-p KEY=VALUE] [--unit=NAME] … PROGRAM ARG…`: start PROGRAM as a unit, do not wait for its end."""
    if words == ["--version"]:
        print(VERSION)
        return 0
    name, log = f"run-{os.getpid()}.service", "/dev/null"
    while words and words[0].startswith("-"):
        word = words.pop(0)
        if word == "-p":
            key, _, value = words.pop(0).partition("=")
            if key == "StandardError":
                log = value.partition(":")[2]
        elif word.startswith("--unit="):
            name = word.partition("=")[2]
        elif not word.startswith(("--slice=", "--remain-after-exit")):
            print(f"systemd-run stand-in: option {word} is not known", file=sys.stderr)
            return 1
    unit = UNITS / name
    unit.mkdir(parents=True, exist_ok=True)
    command = [word.replace("$$", "$").replace("%%", "%") for word in words]
    (unit / "command").write_text(json.dumps(command))
    (unit / "log").write_text(log)
    start(unit)
    print(f"Running as unit: {name}", file=sys.stderr)
    return 0


def start(unit: Path) -> None:
    """The unit's program, as a child of the node's first process."""
    command = json.loads((unit / "command").read_text())
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        child = os.fork()
        if child:
            os.write(write, str(child).encode())
            os._exit(0)
        os.close(write)
        nothing = os.open("/dev/null", os.O_RDONLY)
        log = os.open((unit / "log").read_text(), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        for source, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.chdir("/")
        os.execv(command[0], command)
    os.wait()
    (unit / "pid").write_bytes(os.read(read, 32))


def is_running(unit: Path) -> bool:
    try:
        pid = int((unit / "pid").read_text())
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return False
    return state != "Z"


def send(unit: Path, number: signal.Signals) -> None:
    if is_running(unit):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int((unit / "pid").read_text()), number)


def stop(unit: Path) -> None:
    """SIGTERM, and SIGKILL after systemd's own patience."""
    send(unit, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while is_running(unit):
        if time.monotonic() > deadline:
            send(unit, signal.SIGKILL)
        time.sleep(0.01)


def control(words: list[str]) -> int:
    """`systemctl VERB [UNIT…]`."""
    patterns = [word for word in words[1:] if not word.startswith("-")]
    verb = words[0]
    units = [u for u in sorted(UNITS.glob("*")) for p in patterns if fnmatch.fnmatch(u.name, p) or u.stem == p]
    if verb == "list-units":
        for unit in units:
            state = "running" if is_running(unit) else "exited"
            if "--state=running" not in words or state == "running":
                print(f"{unit.name} loaded active {state} {unit.name}")
        return 0
    if not units:
        print(f"Unit {' '.join(patterns)} not loaded.", file=sys.stderr)
        return 5
    for unit in units:
        if verb == "kill":
            send(unit, signal.SIGTERM)
        elif verb in ("stop", "restart"):
            stop(unit)
            if verb == "restart":
                start(unit)
        elif verb == "start":
            if not is_running(unit):
                start(unit)
        elif verb != "reset-failed":
            print(f"systemctl stand-in: verb {verb} is not known", file=sys.stderr)
            return 1
    return 0


def main() -> int:
    name, words = sys.argv[1], sys.argv[2:]
    if name == "sudo":
        os.execvp(words[0], words)
    return run(words) if name == "systemd-run" else control(words)


if __name__ == "__main__":
    sys.exit(main())
