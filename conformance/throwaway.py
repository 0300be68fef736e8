"""A throw-away node: a whole machine's worth of state that ends with one process.

    host process ──unshare──▶ first process (node_init.sh, then sleep)      namespaces: net mount pid cgroup uts ipc
                                 ▲
              nsenter ───────────┴── dockerd, dockershim, kubelet, commands of a test …

Inside, /run is a fresh tmpfs; /etc, /var and /opt are the host's seen through overlays, so that what a daemon writes
there lands in the node's scratch directory; /var/lib/{docker,containerd,kubelet,dockershim,cni,etcd}, /var/log/pods,
/var/log/containers, /etc/cni/net.d and /etc/kubernetes are empty and on disk; /proc, /sys and /sys/fs/cgroup are its
own. `eth0` leads to nothing, or to a `Wire` when several nodes make a cluster, or (`host_link`) the host gets a
point-to-point link to it. Killing the first process ends every process, mount, device and socket; the scratch
directory and the control groups, which outlive it, are removed by `stop` or, after a crash, by the next `start` of the
same name.

Tests use it as

    async with ThrowawayNode("pleg") as node:              # engine="20.10" is Debian's dockerd, "29" the Go-built one
        await node.write_cni()
        shim = await node.spawn(["dockershim", ...])
        result = await node.run(["docker", "ps"])
        channel = f"unix://{node.path('/run/dockershim.sock')}"     # reachable from the host

and people as `python -m conformance.throwaway NAME [--engine 20.10|29] [--no-engine] -- CMD …`.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from conformance.cgroups import NodeCgroups, own_cgroups
from conformance.wire import Wire, lonely_commands, uplink_commands

CHECKOUT = Path(__file__).resolve().parent.parent
INIT_SCRIPT = Path(__file__).with_name("node_init.sh")
DOCKER_SOCKET = "/run/docker.sock"
NODE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/cni"
START_TIMEOUT_SECONDS = 30.0
ENGINE_TIMEOUT_SECONDS = 60.0

# Moves itself into the given control groups, then becomes the rest of the command line.
LAUNCH = 'n=$1; shift; while [ "$n" -gt 0 ]; do echo $$ >"$1/cgroup.procs"; shift; n=$((n - 1)); done; exec "$@"'


def state_dir() -> Path:
    """Where nodes keep their scratch directories: $PODWRIGHT_STATE, or /var/tmp/podwright. It must be on a disk."""
    return Path(os.environ.get("PODWRIGHT_STATE") or "/var/tmp/podwright")


class NodeError(RuntimeError):
    """The node, or a command in it, did not do what was asked; the text says which and where its log is."""


@dataclass(frozen=True, slots=True)
class Completed:
    """What a command in a node left: like subprocess.CompletedProcess, with text output."""

    command: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str


class NodeProcess:
    """A daemon inside a node. `pid` is its pid on the host; signals reach the daemon itself, not the nsenter before it.

    Not bound to an event loop: a fixture may start it on one loop and stop it on another.
    """

    def __init__(self, name: str, popen: subprocess.Popen[bytes], pid: int, log: Path) -> None:
        self.name = name
        self.pid = pid
        self.log = log
        self._popen = popen

    @property
    def returncode(self) -> int | None:
        """None while running; negative signal number if it was killed."""
        return self._popen.poll()

    def signal(self, number: signal.Signals) -> None:
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
        if number is signal.SIGCONT:
            self._popen.send_signal(number)  # nsenter stops with its child, and does not go on by itself

    def terminate(self) -> None:
        self.signal(signal.SIGTERM)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)

    async def wait(self, timeout: float | None = None) -> int:
        """The exit status; raises TimeoutError after `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (status := self.returncode) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"{self.name} (pid {self.pid}) still runs after {timeout} s; its log: {self.log}")
            await asyncio.sleep(0.01)
        return status

    async def stop(self, grace_seconds: float = 10.0) -> int:
        """SIGTERM, then SIGKILL after the grace."""
        self.terminate()
        try:
            return await self.wait(grace_seconds)
        except TimeoutError:
            self.kill()
            return await self.wait()

    def tail(self, lines: int = 20) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class ThrowawayNode:
    """One node; see the module's text. Start and stop it as an async context manager.

    `name` is host name, scratch directory and control group; at most one node of a name exists at a time.
    `address` is eth0's, with prefix length. `detached` nodes outlive the process that started them (`attach` finds
    them again); all others die with it, however it dies. `engine_tools` are directories that come first on dockerd's
    PATH.
    """

    def __init__(
        self,
        name: str,
        engine: str | None = "20.10",
        *,
        address: str = "10.77.0.10/24",
        wire: Wire | None = None,
        host_link: bool = False,
        shared: Sequence[Path] = (),
        engine_args: Sequence[str] = (),
        engine_tools: Sequence[Path] = (),
        detached: bool = False,
    ) -> None:
        self.name = name
        self.engine = engine
        self.address = address
        self.engine_process: NodeProcess | None = None
        self._wire = wire
        self._host_link = host_link
        self._shared = shared
        self._engine_args = engine_args
        self._engine_tools = engine_tools
        self._detached = detached
        self._popen: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None
        self._processes: list[NodeProcess] = []
        self._cgroups: NodeCgroups = own_cgroups(self.cgroup_name)

    # -- facts ---------------------------------------------------------------------------------------------------

    @property
    def scratch(self) -> Path:
        return state_dir() / "nodes" / self.name

    @property
    def logs(self) -> Path:
        return self.scratch / "log"

    @property
    def pid(self) -> int:
        """The first process, as a host pid."""
        if self._pid is None:
            raise NodeError(f"node {self.name} is not running")
        return self._pid

    @property
    def root(self) -> Path:
        """The node's file system as a host path."""
        return Path(f"/proc/{self.pid}/root")

    def path(self, inside: str | Path) -> Path:
        """The host path of a file of the node; short enough for a unix socket (108 bytes)."""
        return self.root / str(inside).lstrip("/")

    @property
    def docker_socket(self) -> Path:
        return self.path(DOCKER_SOCKET)

    @property
    def ip(self) -> str:
        return self.address.partition("/")[0]

    @property
    def host_link_addresses(self) -> tuple[str, str]:
        """The host's and the node's end of `host_link`, a /30 that is derived from the name."""
        third, fourth = self._digest()[:2]
        base = fourth & 0xFC
        return f"10.78.{third}.{base + 1}", f"10.78.{third}.{base + 2}"

    @property
    def _host_device(self) -> str:
        """The host's end of `host_link`; device names have at most 15 characters."""
        return "pw" + self._digest().hex()[:10]

    @property
    def cgroup_name(self) -> str:
        """The node's group in each hierarchy of the host."""
        return f"podwright-{self.name}-{self._digest().hex()[:6]}"

    def _digest(self) -> bytes:
        """What tells nodes apart on the host: runs with a $PODWRIGHT_STATE of their own may use the same names."""
        return hashlib.sha256(str(self.scratch).encode()).digest()

    # -- life ----------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(self.stop())

    async def start(self) -> None:
        """Start the first process, the network and the engine. Removes what a crashed node of this name left."""
        if _is_running(self.scratch):
            raise NodeError(f"a node named {self.name} is already running; its state is in {self.scratch}")
        await self._remove_leftovers()
        self.logs.mkdir(parents=True, mode=0o755)
        self._cgroups.create()
        try:
            self._start_first_process()
            await self._connect()
            if self.engine is not None:
                await self.start_engine()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End every process of the node and remove every trace of it. May be called twice."""
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        await asyncio.to_thread(self._cgroups.thaw)
        if self._popen is not None:
            await asyncio.to_thread(self._popen.wait)
        elif self._pid is not None:
            await _gone(self._pid)
        for process in self._processes:
            await process.wait()
        self._processes.clear()
        self._popen = self._pid = self.engine_process = None
        await self._remove_leftovers()

    @classmethod
    def attach(cls, name: str) -> Self:
        """A running node that another process started `detached`."""
        node = cls(name)
        saved = json.loads((node.scratch / "node.json").read_text()) if _is_running(node.scratch) else None
        if saved is None:
            raise NodeError(f"no node named {name} is running (looked in {node.scratch})")
        node._pid, node.address, node.engine = saved["pid"], saved["address"], saved["engine"]
        return node

    # -- work ----------------------------------------------------------------------------------------------------

    async def run(
        self,
        command: Sequence[str | Path],
        *,
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | Path = "/",
        timeout: float | None = 60.0,
        check: bool = True,
    ) -> Completed:
        """Run a command in the node to its end. Raises NodeError with its stderr if it fails and `check` is set."""
        words = tuple(map(str, command))
        process = await asyncio.create_subprocess_exec(
            *self._enter(words, cwd),
            stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._env(env),
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(timeout):
                out, err = await process.communicate(None if stdin is None else stdin.encode())
        except BaseException as error:
            _kill_entered(process.pid)
            await process.wait()
            if isinstance(error, TimeoutError):
                raise NodeError(f"{self.name}: `{' '.join(words)}` did not end within {timeout} s") from None
            raise
        done = Completed(words, process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace"))
        if check and done.returncode:
            raise NodeError(
                f"{self.name}: `{' '.join(words)}` ended with {done.returncode}: {done.stderr.strip()} {done.stdout}"
            )
        return done

    async def spawn(
        self,
        command: Sequence[str | Path],
        *,
        name: str | None = None,
        log: Path | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | Path = "/",
    ) -> NodeProcess:
        """Start a daemon in the node; its output is appended to `log`, or to <scratch>/log/<name>.log."""
        words = tuple(map(str, command))
        name = name or Path(words[0]).name
        log = log or self.logs / f"{name}.log"
        with log.open("ab") as output:
            popen = self._popen_in_node(words, output, env, cwd)
        pid = await _entered_pid(popen)
        process = NodeProcess(name, popen, pid, log)
        self._processes = [p for p in self._processes if p.returncode is None] + [process]
        return process

    async def run_interactive(self, command: Sequence[str], cwd: str | Path = "/") -> int:
        """Run a command in the node on the caller's terminal; returns its exit status."""
        env = self._env({"TERM": os.environ.get("TERM", "dumb")})
        process = await asyncio.create_subprocess_exec(*self._enter(command, cwd), env=env)
        return await process.wait()

    async def start_engine(self) -> NodeProcess:
        """Start the node's dockerd (again) and wait until it answers."""
        process = await self.spawn(
            [
                "dockerd",
                f"--host=unix://{DOCKER_SOCKET}",
                "--data-root=/var/lib/docker",
                "--exec-root=/run/docker",
                "--pidfile=/run/docker.pid",
                "--storage-driver=overlay2",
                "--exec-opt=native.cgroupdriver=cgroupfs",
                "--bridge=none",
                "--iptables=false",
                "--ip6tables=false",
                *self._engine_args,
            ],
            env={"PATH": ":".join([*map(str, self._engine_tools), self._engine_path(), NODE_PATH])},
        )
        self.engine_process = process
        deadline = time.monotonic() + ENGINE_TIMEOUT_SECONDS
        while not await _answers(self.docker_socket):
            if process.returncode is not None or time.monotonic() > deadline:
                raise NodeError(f"{self.name}: dockerd does not answer; the end of its log:\n{process.tail()}")
            await asyncio.sleep(0.02)
        return process

    async def write_cni(self, subnet: str = "10.244.0.0/24", name: str = "podwright", bridge: str = "cni0") -> None:
        """Write a conflist of the reference plugins: bridge with host-local addresses, then portmap."""
        target = self.path(f"/etc/cni/net.d/10-{name}.conflist")
        await asyncio.to_thread(target.write_text, json.dumps(bridge_conflist(subnet, name, bridge), indent=2))

    # -- inside --------------------------------------------------------------------------------------------------

    def _start_first_process(self) -> None:
        shared = [CHECKOUT, Path(sys.prefix), *self._shared]
        covered = [str(p) for p in dict.fromkeys(shared) if p.exists() and p.parts[1] in ("etc", "var", "opt")]
        if any(" " in path for path in [*covered, str(self.scratch)]):
            raise NodeError(f"a path with a space in it cannot be shared with a node: {covered}, {self.scratch}")
        unshare = ["unshare", "--net", "--mount", "--pid", "--cgroup", "--uts", "--ipc", "--fork", "--kill-child"]
        init = [
            str(INIT_SCRIPT), str(self.scratch), self.name, " ".join(self._cgroups.v1_names), " ".join(covered),
        ]  # fmt: skip
        die_with_us = [] if self._detached else ["setpriv", "--pdeathsig", "KILL"]
        errors = self.logs / "init.log"
        with errors.open("wb") as stderr:
            self._popen = subprocess.Popen(
                ["sh", "-c", LAUNCH, "sh", *self._cgroup_words(roots=True), *die_with_us, *unshare, "sh", *init],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
                env=self._env(None),
            )
        assert self._popen.stdout is not None
        with self._popen.stdout as stdout:
            said = stdout.readline()
        if said != b"ready\n":
            raise NodeError(f"node {self.name} did not start: {errors.read_text().strip()}")
        self._pid = _only_child(self._popen.pid)
        if self._pid is None:
            raise NodeError(f"node {self.name} ended while it started: {errors.read_text().strip()}")
        self._cgroups_settle()
        saved = {
            "pid": self._pid, "start_time": _start_time(self._pid), "address": self.address, "engine": self.engine,
        }  # fmt: skip
        (self.scratch / "node.json").write_text(json.dumps(saved))

    def _cgroups_settle(self) -> None:
        """The first process was started in the group that its namespace must show as `/`; on v2 it may not stay."""
        if self._cgroups.is_v2:
            for group in self._cgroups.process_groups:
                for pid in (self.pid, self._popen.pid if self._popen else self.pid):
                    (group / "cgroup.procs").write_text(str(pid))
            self._cgroups.delegate()

    async def _connect(self) -> None:
        """Give eth0 its address and other end, the default route, names, and the link to the host if asked for."""
        gateway = self.ip.rpartition(".")[0] + ".1"
        if self._wire is not None:
            await self._wire.plug(self.pid)
        for command in [*([] if self._wire else lonely_commands()), *uplink_commands(self.address, gateway)]:
            await self.run(command)
        hosts = f"127.0.0.1 localhost\n::1 localhost ip6-localhost\n{self.ip} {self.name}\n"
        self.path("/etc/hosts").write_text(hosts)
        resolv = self.path("/etc/resolv.conf")
        resolv.unlink(missing_ok=True)
        resolv.write_text(f"nameserver {gateway}\n")
        if self._host_link:
            host_ip, node_ip = self.host_link_addresses
            device = self._host_device
            await _host("ip", "link", "add", device, "type", "veth", "peer", "name", "host0", "netns", str(self.pid))
            await _host("ip", "address", "add", f"{host_ip}/30", "dev", device)
            await _host("ip", "link", "set", device, "up")
            await self.run(["ip", "address", "add", f"{node_ip}/30", "dev", "host0"])
            await self.run(["ip", "link", "set", "host0", "up"])

    async def _remove_leftovers(self) -> None:
        # The kernel removes the link some time after its namespace: either of us may find it gone.
        await _host("ip", "link", "delete", self._host_device, check=False)
        await asyncio.to_thread(self._cgroups.remove)
        if self.scratch.exists():
            await asyncio.to_thread(shutil.rmtree, self.scratch)

    def _engine_path(self) -> str:
        if self.engine == "20.10":
            return "/usr/sbin:/usr/bin"
        from conformance.builds import path

        return ":".join(str(path(tool).parent) for tool in ("dockerd", "containerd", "runc"))

    def _cgroup_words(self, *, roots: bool = False) -> list[str]:
        groups = self._cgroups.roots if roots else self._cgroups.process_groups
        return [str(len(groups)), *map(str, groups)]

    def _enter(self, words: Sequence[str], cwd: str | Path) -> list[str]:
        namespaces = ["-m", "-u", "-i", "-n", "-p", "-C"]
        return [
            "sh", "-c", LAUNCH, "sh", *self._cgroup_words(),
            "nsenter", "-t", str(self.pid), *namespaces, "--", "env", "-C", str(cwd), *words,
        ]  # fmt: skip

    def _popen_in_node(
        self, words: Sequence[str], output: IO[bytes], env: Mapping[str, str] | None, cwd: str | Path
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._enter(words, cwd),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=self._env(env),
            start_new_session=True,
        )

    def _env(self, env: Mapping[str, str] | None) -> dict[str, str]:
        """A node's processes get a clean environment: the host's proxies and Docker settings must not leak in."""
        own = {
            "PATH": f"{Path(sys.executable).parent}:{NODE_PATH}",
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "DOCKER_HOST": f"unix://{DOCKER_SOCKET}",
            "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'gc'}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return {**own, **(env or {})}


def bridge_conflist(subnet: str, name: str, bridge: str) -> dict[str, object]:
    """A CNI configuration list of the reference plugins, for one node's share of the pod network."""
    return {
        "cniVersion": "1.0.0",
        "name": name,
        "plugins": [
            {
                "type": "bridge",
                "bridge": bridge,
                "isGateway": True,
                "ipMasq": True,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": subnet}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


# -- processes -------------------------------------------------------------------------------------------------------


def _start_time(pid: int) -> str | None:
    """Clock ticks after boot at which `pid` started, which tells a pid from its next owner; None if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]


def _is_running(scratch: Path) -> bool:
    try:
        saved = json.loads((scratch / "node.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    return saved["start_time"] is not None and _start_time(saved["pid"]) == saved["start_time"]


def _only_child(pid: int) -> int | None:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(children[0]) if children else None


async def _entered_pid(popen: subprocess.Popen[bytes]) -> int:
    """The process behind nsenter, which forks once it has joined the pid namespace; its own pid if it ended first."""
    while popen.poll() is None:
        if (child := _only_child(popen.pid)) is not None:
            return child
        await asyncio.sleep(0.002)
    return popen.pid


async def _gone(pid: int) -> None:
    """Wait for the end of a process that is not our child."""
    while True:
        if _start_time(pid) is None:
            return
        await asyncio.sleep(0.01)


def _kill_entered(nsenter_pid: int) -> None:
    for pid in (_only_child(nsenter_pid), nsenter_pid):
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


async def _host(*command: str, check: bool = True) -> None:
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, err = await process.communicate()
    if process.returncode and check:
        raise NodeError(f"`{' '.join(command)}` ended with {process.returncode}: {err.decode().strip()}")


async def _answers(socket: Path) -> bool:
    """Whether an engine answers a ping on this unix socket."""
    try:
        reader, writer = await asyncio.open_unix_connection(str(socket))
    except OSError:
        return False
    try:
        writer.write(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n")
        return b" 200 " in await asyncio.wait_for(reader.readline(), 5)
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _split(words: list[str], separator: str) -> tuple[list[str], str, list[str]]:
    """str.partition for a list of words."""
    if separator not in words:
        return words, "", []
    at = words.index(separator)
    return words[:at], separator, words[at + 1 :]


async def _command(options: argparse.Namespace, command: Sequence[str]) -> int:
    async with ThrowawayNode(options.name, None if options.no_engine else options.engine) as node:
        await node.write_cni()
        return await node.run_interactive(command or ["bash"], Path.cwd())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m conformance.throwaway", description="Run CMD in its own node.")
    parser.add_argument("name")
    parser.add_argument("--engine", choices=("20.10", "29"), default="20.10")
    parser.add_argument("--no-engine", action="store_true")
    parser.usage = "%(prog)s NAME [--engine 20.10|29] [--no-engine] [-- CMD …]    (CMD is a shell by default)"
    words, _, command = _split(sys.argv[1:], "--")
    options = parser.parse_args(words)
    try:
        return asyncio.run(_command(options, command))
    except NodeError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
