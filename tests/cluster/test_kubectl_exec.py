"""kubectl exec, cp, attach, port-forward, logs, debug, top and get --raw: the real one, through a real API server, to
pairs of kubelet and runtime.

kubectl speaks WebSocket or, told so, SPDY. The API server either translates WebSocket for the kubelet or, where the
node declares that it can, leaves that to it.
"""

import asyncio
import contextlib
import gzip
import hashlib
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from metrics_server import metrics_server

from conformance import builds
from conformance.cluster import Cluster

PODS = """
apiVersion: v1
kind: Pod
metadata: {name: box}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - {name: box, image: "localhost/podwright/busybox:1", command: [sleep, "100000"]}
    - name: reader
      image: localhost/podwright/busybox:1
      command: [sh, -c, "while read line; do echo got $line; done; sleep 100000"]
      stdin: true
---
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: web, image: "localhost/podwright/web:1"}]
"""
SPDY_ONLY = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false", "KUBECTL_PORT_FORWARD_WEBSOCKETS": "false"}
MEGABYTES, BIG_MEGABYTES = 8, 100
BIG = {("podwright", "websocket-to-kubelet"), ("podwright-containerd", "spdy")}
"""Agents and protocols that carry a big file."""
LINES = 3000
Look = Callable[[Any], Awaitable[list[str]]]
# About 300 KB of log within six seconds: with files of 64 KB, looked at every three seconds, it is rotated twice. After
# that a few lines a second, so that the current file is never empty for long.
TALKER = f"""
apiVersion: v1
kind: Pod
metadata: {{name: talker}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: talker
      image: localhost/podwright/busybox:1
      command:
        - sh
        - -c
        - >-
          i=0; while [ $i -lt {LINES} ]; do i=$((i+1)); echo "$i {'x' * 60}";
          [ $((i % 150)) = 0 ] && usleep 300000; done;
          while :; do i=$((i+1)); echo "$i {'x' * 60}"; usleep 200000; done
    - {{name: other, image: "localhost/podwright/busybox:1", command: [sh, -c, "echo beside; sleep 100000"]}}
"""


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: bytes
    err: str


class Kubectl:
    """The real kubectl, with bytes in and out and an environment."""

    def __init__(self, cluster: Cluster, env: dict[str, str], protocol: str = "") -> None:
        self.cluster = cluster
        self.protocol = protocol
        self._env = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig),
                     "KUBECACHEDIR": str(cluster.node.scratch / "kubectl"), **env}  # fmt: skip

    async def start(self, *words: str, program: Sequence[str] = ()) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *program, str(builds.path("kubectl")), *words, env=self._env, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def run(self, *words: str, stdin: bytes = b"") -> Ended:
        process = await self.start(*words)
        try:
            async with asyncio.timeout(60):
                out, err = await process.communicate(stdin)
        except BaseException:
            process.kill()
            await process.communicate()
            raise
        return Ended(process.returncode or 0, out, err.decode())


@pytest_asyncio.fixture(
    scope="module", loop_scope="session", params=["upstream-docker", "podwright", "podwright-containerd"]
)
async def pods(request: pytest.FixtureRequest) -> AsyncIterator[Cluster]:
    """A cluster with the pods above running."""
    async with Cluster(
        f"exec-{request.param}", request.param, cluster_dns=False,
        kubelet_config={"containerLogMaxSize": "64Ki", "containerLogMonitorInterval": "3s",
                        "enableSystemLogQuery": True},
    ) as cluster:
        await cluster.kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=60s")
        await cluster.kubectl("apply", "-f", "-", stdin=PODS)
        await cluster.kubectl("wait", "--for=condition=Ready", "pod/box", "pod/web", "--timeout=60s")
        yield cluster


OURS = pytest.mark.parametrize("pods", ["podwright", "podwright-containerd"], indirect=True, scope="module")
"""For what the kubelet does, whatever the runtime."""


@pytest_asyncio.fixture(loop_scope="session", params=["websocket", "websocket-to-kubelet", "spdy"])
async def kubectl(request: pytest.FixtureRequest, pods: Cluster) -> Kubectl:
    features = '["ExtendWebSocketsToKubelet"]' if request.param == "websocket-to-kubelet" else "[]"
    patch = f'{{"status":{{"declaredFeatures":{features}}}}}'
    await pods.kubectl("patch", "node", pods.name, "--subresource=status", "-p", patch)
    return Kubectl(pods, SPDY_ONLY if request.param == "spdy" else {}, request.param)


async def test_exec_carries_streams_and_exit_code(kubectl: Kubectl) -> None:
    script = "cat; echo err >&2; exit 7"
    done = await kubectl.run("exec", "-i", "box", "-c", "box", "--", "sh", "-c", script, stdin=b"hello\0\xff\n")
    assert (done.code, done.out) == (7, b"hello\0\xff\n")
    assert done.err == "err\ncommand terminated with exit code 7\n"
    assert await kubectl.run("exec", "box", "-c", "box", "--", "true") == Ended(0, b"", "")


async def test_exec_with_a_terminal(kubectl: Kubectl) -> None:
    """`script` gives kubectl a terminal of a known size."""
    command = "exec -it box -c box -- sh -c 'sleep 0.5; stty size; exit 3'"
    words = f"stty rows 33 cols 101; {builds.path('kubectl')} {command}"
    process = await asyncio.create_subprocess_exec(
        "script", "-qec", words, "/dev/null", env=kubectl._env, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(30):
        out, _ = await process.communicate()
    assert b"33 101" in out and process.returncode == 3


async def test_exec_in_what_is_not_there(kubectl: Kubectl) -> None:
    done = await kubectl.run("exec", "box", "-c", "box", "--", "no-such-command")
    assert done.code and "no-such-command" in done.out.decode() + done.err
    done = await kubectl.run("exec", "box", "-c", "none", "--", "true")
    assert done.code and "none" in done.err


async def test_cp_both_ways(kubectl: Kubectl, tmp_path: Path) -> None:
    kind = kubectl.cluster.agent.kind
    blob = os.urandom((BIG_MEGABYTES if (kind.name, kubectl.protocol) in BIG else MEGABYTES) << 20)
    await asyncio.to_thread((tmp_path / "blob").write_bytes, blob)
    done = await kubectl.run("cp", str(tmp_path / "blob"), "box:/tmp/blob", "-c", "box")
    assert done.code == 0, done.err
    summed = await kubectl.run("exec", "box", "-c", "box", "--", "sha256sum", "/tmp/blob")
    assert summed.out.split()[0].decode() == hashlib.sha256(blob).hexdigest()
    done = await kubectl.run("cp", "box:/tmp/blob", str(tmp_path / "back"), "-c", "box")
    assert done.code == 0, done.err
    assert (tmp_path / "back").read_bytes() == blob


async def test_attach_reaches_the_first_process(kubectl: Kubectl) -> None:
    process = await kubectl.start("attach", "-i", "box", "-c", "reader")
    assert process.stdin is not None and process.stdout is not None
    async with asyncio.timeout(30):
        process.stdin.write(b"one\n")
        assert await process.stdout.readuntil(b"got one\n")
    process.terminate()
    await process.communicate()
    logs = await kubectl.run("logs", "box", "-c", "reader")
    assert b"got one\n" in logs.out


async def test_an_interrupted_session_leaves_nothing(kubectl: Kubectl) -> None:
    """Our dockershim ends all that the command has started; containerd lets it run, but our connection to it ends."""
    script = "trap '' HUP; sleep 4141 & echo up; sleep 4242"
    process = await kubectl.start("exec", "box", "-c", "box", "--", "sh", "-c", script)
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert await process.stdout.readline() == b"up\n"
    assert await _left_behind(kubectl)
    process.send_signal(signal.SIGKILL)
    await process.communicate()
    for _ in range(50):
        left = await _left_behind(kubectl)
        if not left:
            break
        await asyncio.sleep(0.2)
    assert not left


async def _left_behind(kubectl: Kubectl) -> list[str]:
    """Processes of the command; where the runtime is not ours, connections to its streaming server."""
    if kubectl.cluster.agent.kind.runtime == "docker":
        listed = (await kubectl.run("exec", "box", "-c", "box", "--", "ps", "-o", "args")).out.decode()
        return [line for line in listed.splitlines() if line in ("sleep 4141", "sleep 4242")]
    sockets = await kubectl.cluster.node.run(["ss", "-Htnp", "state", "established", "src", "127.0.0.1"])
    return [line for line in sockets.stdout.splitlines() if '"containerd"' in line]


async def _open_sessions(stack: contextlib.AsyncExitStack, kubectl: Kubectl) -> list[asyncio.subprocess.Process]:
    """exec, attach, port-forward with a connection through it, and logs -f, each of which has said something."""
    script = "trap '' HUP; sleep 4141 & echo up; sleep 4242"
    sessions = []
    for words, said in (
        (("exec", "box", "-c", "box", "--", "sh", "-c", script), b"up\n"),
        (("attach", "-i", "box", "-c", "reader"), b"got it\n"),
        (("logs", "-f", "box", "-c", "reader"), b"got it\n"),
        (("port-forward", "pod/web", ":80"), b"Forwarding"),
    ):
        process = await kubectl.start(*words)
        sessions.append(process)
        stack.push_async_callback(_end, process)
        assert process.stdin is not None and process.stdout is not None
        async with asyncio.timeout(30):
            if words[0] == "attach":
                process.stdin.write(b"it\n")
            while not (line := await process.stdout.readline()).startswith(said):
                assert line, f"kubectl {words[0]} said no {said!r}"
    port = int(re.findall(rb":(\d+) ->", line)[0])
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    stack.callback(writer.close)
    writer.write(b"GET / HTTP/1.0\r\n")  # half a request: the server waits, and the connection stays
    await _until(_open_streams, kubectl.cluster, lambda found: len(found) >= 3)
    return sessions


async def _until(look: Look, at: Any, wanted: Callable[[list[str]], bool]) -> None:
    """Until what `look` finds is as wanted, within half a minute."""
    for _ in range(150):
        found = await look(at)
        if wanted(found):
            return
        await asyncio.sleep(0.2)
    pytest.fail(f"{look.__name__} finds {found}")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.communicate()


async def _open_streams(cluster: Cluster) -> list[str]:
    """Connections to the runtime's streaming server, to the web pod, and the log files that the kubelet reads."""
    control_plane = {"2379", "6443"}
    listed = await cluster.node.run(["ss", "-Htn", "state", "established", "src", "127.0.0.1"])
    rows = [line.split() for line in listed.stdout.splitlines()]
    ends = [(row[2], row[3]) for row in rows]
    found = [f"{here} {there}" for here, there in ends
             if control_plane.isdisjoint(end.rpartition(":")[2] for end in (here, there))]  # fmt: skip
    for descriptor in Path(f"/proc/{cluster.agent.processes['kubelet'].pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            if "/reader/0.log" in (target := str(descriptor.readlink())):
                found.append(target)
    return found


async def _echo(kubectl: Kubectl) -> list[str]:
    return (await kubectl.run("exec", "box", "-c", "box", "--", "echo", "here")).out.decode().split()


async def _until_nothing_is_left(kubectl: Kubectl) -> None:
    await _until(_open_streams, kubectl.cluster, lambda found: not found)
    if kubectl.cluster.agent.kind.runtime == "docker":
        await _until(_left_behind, kubectl, lambda found: not found)


@OURS
async def test_sessions_of_every_kind_whose_client_is_killed_leave_nothing(kubectl: Kubectl) -> None:
    await _until_nothing_is_left(kubectl)
    async with contextlib.AsyncExitStack() as stack:
        for process in await _open_sessions(stack, kubectl):
            process.kill()
        await _until_nothing_is_left(kubectl)


@OURS
async def test_sessions_whose_kubelet_is_killed_end_and_leave_nothing(pods: Cluster) -> None:
    """Their clients hear of it, what the sessions ran is gone, and the next kubelet serves new ones."""
    kubectl = Kubectl(pods, {})
    async with contextlib.AsyncExitStack() as stack:
        sessions = await _open_sessions(stack, kubectl)
        await pods.restart_agent("kubelet", signal.SIGKILL)
        async with asyncio.timeout(60):
            await asyncio.gather(*(process.wait() for process in sessions))
        await pods.wait_node_ready(pods.name)
        await _until(_echo, kubectl, lambda found: found == ["here"])
        await _until_nothing_is_left(kubectl)


@contextlib.asynccontextmanager
async def forwarding(kubectl: Kubectl, port: int) -> AsyncIterator[int]:
    """The local port."""
    process = await kubectl.start("port-forward", "pod/web", f":{port}")
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            said = (await process.stdout.readline()).decode()
        found = re.search(r"127\.0\.0\.1:(\d+) ->", said)
        assert found, said
        yield int(found[1])
    finally:
        process.terminate()
        await process.communicate()


async def test_port_forward_with_fifty_connections_at_once(kubectl: Kubectl) -> None:
    async def fetch(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /hostname HTTP/1.0\r\n\r\n")
        try:
            return await reader.read()
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async with asyncio.timeout(60), forwarding(kubectl, 80) as port:
        answers = await asyncio.gather(*(fetch(port) for _ in range(50)))
    assert all(b"200 OK" in answer and b"web" in answer for answer in answers)


@OURS
async def test_logs_are_followed_over_rotations_and_asked_for_in_every_way(pods: Cluster) -> None:
    kubectl = Kubectl(pods, {})
    await pods.kubectl("apply", "-f", "-", stdin=TALKER)
    await pods.kubectl("wait", "--for=condition=Ready", "pod/talker", "--timeout=60s")
    begun = datetime.now(UTC)
    process = await kubectl.start("logs", "-f", "talker", "-c", "talker")
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            followed = [int((await process.stdout.readline()).split()[0]) for _ in range(LINES)]
    finally:
        process.terminate()
        await process.communicate()
    assert followed == list(range(1, LINES + 1))
    await _rotated_files_hold_every_line_once(pods)

    async def lines(*words: str) -> list[str]:
        done = await kubectl.run("logs", "talker", *words)
        assert done.code == 0, done.err
        return done.out.decode().splitlines()

    line = r"\d+ x{60}"
    whole = await lines("-c", "talker")
    first, second, *_ = await lines("-c", "talker", "--tail=2")
    assert whole[-1].endswith("x" * 60) and int(second.split()[0]) == int(first.split()[0]) + 1 > LINES
    cut = await kubectl.run("logs", "talker", "-c", "talker", "--limit-bytes=7", "--tail=1")
    assert re.fullmatch(rb"\d{4} xx", cut.out)
    assert whole[0] in await lines("-c", "talker", "--since=1h")
    assert await lines("-c", "talker", "--since-time=2100-01-01T00:00:00Z") == []
    assert whole[0] in await lines("-c", "talker", f"--since-time={begun:%Y-%m-%dT%H:%M:%SZ}")
    (stamped,) = await lines("-c", "other", "--tail=1", "--timestamps")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:\d\d) beside", stamped)
    # The talker may say more while its end is read, and kubectl asks the containers in any order.
    talked, beside = _parted(await lines("--all-containers", "--prefix", "--tail=1"), "[pod/talker/talker] ")
    assert beside == ["[pod/talker/other] beside"]
    assert talked and all(re.fullmatch(rf"\[pod/talker/talker\] {line}", one) for one in talked)
    done = await kubectl.run("logs", "talker", "-c", "talker", "--previous")
    assert done.code == 1 and 'previous terminated container "talker" in pod "talker" not found' in done.err
    await pods.kubectl("delete", "pod/talker", "--wait=false")


def _parted(lines: list[str], prefix: str) -> tuple[list[str], list[str]]:
    """Those that begin so, and the others."""
    return [one for one in lines if one.startswith(prefix)], [one for one in lines if not one.startswith(prefix)]


async def _rotated_files_hold_every_line_once(cluster: Cluster) -> None:
    """Old files are packed, the newest old one and the current one are not. Returns after the last rotation."""
    uid = (await cluster.kubectl("get", "pod/talker", "-o", "jsonpath={.metadata.uid}")).stdout
    directory = cluster.node.path(f"/var/log/pods/default_talker_{uid}/talker")

    def read() -> tuple[list[str], list[int]]:
        files = sorted(directory.iterdir(), key=lambda file: (file.name == "0.log", file.name))
        texts = [gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes() for file in files]
        return [file.name for file in files], [int(line.split(b" ", 4)[3]) for line in b"".join(texts).splitlines()]

    async with asyncio.timeout(20):
        while True:
            names, numbers = await asyncio.to_thread(read)
            size = (await asyncio.to_thread((directory / "0.log").stat)).st_size
            if any(name.endswith(".gz") for name in names) and 0 < size < 64 * 1024 and len(numbers) > LINES + 16:
                break
            await asyncio.sleep(0.3)
    assert len(names) >= 3 and names[-1] == "0.log"
    assert numbers == list(range(1, len(numbers) + 1))


@OURS
async def test_debug_with_ephemeral_containers(pods: Cluster) -> None:
    """One that talks to its caller, and one beside a container whose processes it sees."""
    kubectl = Kubectl(pods, {})
    image = "--image=localhost/podwright/busybox:1"
    # Its input stays open until it has answered: who has sent all, is not told more (in every runtime).
    process = await kubectl.start("debug", "-i", "box", image, "-c", "asked", "--", "sh", "-c",
                                  "while read line; do echo got $line; done")
    assert process.stdin is not None and process.stdout is not None
    try:
        async with asyncio.timeout(30):
            process.stdin.write(b"hello\n")
            assert await process.stdout.readline() == b"got hello\n"
    finally:
        process.terminate()
        await process.communicate()
    done = await kubectl.run("debug", "box", image, "-c", "beside", "--target=box", "--attach=false", "--",
                             "sh", "-c", "echo here; sleep 100000")
    assert done.code == 0, done.err
    running = "jsonpath={.status.ephemeralContainerStatuses[?(@.name==\"beside\")].state.running.startedAt}"
    await pods.kubectl("wait", f"--for={running}", "pod/box", "--timeout=30s")
    assert (await kubectl.run("logs", "box", "-c", "beside")).out == b"here\n"
    seen = await kubectl.run("exec", "box", "-c", "beside", "--", "ps", "-o", "args")
    assert b"sleep 100000\n" in seen.out


@OURS
async def test_raw_requests_through_the_api_servers_proxies(pods: Cluster) -> None:
    node = f"/api/v1/nodes/{pods.name}/proxy"

    async def raw(path: str) -> str:
        return (await pods.kubectl("get", "--raw", path)).stdout

    assert (await raw("/api/v1/namespaces/default/pods/web:80/proxy/hostname")).strip() == "web"
    assert await raw(f"{node}/healthz") == "ok"
    assert {item["metadata"]["name"] for item in json.loads(await raw(f"{node}/pods"))["items"]} >= {"box", "web"}
    assert json.loads(await raw(f"{node}/runningpods/"))["kind"] == "PodList"
    assert json.loads(await raw(f"{node}/configz"))["kubeletconfig"]["containerLogMaxSize"] == "64Ki"
    assert json.loads(await raw(f"{node}/stats/summary"))["node"]["nodeName"] == pods.name
    assert "kubernetes_build_info" in await raw(f"{node}/metrics")
    await raw(f"{node}/metrics/probes")
    assert "kubernetes_healthcheck" in await raw(f"{node}/metrics/slis")
    pods.node.path("/var/log/of-the-node.log").write_text("said by the node\n")
    assert await raw(f"{node}/logs/of-the-node.log") == "said by the node\n"
    assert await raw(f"{node}/logs/?query=of-the-node") == "said by the node\n"
    assert await raw(f"{node}/logs/?query=/of-the-node.log") == "said by the node\n"
    refused = await pods.kubectl("get", "--raw", f"{node}/logs/?query=a&query=/b", check=False)
    assert refused.returncode == 1 and "cannot specify a file and service" in refused.stderr
    assert (await raw(f"{node}/flagz")).lstrip().startswith("kubelet flagz")
    refused = await pods.kubectl("get", "--raw", f"{node}/statusz", check=False)
    assert "verb=get, resource=nodes, subresource(s)=[statusz]" in refused.stderr, "the API server's role lacks it"


@OURS
async def test_top_shows_what_metrics_resource_tells(pods: Cluster) -> None:
    """A pod that computes shows about the core that it uses, one that sleeps shows none."""
    kubectl = Kubectl(pods, {})
    busy = await kubectl.start("exec", "box", "-c", "box", "--", "sh", "-c", "while :; do :; done")
    try:
        async with pods.client() as client, metrics_server(pods, client) as metrics:
            async with asyncio.timeout(60):
                while True:
                    await metrics.scrape()
                    top = await kubectl.run("top", "pods", "--containers", "--no-headers")
                    rows = {tuple(line.split()[:2]): line.split()[2:] for line in top.out.decode().splitlines()}
                    cores = int(rows.get(("box", "box"), ["0m"])[0].removesuffix("m"))
                    if cores > 100 and ("web", "web") in rows:
                        break
                    await asyncio.sleep(1)
            assert int(rows["web", "web"][0].removesuffix("m")) < cores
            assert all(row[1].endswith("Mi") for row in rows.values())
            nodes = await kubectl.run("top", "nodes", "--no-headers")
            assert nodes.code == 0 and nodes.out.decode().split()[0] == pods.name
    finally:
        busy.terminate()
        await busy.communicate()
