"""`podwright run DIRECTORY`: a whole node on this machine for as long as the command runs, over a folder of manifests.

    engine (the machine's own, or a private one) ◀── dockershim ◀── kubelet ◀── a copy of DIRECTORY
                                                                       │
                                                          live table ◀─┘ podwright.sock

Everything lives below one state directory with a bridge of its own. Ending means: the manifests go, the kubelet stops
their pods as it would anywhere, then kubelet, private engine, bridge and state directory go. In a terminal the table
stays until Ctrl-C; otherwise the command waits until every pod is as it should be, shows the table and the page that
the first HTTP-probed pod serves, and exits 0.
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kubelet.operator.client import AskError, ask
from kubelet.operator.images import load_image_if_absent
from kubelet.operator.render import pods_table

STATE_DIR = Path("/var/lib/podwright-run")
SYSTEM_ENGINE = Path("/var/run/docker.sock")
BRIDGE = "podwright0"
SUBNET = "10.85.0.0/16"
PAUSE_IMAGE = "localhost/podwright/pause:built-in"
"""In no registry: the dockershim uses the one that it brings along."""
CNI_BIN_DIRS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
MANIFEST_SUFFIXES = (".yaml", ".yml", ".json")
READY_TIMEOUT_SECONDS = 120.0
STOP_TIMEOUT_SECONDS = 60.0
REFRESH_SECONDS = 0.5


class RunError(Exception):
    """The run cannot go on; one line for the operator."""


@dataclass(slots=True)
class Run:
    """The processes and paths of one run."""

    manifests: Path
    state: Path = STATE_DIR
    processes: list[tuple[str, "subprocess.Popen[bytes]"]] = field(default_factory=list)

    @property
    def socket(self) -> str:
        return str(self.state / "kubelet" / "podwright.sock")

    @property
    def pods_dir(self) -> Path:
        return self.state / "manifests"

    def log(self, name: str) -> Path:
        return self.state / f"{name}.log"


def run(manifests: Path, out: Any = sys.stdout) -> int:
    """Run until Ctrl-C (terminal) or until all pods are as they should be. Raises RunError, AskError."""
    _check_machine(manifests)
    node = Run(manifests)
    with _interruptible(), _cleanup(node):
        _prepare(node)
        engine = _engine(node)
        for image in sorted(_images_of(_read_manifests(manifests))):
            load_image_if_absent(engine, image)
        _start_kubelet(node, engine)
        if out.isatty():
            return _show_until_interrupted(node, out)
        return _wait_and_report(node, out)


def _check_machine(manifests: Path) -> None:
    if os.geteuid() != 0:
        raise RunError("running pods needs root: try again with sudo")
    if not manifests.is_dir():
        raise RunError(f"{manifests} is not a directory of pod manifests")
    if not any(directory.is_dir() for directory in CNI_BIN_DIRS):
        raise RunError("no CNI plugins found in " + " or ".join(map(str, CNI_BIN_DIRS))
                       + ": install containernetworking-plugins")
    if STATE_DIR.exists() and _alive(STATE_DIR / "run.pid"):
        raise RunError(f"another run is active (its process id is in {STATE_DIR}/run.pid)")


def _alive(pid_file: Path) -> bool:
    try:
        os.kill(int(pid_file.read_text()), 0)
    except (OSError, ValueError):
        return False
    return True


def _prepare(node: Run) -> None:
    """State directory, network configuration, kubelet configuration and a copy of the manifests."""
    _remove_state(node.state)
    for directory in (node.pods_dir, node.state / "cni", node.state / "kubelet", node.state / "logs"):
        directory.mkdir(parents=True)
    (node.state / "run.pid").write_text(str(os.getpid()))
    (node.state / "cni" / "10-podwright.conflist").write_text(json.dumps({
        "cniVersion": "1.0.0", "name": "podwright-run", "plugins": [
            {
                "type": "bridge", "bridge": BRIDGE, "isGateway": True, "ipMasq": True, "hairpinMode": True,
                "ipam": {
                    "type": "host-local", "dataDir": str(node.state / "ipam"), "ranges": [[{"subnet": SUBNET}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }, indent=2))
    (node.state / "config.yaml").write_text(json.dumps({
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "staticPodPath": str(node.pods_dir), "podLogsDir": str(node.state / "logs"), "failSwapOn": False,
        "failCgroupV1": False, "enableServer": False, "healthzPort": 0, "cgroupRoot": "/podwright-run",
        "authentication": {"webhook": {"enabled": False}}, "authorization": {"mode": "AlwaysAllow"},
    }, indent=2))
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


def _engine(node: Run) -> str:
    """The socket of the machine's engine if one answers, else of a private one that is started now."""
    if _answers(SYSTEM_ENGINE):
        return f"unix://{SYSTEM_ENGINE}"
    engine_socket = node.state / "engine.sock"
    _spawn(node, "dockerd", [
        "dockerd", f"--host=unix://{engine_socket}", f"--data-root={node.state}/engine",
        f"--exec-root={node.state}/engine-run", f"--pidfile={node.state}/engine.pid", "--bridge=none",
        "--iptables=false", "--ip6tables=false", "--ip-masq=false",
    ])
    _wait_for(lambda: _answers(engine_socket), 30, f"the engine did not start: see {node.log('dockerd')}", node)
    return f"unix://{engine_socket}"


def _answers(engine_socket: Path) -> bool:
    connection = http.client.HTTPConnection("localhost", timeout=2)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.sock.connect(str(engine_socket))
        connection.request("GET", "/_ping")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _start_kubelet(node: Run, engine: str) -> None:
    plugins = ",".join(str(directory) for directory in CNI_BIN_DIRS if directory.is_dir())
    _spawn(node, "kubelet", [
        sys.executable, "-m", "kubelet", f"--config={node.state}/config.yaml", f"--root-dir={node.state}/kubelet",
        f"--cert-dir={node.state}/pki",
        f"--dockershim-flag=--docker-endpoint={engine}",
        f"--dockershim-flag=--cni-conf-dir={node.state}/cni",
        f"--dockershim-flag=--cni-bin-dir={plugins}",
        f"--dockershim-flag=--cni-cache-dir={node.state}/cni-cache",
        f"--dockershim-flag=--root-directory={node.state}/dockershim",
        f"--dockershim-flag=--pod-infra-container-image={PAUSE_IMAGE}",
    ])
    _wait_for(lambda: _pods(node) is not None, 30, f"the kubelet did not start: see {node.log('kubelet')}", node)


def _spawn(node: Run, name: str, command: Sequence[str]) -> None:
    with node.log(name).open("wb") as log:
        # A session of its own: Ctrl-C is for this command, which then ends its children in order.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    node.processes.append((name, process))


def _wait_for(done: Callable[[], bool], seconds: float, problem: str, node: Run) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        ended = next((name for name, process in node.processes if process.poll() is not None), None)
        if ended or time.monotonic() > deadline:
            raise RunError(problem + (f" ({ended} has ended: {_last_line(node.log(ended))})" if ended else ""))
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
    from kubelet.operator.__main__ import watch

    return watch(node.socket, REFRESH_SECONDS, out)


def _as_it_should_be(pod: dict[str, Any]) -> bool:
    """Ready, or ended well."""
    return pod["phase"] == "Succeeded" or bool(pod["isReady"])


def _wait_and_report(node: Run, out: Any) -> int:
    expected = sum(1 for manifest in node.pods_dir.iterdir())

    def settled() -> bool:
        answer = _pods(node)
        return answer is not None and len(answer["pods"]) >= expected and all(map(_as_it_should_be, answer["pods"]))

    try:
        _wait_for(settled, READY_TIMEOUT_SECONDS, "the pods are not as they should be", node)
    except RunError as error:
        out.write(f"{pods_table(_pods(node) or {'pods': [], 'now': time.time()})}\n")
        raise RunError(f"{error}; logs are in {node.state}") from None
    answer = ask(node.socket, "pods")
    out.write(pods_table(answer) + "\n")
    page = _fetch_page(_read_manifests(node.pods_dir), answer["pods"])
    if page:
        out.write(f"\n{page}\n")
    out.flush()
    return 0


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

    before = {name: signal.signal(name, interrupt) for name in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


@contextlib.contextmanager
def _cleanup(node: Run) -> Iterator[None]:
    failed = True
    try:
        yield
        failed = False
    except KeyboardInterrupt:
        failed = False
        raise
    finally:
        # A second Ctrl-C must not leave half of the node behind.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            _end(node, keep_logs=failed)
        finally:
            signal.signal(signal.SIGINT, before)


def _end(node: Run, keep_logs: bool) -> None:
    for manifest in node.pods_dir.glob("*"):
        manifest.unlink()
    deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        answer = _pods(node)
        if answer is None or not answer["pods"]:
            break
        time.sleep(0.1)
    for _, process in reversed(node.processes):
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    subprocess.run(["ip", "link", "delete", BRIDGE], check=False, capture_output=True)
    if keep_logs:
        for entry in node.state.iterdir():
            if entry.suffix != ".log":
                _remove_state(entry)
    else:
        _remove_state(node.state)


def _remove_state(path: Path) -> None:
    """Remove a tree of ours; mounts that an interrupted run left in it first."""
    try:
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        mounts = []
    for mount in sorted((item for item in mounts if Path(item).is_relative_to(path)), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
