"""A stand-in for `systemctl` in a node without systemd; runs inside the node, started by a wrapper of that name.

    systemctl start X ─▶ forks a supervisor ─▶ X's program, started again whenever it ends (Restart=)
              │                │
              ◀── once active ─┘ (Type=notify: once it has said READY=1)

Units and drop-ins are real files where systemd has them, read by `conformance.kubeadm.units`, so that a kubelet is
started with the very words and environment that kubeadm's packages give it. /run/units/X.service tells who runs: `pid`
(the supervisor's), `state`; the program's output is /var/log/X.service.log. What kubeadm and the recipes never ask for
is an error, not a silence.
"""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from conformance.kubeadm import units

UNIT_DIRS = (Path("/etc/systemd/system"), Path("/usr/lib/systemd/system"))
RUNNING = Path("/run/units")
LOGS = Path("/var/log")
MANAGER_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root",
}
"""What a service gets without asking; nothing of the caller's."""
NOT_RUNNING, NO_SUCH_UNIT = 3, 4
"""Exit statuses of `systemctl status` and `is-active`."""


def files(name: str) -> list[Path]:
    """The fragment and the drop-ins of a unit; empty if there is none."""
    fragment = next((path for path in (directory / name for directory in UNIT_DIRS) if path.exists()), None)
    dropins = {path.name: path for directory in reversed(UNIT_DIRS) for path in directory.glob(f"{name}.d/*.conf")}
    return ([fragment] if fragment else []) + [dropins[key] for key in sorted(dropins)]


def texts(name: str) -> list[str]:
    return [path.read_text() for path in files(name)]


def service_environment(unit: units.Unit) -> dict[str, str]:
    """Raises FileNotFoundError for an EnvironmentFile= that must be there and is not."""
    environment = {**MANAGER_ENVIRONMENT, **unit.environment}
    for file in unit.environment_files:
        with contextlib.suppress(*([FileNotFoundError] if file.optional else [])):
            environment |= units.environment_file(Path(file.path).read_text())
    return environment


class Supervisor:
    """Keeps one service running until SIGTERM. `report` is told once how the start went."""

    def __init__(self, name: str, unit: units.Unit, report: Callable[[str], None]) -> None:
        self._unit, self._report = unit, report
        self._directory = RUNNING / name
        self._stopping = False
        self._alarm, alarm = os.pipe()
        os.set_blocking(alarm, False)
        signal.set_wakeup_fd(alarm)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        (self._directory / "notify").unlink(missing_ok=True)
        self._notified.bind(str(self._directory / "notify"))

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def run(self) -> None:
        while not self._stopping:
            self._state("activating")
            try:
                process = self._start()
            except (OSError, units.UnitError) as error:
                print(f"systemctl stand-in: {error}", file=sys.stderr, flush=True)
                self._report(f"failed: {error}")
            else:
                self._watch(process)
            if self._stopping or not self._unit.restarts:
                break
            self._wait(self._unit.restart_seconds)

    def _start(self) -> subprocess.Popen[bytes]:
        environment = service_environment(self._unit)
        own = {"NOTIFY_SOCKET": str(self._directory / "notify")} if self._unit.notifies else {}
        if self._unit.watchdog_seconds:
            own["WATCHDOG_USEC"] = str(int(self._unit.watchdog_seconds * 1e6))
        return subprocess.Popen(
            units.command(self._unit, environment), env={**environment, **own}, cwd="/", stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Until the program has ended, or shall."""
        ready = not self._unit.notifies
        started = fed = time.monotonic()
        if ready:
            self._active()
        while process.poll() is None and not self._stopping:
            for message in self._wait(1.0):
                if message == "READY=1" and not ready:
                    ready = True
                    self._active()
                fed = time.monotonic()
            now = time.monotonic()
            hangs = self._unit.watchdog_seconds and ready and now - fed > self._unit.watchdog_seconds
            if hangs or (not ready and now - started > self._unit.start_seconds):
                print("systemctl stand-in: the service does not answer and is killed", file=sys.stderr, flush=True)
                process.send_signal(signal.SIGABRT)
        self._end(process)
        if not ready:
            self._report(f"failed: the program ended with {process.returncode} before it was ready")

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        self._state("deactivating")
        process.terminate()
        try:
            process.wait(self._unit.stop_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._unit.kills_whole_group:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def _wait(self, seconds: float) -> list[str]:
        """Until a signal or a notification, at most so long; returns the lines of the notification."""
        notified = self._notified.fileno()
        readable, _, _ = select.select([self._alarm, notified], [], [], seconds)
        if self._alarm in readable:
            os.read(self._alarm, 4096)
        return self._notified.recv(4096).decode().splitlines() if notified in readable else []

    def _active(self) -> None:
        self._state("active")
        self._report("active")

    def _state(self, state: str) -> None:
        (self._directory / "state").write_text(state)


# -- verbs -----------------------------------------------------------------------------------------------------------


def start(name: str) -> int:
    """Start the unit and wait until it is active; one that runs is left alone."""
    if supervisor(name) is not None:
        return 0
    try:
        unit = units.parse(texts(name))
    except units.UnitError as error:
        print(f"Unit {name} has a bad unit file setting: {error}", file=sys.stderr)
        return 1
    (RUNNING / name).mkdir(parents=True, exist_ok=True)
    read, write = os.pipe()
    if os.fork() == 0:
        os.close(read)
        _supervise(name, unit, write)
    os.close(write)
    with os.fdopen(read) as said:
        answer = said.readline().strip()
    if answer == "active":
        return 0
    print(f"Job for {name} failed: {answer or 'its supervisor ended'}; see {log_file(name)}", file=sys.stderr)
    return 1


def _supervise(name: str, unit: units.Unit, write: int) -> None:
    """The supervisor's whole life, in a process of its own; the service belongs to nobody else."""
    os.setsid()
    os.chdir("/")
    directory = RUNNING / name
    (directory / "pid").write_text(str(os.getpid()))
    nothing = os.open("/dev/null", os.O_RDONLY)
    log = os.open(log_file(name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    said: list[str] = []

    def report(text: str) -> None:
        if not said:
            said.append(text)
            os.write(write, f"{text}\n".encode())
            os.close(write)

    try:
        Supervisor(name, unit, report).run()
    finally:
        for file in ("pid", "state", "notify"):
            (directory / file).unlink(missing_ok=True)
        os._exit(0)


def stop(name: str) -> int:
    pid = supervisor(name)
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        while supervisor(name) == pid:
            time.sleep(0.01)
    return 0


def restart(name: str) -> int:
    return stop(name) or start(name)


def is_active(name: str) -> int:
    print(state(name))
    return 0 if state(name) == "active" else NOT_RUNNING


def is_enabled(name: str) -> int:
    enabled = any(list(directory.glob(f"*.wants/{name}")) for directory in UNIT_DIRS)
    print("enabled" if enabled else "disabled")
    return 0 if enabled else 1


def enable(name: str) -> int:
    for target in units.parse(texts(name)).wanted_by:
        link = UNIT_DIRS[0] / f"{target}.wants" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(files(name)[0])
    return 0


def disable(name: str) -> int:
    for link in UNIT_DIRS[0].glob(f"*.wants/{name}"):
        link.unlink()
    return 0


def status(name: str) -> int:
    print(f"● {name}\n     Loaded: loaded\n     Active: {state(name)}")
    return 0 if state(name) == "active" else NOT_RUNNING


def cat(name: str) -> int:
    print("\n\n".join(f"# {path}\n{path.read_text()}" for path in files(name)))
    return 0


VERBS: dict[str, Callable[[str], int]] = {
    "start": start, "stop": stop, "restart": restart, "status": status, "is-active": is_active,
    "is-enabled": is_enabled, "enable": enable, "disable": disable, "cat": cat,
}


def supervisor(name: str) -> int | None:
    """The pid of who runs the unit, if it runs."""
    try:
        pid = int((RUNNING / name / "pid").read_text())
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return None if stat[0] == "Z" else pid


def state(name: str) -> str:
    if supervisor(name) is None:
        return "inactive"
    try:
        return (RUNNING / name / "state").read_text() or "activating"
    except FileNotFoundError:
        return "activating"


def log_file(name: str) -> Path:
    return LOGS / f"{name}.log"


def main(words: list[str]) -> int:
    verb, *names = [word for word in words if not word.startswith("-")] or [""]
    if verb == "daemon-reload":
        return 0  # units are read at each start
    if verb not in VERBS:
        print(f"systemctl stand-in: verb {verb!r} is not known", file=sys.stderr)
        return 1
    worst = 0
    for word in names:
        name = word if "." in word else f"{word}.service"
        if not files(name):
            if verb == "is-active":
                print("inactive")
            print(f"Unit {name} could not be found.", file=sys.stdout if verb == "status" else sys.stderr)
            worst = max(worst, NO_SUCH_UNIT)
        else:
            worst = max(worst, VERBS[verb](name))
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
