"""The operator's socket with the real CLI against a real server; only the view behind it is small."""

import asyncio
import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from kubelet.api.types import Container, ContainerStatus, ObjectMeta, Pod, PodCondition, PodSpec, PodStatus
from kubelet.explain import EventView, ManifestProblem, NodeHealth, PullView, RoomView, WorkerView
from kubelet.operator import __main__ as cli
from kubelet.operator.answers import AmbiguousPodError, UnknownPodError, find_pod
from kubelet.operator.client import AskError, ask
from kubelet.operator.server import OperatorServer, SocketInUseError, listen_privately, peer_uid
from kubelet.operator.view import CollectedItem, CollectionView, NodeFacts
from kubelet.timeline import Stage, Timeline

NOW = 1_700_000_100.0


def pod(name: str, uid: str, phase: str = "Running", *, ready: bool = True, namespace: str = "default") -> Pod:
    return Pod(
        metadata=ObjectMeta(name=name, namespace=namespace, uid=uid, creation_timestamp="2023-11-14T22:13:20Z"),
        spec=PodSpec(containers=(Container(name="c"),)),
        status=PodStatus(
            phase=phase, pod_ip="10.88.0.5" if phase == "Running" else "",
            conditions=(PodCondition(type="Ready", status="True" if ready else "False"),),
            container_statuses=(ContainerStatus(
                name="c", image="i", image_id="", ready=ready, restart_count=2 if ready else 0),),
        ),
    )


class View:
    def __init__(self) -> None:
        self.all: list[Pod] = [pod("web-1", "u1"), pod("job", "u2", "Pending", ready=False),
                               pod("web-2", "u3", namespace="other")]

        self.looks = 0

    async def look(self) -> None:
        self.looks += 1

    def pulls(self) -> Mapping[str, PullView]:
        return {"example/app:latest": PullView(NOW - 30, 5 << 20, 20 << 20, 1 << 19)} if self.looks else {}

    async def collection(self) -> CollectionView:
        return CollectionView(
            items=(
                CollectedItem("container", "abcdef0123456789", "web", False, "the last dead one of its name is kept"),
                CollectedItem("image", "sha256:0123456789abcdef", "example/old:1", True, "space: never seen in use",
                              5 << 20),
                CollectedItem("log directory", "/var/log/pods/ns_gone_u9", "u9", True, "its pod is gone"),
            ),
            high_percent=85, low_percent=80, disk_capacity=100 << 30, disk_used_percent=91, wanted_bytes=11 << 30,
            problems=("containers and what they leave: the runtime\x1b[31m is away",),
        )

    def node(self) -> NodeFacts:
        return NodeFacts(
            "node-1", "podwright 0.1.0 (kubelet v1.36.3)", NOW - 61, "standalone", "docker 20.10.24",
            "unix:///run/dockershim.sock", "/var/lib/kubelet", 42,
            health=NodeHealth(network_error="no CNI configuration", network_since=NOW - 7),
            conditions=(("Ready", "False", "container runtime network not ready"),),
            checks={"syncloop": "stuck", "ping": ""},
        )

    def pods(self) -> Sequence[Pod]:
        return self.all

    def worker(self, uid: str) -> WorkerView | None:
        if uid != "u2":
            return None
        return WorkerView(uid, "sync", "volume config", NOW - 12, 'configmap "absent" not found\x1b[31m', NOW + 3)

    def events(self, uid: str) -> Sequence[EventView]:
        return [EventView("Warning", "FailedMount", "no such configmap", NOW - 2, 3)] if uid == "u2" else []

    def room(self, uid: str) -> RoomView | None:
        return None

    def log_paths(self, uid: str) -> Mapping[str, Path]:
        return {}

    def manifest_problems(self) -> Sequence[ManifestProblem]:
        return [ManifestProblem("/etc/m/bad.yaml", "not a Pod")]


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[tuple[str, View, Timeline]]:
    view, timeline = View(), Timeline(lambda: NOW)
    path = tmp_path / "podwright.sock"
    server = OperatorServer(path, view, timeline, lambda: NOW)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(server.run())
        await server.started.wait()
        yield str(path), view, timeline
        task.cancel()
    assert not path.exists()


async def run_cli(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = await asyncio.to_thread(cli.main, argv)
    out = capsys.readouterr()
    return code, out.out, out.err


async def test_pods_table_says_what_each_waits_for(running, capsys):
    path, *_ = running
    code, out, _ = await run_cli(capsys, "pods", "--socket", path)
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split() == ["NAMESPACE", "NAME", "PHASE", "READY", "RESTARTS", "IP", "AGE", "WAITS", "FOR"]
    assert lines[1].split()[:7] == ["default", "job", "Pending", "0/1", "0", "-", "100s"]
    assert lines[1].endswith("the node's network (since 7s)")
    assert lines[2].split() == ["default", "web-1", "Running", "1/1", "2", "10.88.0.5", "100s", "-"]
    assert len(lines) == 4


async def test_status_names_problems_and_waiting_pods(running, capsys):
    path, *_ = running
    _, out, _ = await run_cli(capsys, "status", "--socket", path)
    assert "node-1" in out and "up 61s" in out and "2 Running" in out
    assert "the network, since 7s: no CNI configuration" in out
    assert "syncloop: stuck" in out and "/etc/m/bad.yaml: not a Pod" in out
    assert "default     job" in out.partition("Pods that wait:")[2]


async def test_gc_plan_says_what_goes_what_stays_and_why(running, capsys):
    path, *_ = running
    code, out, _ = await run_cli(capsys, "gc", "plan", "--socket", path)
    lines = out.splitlines()
    assert code == 0
    assert lines[:3] == [
        "2 of 3 things would be removed, 5.0 MiB of images",
        "Image file system: 91% of 100.0 GiB used; images go from 85% on, down to 80%; 11.0 GiB are to be freed",
        "Not looked at: containers and what they leave: the runtime [31m is away",
    ]
    assert [line.split("   ")[0].strip() for line in lines[4:]] == ["WOULD", "remove", "remove", "keep"]
    assert "example/old:1 (0123456789ab)" in lines[5] and lines[5].endswith("space: never seen in use")
    assert "/var/log/pods/ns_gone_u9" in lines[6]
    assert "web (abcdef012345)" in lines[7] and lines[7].endswith("the last dead one of its name is kept")
    code, out, _ = await run_cli(capsys, "gc", "plan", "-o", "json", "--socket", path)
    assert [item["kind"] for item in json.loads(out)["items"]] == ["image", "log directory", "container"]


async def test_explain_says_how_far_a_pull_is(running, capsys):
    path, view, _ = running
    spec = PodSpec(containers=(Container(name="c", image="example/app"),))
    view.all = [Pod(metadata=ObjectMeta(name="new", namespace="default", uid="u9"), spec=spec,
                    status=PodStatus(phase="Pending", pod_ip="10.88.0.6"))]
    code, out, _ = await run_cli(capsys, "explain", "new", "--socket", path)
    assert code == 0
    assert "c: its image example/app, which is being pulled: 5.0 MiB of 20.0 MiB, 0.5 MiB/s" in out
    assert "30s ago" in out


async def test_explain_answers_what_since_error_retry_and_paints_no_terminal(running, capsys):
    path, *_ = running
    code, out, _ = await run_cli(capsys, "explain", "job", "--socket", path)
    assert code == 0
    assert "Waits for:    volume config" in out and "Since:        12s ago" in out
    assert 'Last error:   configmap "absent" not found' in out and "Next retry:   in 3s" in out
    assert "FailedMount" in out and "(x3)" in out
    assert "\x1b" not in out


async def test_timeline_table_and_picture(running, capsys, tmp_path):
    path, _, timeline = running
    timeline.mark("u1", Stage.SEEN, at=NOW)
    timeline.begin("u1", Stage.SANDBOX, at=NOW + 0.010)
    timeline.end("u1", Stage.SANDBOX, at=NOW + 0.260)
    timeline.begin("u1", Stage.PULL, "c <&>", at=NOW + 0.010)
    timeline.end("u1", Stage.PULL, "c <&>", error="no such image", at=NOW + 0.110)
    timeline.mark("u1", Stage.READY, at=NOW + 1.5)
    picture = tmp_path / "start.svg"
    code, out, _ = await run_cli(capsys, "timeline", "web-1", "--svg", str(picture), "--socket", path)
    assert code == 0
    rows = {line.split()[0]: line for line in out.splitlines()[2:]}
    assert "+10 ms" in rows["sandbox"] and "250 ms" in rows["sandbox"]
    assert "!" in rows["pull"] and "no such image" in rows["pull"]
    assert "+1.50 s" in rows["ready"]
    root = ElementTree.fromstring(picture.read_text())
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "pull c <&>" in texts and "250 ms" in texts
    bars = [element for element in root.iter("{http://www.w3.org/2000/svg}rect") if element.get("rx")]
    assert len(bars) == 4


async def test_timeline_of_a_pod_of_which_nothing_is_known(running, capsys):
    path, *_ = running
    code, out, _ = await run_cli(capsys, "timeline", "web-2", "--svg", "-", "--socket", path)
    assert code == 0 and "nothing is known" in out
    ElementTree.fromstring(out)


@pytest.mark.parametrize(("output", "load"), [("json", json.loads), ("yaml", yaml.safe_load)])
@pytest.mark.parametrize("command", [["status"], ["pods"], ["explain", "web-1"], ["timeline", "web-1"]])
async def test_machine_formats_hold_the_whole_answer(running, capsys, output, load, command):
    path, *_ = running
    _, out, _ = await run_cli(capsys, *command, "-o", output, "--socket", path)
    assert load(out) == await asyncio.to_thread(ask, path, command[0], *command[1:])


@pytest.mark.parametrize(("query", "said"), [("nothing", "no pod 'nothing'"), ("web", "means several pods")])
async def test_a_name_that_means_no_one_pod(running, capsys, query, said):
    path, *_ = running
    code, _, err = await run_cli(capsys, "explain", query, "--socket", path)
    assert code == 1 and said in err and "default/web-1" in err


def test_names_that_find_a_pod():
    pods = [pod("web", "u1"), pod("web-2", "u2"), pod("web", "u3", namespace="other")]
    assert find_pod(pods, "other/web").metadata.uid == "u3"
    assert find_pod(pods, "u1").metadata.uid == "u1"
    assert find_pod(pods, "web-").metadata.uid == "u2"
    for query, error in (("web", AmbiguousPodError), ("", UnknownPodError), ("x", UnknownPodError)):
        with pytest.raises(error):
            find_pod(pods, query)


async def test_no_agent_one_clear_line(tmp_path, capsys):
    code, out, err = await run_cli(capsys, "status", "--socket", str(tmp_path / "absent.sock"))
    assert (code, out) == (1, "")
    assert err.startswith("podwright: no agent is running here") and err.count("\n") == 1
    dead = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(dead))
    code, _, err = await run_cli(capsys, "pods", "-w", "--socket", str(dead))
    assert code == 1 and "has ended" in err


async def test_something_else_behind_the_socket(tmp_path):
    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nhello")
        writer.close()
        await writer.wait_closed()

    path = str(tmp_path / "other.sock")
    async with await asyncio.start_unix_server(garbage, path):
        with pytest.raises(AskError, match="not an agent's socket"):
            await asyncio.to_thread(ask, path, "status")


async def test_socket_is_private_and_taken_over_only_from_the_dead(running, tmp_path):
    path, *_ = running
    status = await asyncio.to_thread(Path(path).stat)
    assert stat.S_IMODE(status.st_mode) == 0o600
    with pytest.raises(SocketInUseError):
        await asyncio.to_thread(listen_privately, Path(path))
    stale = tmp_path / "stale.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(stale))
    listen_privately(stale).close()
    with pytest.raises(OSError, match="longer than"):
        listen_privately(tmp_path / ("x" * 120))


async def test_a_peer_that_is_not_root_is_refused(running, monkeypatch):
    path, *_ = running
    monkeypatch.setattr("kubelet.operator.server.peer_uid", lambda _: 65534)
    with pytest.raises(AskError, match="only root"):
        await asyncio.to_thread(ask, path, "status")


def test_peer_uid_is_the_kernels_word():
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        assert peer_uid(one) == os.geteuid()


async def test_watch_shows_changes_once_and_outlives_a_restart(running, capsys):
    path, view, _ = running
    rounds = iter(range(4))

    def sleep(_: float) -> None:
        step = next(rounds)
        if step == 1:
            view.all = view.all[:1]
        if step == 3:
            raise KeyboardInterrupt

    assert await asyncio.to_thread(cli.watch, path, 0.1, sys.stdout, sleep) == 0
    out = capsys.readouterr().out
    assert out.count("NAMESPACE") == 2 and out.count("job") == 1


def test_the_command_imports_nothing_heavy():
    code = ("import sys, kubelet.operator.__main__; "
            "heavy = 'aiohttp', 'kubernetes', 'yaml', 'msgspec', 'asyncio', 'grpc'; "
            "print([name for name in heavy if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert done.stdout.strip() == "[]"
