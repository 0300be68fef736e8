"""`podwright run DIRECTORY`: a whole node on this machine for as long as the command runs, over a folder of manifests.

    containerd ◀── dockerd ◀── dockershim ◀── kubelet ◀── a copy of DIRECTORY
                                                 │
                                    live table ◀─┘ podwright.sock

The engine is a private one even where the machine has its own: its images, containers and networks are nobody else's.
Everything lives below one state directory; what cannot is listed in kubelet.operator.leftovers. The daemons start side
by side, and the manifests come last, when the engine has their images. Ending means: the manifests go, the kubelet
stops their pods as it would anywhere, then everything else goes. In a terminal the table stays until Ctrl-C; otherwise
the command waits until every pod is as it should be, shows the table and the page that the first HTTP-probed pod
serves, and exits 0.
"""

import contextlib
import fcntl
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kubelet.operator.client import AskError, ask
from kubelet.operator.images import load_image_if_absent
from kubelet.operator.leftovers import (
    CGROUP_ROOT,
    CNI_NETWORK,
    ENGINE_BRIDGE,
    MARK,
    POD_BRIDGE,
    POD_LOGS,
    remember,
    remove_leftovers,
)
from kubelet.operator.render import pods_table
from kubelet.operator.watch import watch

STATE_DIR = Path("/var/lib/podwright-run")
POD_SUBNET = "10.85.0.0/16"
ENGINE_ADDRESS = "10.86.255.1/30"
"""The engine's bridge carries nothing; without one of its own the engine would delete another's docker0."""
PAUSE_IMAGE = "localhost/podwright/pause:built-in"
"""In no registry: the dockershim uses the one that it brings along."""
CNI_BIN_DIRS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
ENGINE_PROGRAMS = ("dockerd", "containerd", "runc", "ip", "iptables")
SYSTEM_DIRS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Where they are; a shell made by a plain `su` does not look there."""
MANIFEST_SUFFIXES = (".yaml", ".yml", ".json")
START_TIMEOUT_SECONDS = 60.0
READY_TIMEOUT_SECONDS = 120.0
STOP_TIMEOUT_SECONDS = 60.0
REFRESH_SECONDS = 0.5
_END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class RunError(Exception):
    """The run cannot go on; one line for the operator."""


@dataclass(slots=True)
class Run:
    """The processes and paths of one run."""

    manifests: Path
    state: Path = STATE_DIR
    name: str = field(default_factory=lambda: secrets.token_hex(16))
    processes: list[tuple[str, "subprocess.Popen[bytes]"]] = field(default_factory=list)

    @property
    def socket(self) -> str:
        return str(self.state / "kubelet" / "podwright.sock")

    @property
    def engine_socket(self) -> Path:
        return self.state / "engine.sock"

    @property
    def pods_dir(self) -> Path:
        return self.state / "manifests"

    def log(self, name: str) -> Path:
        return self.state / f"{name}.log"

    def environment(self) -> Mapping[str, str]:
        """What every process of the run inherits: our mark, and a PATH on which an engine's programs are."""
        path = os.environ.get("PATH", "/usr/bin:/bin").split(os.pathsep)
        path += [directory for directory in SYSTEM_DIRS if directory not in path]
        return os.environ | {MARK: self.name, "PATH": os.pathsep.join(path)}


def run(manifests: Path, out: Any = sys.stdout) -> int:
    """Run until Ctrl-C (terminal) or until all pods are as they should be. Raises RunError, AskError."""
    node = Run(manifests)
    pods = _check_machine(node)
    with _interruptible(), _only_run(node.state), _cleanup(node):
        _say("starting an engine, the dockershim and the kubelet")
        _prepare(node)
        _start_engine(node)
        _start_kubelet(node)
        _wait_for(lambda: _answers(node.engine_socket), START_TIMEOUT_SECONDS, "the engine did not start", node)
        _load_images(node, _images_of(pods))
        _wait_for(lambda: _pods(node) is not None, START_TIMEOUT_SECONDS, "the kubelet did not start", node)
        _hand_over_manifests(node)
        if out.isatty():
            return _show_until_interrupted(node, out)
        return _wait_and_report(node, out)


def _say(text: str) -> None:
    sys.stderr.write(f"podwright: {text}\n")
    sys.stderr.flush()


def _check_machine(node: Run) -> list[dict[str, Any]]:
    """The pods to be run, when this machine can run them."""
    if not node.manifests.is_dir():
        raise RunError(f"{node.manifests} is not a directory of pod manifests")
    pods = _read_manifests(node.manifests)
    if not pods:
        raise RunError(f"{node.manifests} holds no pod manifest ({', '.join(MANIFEST_SUFFIXES)})")
    if os.geteuid() != 0:
        raise RunError("running pods needs root: try again with sudo")
    missing = [name for name in ENGINE_PROGRAMS if shutil.which(name, path=node.environment()["PATH"]) is None]
    if missing:
        raise RunError(f"this machine lacks {', '.join(missing)}: install Docker Engine (docker.io), iproute2 and "
                       "iptables, or let `make run` do it")
    if not any(directory.is_dir() for directory in CNI_BIN_DIRS):
        raise RunError("no CNI plugins found in " + " or ".join(map(str, CNI_BIN_DIRS))
                       + ": install containernetworking-plugins")
    return pods


@contextlib.contextmanager
def _only_run(state: Path) -> Iterator[None]:
    """Hold the state directory, which has to be free, and begin by removing what a killed run left."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    held = os.open(state, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(f"another run is active: it holds {state}") from None
        if any(state.iterdir()):
            _say("removing what an earlier run left")
            remove_leftovers(state)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # it holds the logs of a run that failed
                state.rmdir()
    finally:
        os.close(held)


def _prepare(node: Run) -> None:
    """Directories, bridges and the configurations of network, engine and kubelet."""
    remember(node.state, node.name)
    for directory in (node.pods_dir, node.state / "cni", node.state / "kubelet", node.state / POD_LOGS):
        directory.mkdir(parents=True)
    _write(node.state / "cni" / "10-podwright.conflist", {
        "cniVersion": "1.0.0", "name": CNI_NETWORK, "plugins": [
            {
                "type": "bridge", "bridge": POD_BRIDGE, "isGateway": True, "ipMasq": True, "hairpinMode": True,
                "ipam": {
                    "type": "host-local", "dataDir": str(node.state / "ipam"), "ranges": [[{"subnet": POD_SUBNET}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    })
    _write(node.state / "kubelet.json", {
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "staticPodPath": str(node.pods_dir), "podLogsDir": str(node.state / POD_LOGS), "failSwapOn": False,
        "failCgroupV1": False, "enableServer": False, "healthzPort": 0, "cgroupRoot": f"/{CGROUP_ROOT}",
        "authentication": {"webhook": {"enabled": False}}, "authorization": {"mode": "AlwaysAllow"},
        # A full disk is this machine's own affair, and images that were made here cannot be pulled again.
        "imageGCHighThresholdPercent": 100, "evictionHard": {"memory.available": "0%"},  # off; the defaults are gone
    })
    _write(node.state / "dockerd.json", {
        "hosts": [f"unix://{node.engine_socket}"], "data-root": str(node.state / "engine"),
        "exec-root": str(node.state / "engine-run"), "pidfile": str(node.state / "engine.pid"),
        "containerd": str(node.state / "containerd.sock"), "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "bridge": ENGINE_BRIDGE, "iptables": False, "ip6tables": False, "ip-forward": False, "ip-masq": False,
        "userland-proxy": False,
    })
    (node.state / "containerd.toml").write_text(
        f'version = 2\nroot = "{node.state}/containerd"\nstate = "{node.state}/containerd-run"\n'
        'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
        f'[grpc]\naddress = "{node.state}/containerd.sock"\n'
    )


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")


def _hand_over_manifests(node: Run) -> None:
    for manifest in sorted(node.manifests.iterdir()):
        if manifest.suffix in MANIFEST_SUFFIXES:
            shutil.copyfile(manifest, node.pods_dir / manifest.name)


def _read_manifests(directory: Path) -> list[dict[str, Any]]:
    """The pods of a folder as plain values; what cannot be read is the kubelet's to complain about."""
    import yaml

    pods = []
    for manifest in sorted(directory.iterdir()):
        if manifest.suffix not in MANIFEST_SUFFIXES:
            continue
        with contextlib.suppress(OSError, yaml.YAMLError):
            pod = yaml.safe_load(manifest.read_text())
            if isinstance(pod, dict) and isinstance(pod.get("spec"), dict):
                pods.append(pod)
    return pods


def _images_of(pods: Sequence[dict[str, Any]]) -> set[str]:
    """Every image that the pods name."""
    return {
        container["image"] for pod in pods for key in ("initContainers", "containers")
        for container in pod["spec"].get(key) or () if isinstance(container, dict) and "image" in container
    }


def _start_engine(node: Run) -> None:
    """containerd and dockerd, side by side: dockerd waits for the other."""
    for command in (
        ("ip", "link", "add", ENGINE_BRIDGE, "type", "bridge"),
        ("ip", "address", "add", ENGINE_ADDRESS, "dev", ENGINE_BRIDGE),
    ):
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=node.environment())
        if done.returncode:
            raise RunError(f"the engine's bridge {ENGINE_BRIDGE} cannot be made: {done.stderr.strip()}")
    _spawn(node, "containerd", ["containerd", f"--config={node.state}/containerd.toml", "--log-level=warn"])
    _spawn(node, "dockerd", ["dockerd", f"--config-file={node.state}/dockerd.json", "--log-level=warn"])


def _load_images(node: Run, images: set[str]) -> None:
    try:
        for image in sorted(images):
            load_image_if_absent(f"unix://{node.engine_socket}", image)
    except (OSError, http.client.HTTPException) as error:
        raise RunError(f"the engine takes no image: {error}; logs are in {node.state}") from None


def _answers(engine_socket: Path) -> bool:
    connection = http.client.HTTPConnection("localhost", timeout=2)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.sock.connect(str(engine_socket))
        connection.request("GET", "/_ping")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _start_kubelet(node: Run) -> None:
    plugins = ",".join(str(directory) for directory in CNI_BIN_DIRS if directory.is_dir())
    _spawn(node, "kubelet", [
        sys.executable, "-m", "kubelet", f"--config={node.state}/kubelet.json", f"--root-dir={node.state}/kubelet",
        f"--cert-dir={node.state}/pki",
        f"--dockershim-flag=--docker-endpoint=unix://{node.engine_socket}",
        f"--dockershim-flag=--cni-conf-dir={node.state}/cni",
        f"--dockershim-flag=--cni-bin-dir={plugins}",
        f"--dockershim-flag=--cni-cache-dir={node.state}/cni-cache",
        f"--dockershim-flag=--root-directory={node.state}/dockershim",
        f"--dockershim-flag=--pod-infra-container-image={PAUSE_IMAGE}",
    ])


def _spawn(node: Run, name: str, command: Sequence[str]) -> None:
    with node.log(name).open("wb") as log:
        # A session of its own: Ctrl-C is for this command, which then ends its children in order.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=node.environment(),
        )
    node.processes.append((name, process))


def _wait_for(done: Callable[[], bool], seconds: float, problem: str, node: Run) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        ended = next((name for name, process in node.processes if process.poll() is not None), None)
        if ended or time.monotonic() > deadline:
            why = f"{ended} has ended: {_last_line(node.log(ended))}" if ended else f"waited {seconds:g} s"
            raise RunError(f"{problem} ({why}); logs are in {node.state}")
        time.sleep(0.05)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "no output"


# What the operator sees.


def _pods(node: Run) -> dict[str, Any] | None:
    try:
        return ask(node.socket, "pods")
    except AskError:
        return None


def _show_until_interrupted(node: Run, out: Any) -> int:
    return watch(node.socket, REFRESH_SECONDS, out, footer="Ctrl-C stops the pods and removes everything again.")


def _as_it_should_be(pod: dict[str, Any]) -> bool:
    """Ready, or ended well."""
    return pod["phase"] == "Succeeded" or bool(pod["isReady"])


def _wait_and_report(node: Run, out: Any) -> int:
    expected = sum(1 for manifest in node.pods_dir.iterdir())

    def settled() -> bool:
        answer = _pods(node)
        return (
            answer is not None and len(answer["pods"]) + len(_manifest_problems(node)) >= expected
            and all(map(_as_it_should_be, answer["pods"]))
        )

    try:
        _wait_for(settled, READY_TIMEOUT_SECONDS, "the pods are not as they should be", node)
        if problems := _manifest_problems(node):
            raise RunError("; ".join(problems))
    except RunError as error:
        out.write(f"{pods_table(_pods(node) or {'pods': [], 'now': time.time()})}\n")
        raise error from None
    answer = ask(node.socket, "pods")
    out.write(pods_table(answer) + "\n")
    page = _fetch_page(_read_manifests(node.pods_dir), answer["pods"])
    if page:
        out.write(f"\n{page}\n")
    out.flush()
    return 0


def _manifest_problems(node: Run) -> list[str]:
    """What the kubelet cannot make pods of: file and problem, as the operator knows the file."""
    try:
        problems = ask(node.socket, "status")["manifestProblems"]
    except AskError:
        return []
    return [f"{item['where']}: {item['problem']}".replace(str(node.pods_dir), str(node.manifests)) for item in problems]


def _fetch_page(manifests: Sequence[dict[str, Any]], pods: Sequence[dict[str, Any]]) -> str:
    """The page that the first HTTP-probed pod serves, over its pod IP; empty when there is no such pod."""
    addresses = {pod["name"]: pod["ip"] for pod in pods}
    for manifest in manifests:
        name = manifest.get("metadata", {}).get("name", "")
        # A static pod's name carries the node's at its end.
        address = next((ip for pod, ip in addresses.items() if ip and pod.startswith(f"{name}-")), "")
        for container in manifest["spec"].get("containers") or ():
            probe = (container.get("readinessProbe") or {}).get("httpGet")
            if address and probe:
                return _get(address, _port_number(container, probe["port"]), probe.get("path", "/"))
    return ""


def _port_number(container: dict[str, Any], port: str | int) -> int:
    named = {item.get("name"): item["containerPort"] for item in container.get("ports") or ()}
    return int(named.get(port, port))


def _get(address: str, port: int, path: str) -> str:
    connection = http.client.HTTPConnection(address, port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read().decode(errors="replace").strip()
    except OSError as error:
        raise RunError(f"http://{address}:{port}{path} cannot be fetched: {error}") from None
    finally:
        connection.close()
    return f"GET http://{address}:{port}{path} answers {response.status}:\n{body}"


# Ending.


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM and SIGHUP end the run as Ctrl-C does."""
    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _END_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _cleanup(node: Run) -> Iterator[None]:
    keep_logs = True
    try:
        yield
        keep_logs = False
    except KeyboardInterrupt:
        keep_logs = False
        raise
    finally:
        # A second Ctrl-C must not leave half of the node behind.
        before = {number: signal.signal(number, signal.SIG_IGN) for number in _END_SIGNALS}
        try:
            _end(node, keep_logs)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _end(node: Run, keep_logs: bool) -> None:
    _say("stopping the pods and removing everything")
    for manifest in node.pods_dir.glob("*"):
        manifest.unlink()
    deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
    while time.monotonic() < deadline and (answer := _pods(node)) and answer["pods"]:
        time.sleep(0.05)
    for name, process in reversed(node.processes):
        if name == "kubelet":  # the engine has nothing to save: its files go, too
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=20)
    remove_leftovers(node.state, keep_logs)
    for _, process in node.processes:
        process.wait()
