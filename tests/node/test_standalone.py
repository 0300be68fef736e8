"""The kubelet on its own: no API server, pods from manifests in a directory, the dockershim as its child."""

import asyncio
import json
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest_asyncio
from standalone_node import MANIFESTS, ROOT, WAIT, Standalone, manifest

from conformance.throwaway import CHECKOUT, ThrowawayNode


@pytest_asyncio.fixture
async def standalone(fresh_node: ThrowawayNode) -> Standalone:
    return Standalone(fresh_node)


async def test_the_examples_run(standalone: Standalone) -> None:
    for example in Path(CHECKOUT / "examples").glob("*.yaml"):
        shutil.copy(example, standalone.node.path(MANIFESTS))
    await standalone.start()
    pods = await standalone.until(
        lambda p: all(p.get(n, {}).get("isReady") for n in ("web", "pipeline")) and p["job"]["phase"] == "Succeeded"
    )
    page = await standalone.node.run(["busybox", "wget", "-qO-", f"http://{pods['web']['ip']}:8080/"])
    assert "this page comes from a pod" in page.stdout
    healthy = await standalone.node.run(["busybox", "wget", "-qO-", "http://127.0.0.1:10248/healthz"])
    assert healthy.stdout == "ok"


async def test_manifests_come_change_and_go(standalone: Standalone) -> None:
    standalone.write("one.json", manifest("one", f"echo first; {WAIT}"))
    await standalone.start()
    await standalone.until_ready("one")
    first = await standalone.containers("one")
    standalone.write("two.yaml", json.dumps(manifest("two")))  # JSON is YAML
    await standalone.until_ready("two")
    assert await standalone.containers("one") == first
    standalone.write("one.json", manifest("one", f"echo second; {WAIT}"))
    await standalone.until(lambda p: p.get("one", {}).get("isReady") and _log_of(standalone, "one") == ["second"])
    assert not set(first) & set(await standalone.containers("one"))
    standalone.remove("one.json")
    standalone.remove("two.yaml")
    await standalone.until(lambda p: not p)
    deadline = time.monotonic() + 10
    while (left := await standalone.node.run(["docker", "ps", "-a"])).stdout.count("\n") > 1:
        assert time.monotonic() < deadline, left.stdout
    while directories := list(standalone.node.path(f"{ROOT}/pods").iterdir()):
        assert time.monotonic() < deadline, directories
        await asyncio.sleep(0.1)
    leases = standalone.node.path("/var/lib/cni/networks/podwright").glob("10.*")
    assert list(leases) == []


async def test_pods_outlive_the_kubelet(standalone: Standalone) -> None:
    standalone.write("one.json", manifest("one"))
    await standalone.start()
    await standalone.until_ready("one")
    before = await standalone.containers("one")
    for number in (signal.SIGTERM, signal.SIGKILL):
        standalone.process.signal(number)
        await standalone.process.wait(20)
        assert await standalone.containers("one") == before
        await standalone.start()
        await standalone.until_ready("one")
        assert await standalone.containers("one") == before
    assert (await standalone.pods())["one"]["restarts"] == 0


async def test_the_dockershim_is_started_again(standalone: Standalone) -> None:
    standalone.write("one.json", manifest("one"))
    await standalone.start()
    await standalone.until_ready("one")
    before = await standalone.containers("one")
    found = await standalone.node.run(["pgrep", "-f", "python.* -m dockershim"])
    await standalone.node.run(["kill", "-KILL", *found.stdout.split()])
    standalone.write("two.json", manifest("two"))
    await standalone.until_ready("two")
    assert await standalone.containers("one") == before
    # And it goes with the kubelet, so that two of them never serve one socket.
    standalone.process.kill()
    await standalone.process.wait(20)
    await standalone.node.run(["sh", "-c", "while pgrep -f 'python.* -m dockershim$' >/dev/null; do sleep 0.05; done"])


async def test_what_a_pod_cannot_have_without_an_api_server_is_said(standalone: Standalone) -> None:
    """As upstream, a manifest that needs the API is refused; the line names the file and the field."""
    volumes = [{"name": "v", "configMap": {"name": "settings"}}]
    standalone.write("needs.json", manifest("needs", volumes=volumes))
    standalone.write("one.json", manifest("one"))
    await standalone.start()
    await standalone.until_ready("one")
    await standalone.until_logged(f"{MANIFESTS}/needs.json", "spec.volumes[0]", timeout=3)
    assert set(await standalone.pods()) == {"one"}
    assert not any("Traceback" in line for line in standalone.log())


def _log_of(standalone: Standalone, pod: str) -> list[str]:
    """What the newest container of a pod has written."""
    files = standalone.node.path("/var/log/pods").glob(f"default_{pod}-*/main/*.log")
    newest = max(files, key=lambda f: f.stat().st_mtime, default=None)
    return [] if newest is None else [line.split(" ", 3)[3] for line in newest.read_text().splitlines()]


async def test_what_garbage_collection_would_do_is_shown_beforehand(standalone: Standalone) -> None:
    standalone.write("one.json", manifest("one"))
    await standalone.start("--image-gc-protect=*/pause*", "--image-gc-pulled-only")
    await standalone.until_ready("one")
    words = [sys.executable, "-m", "kubelet.operator", "gc", "plan"]
    told = json.loads((await standalone.node.run([*words, "-o", "json"])).stdout)
    assert told["problems"] == []
    assert 0 <= told["disk_used_percent"] <= 100
    reasons = {(item["kind"], item["reason"]) for item in told["items"]}
    assert {
        ("container", "it is running"), ("sandbox", "it is ready"), ("log directory", "its pod exists"),
        ("image", "in use by a container"),
    } <= reasons
    images = {item["name"]: item["reason"] for item in told["items"] if item["kind"] == "image"}
    unused = {reason for name, reason in images.items() if reason != "in use by a container"}
    assert unused <= {"pinned by the runtime", "protected by '*/pause*'", "not pulled by the kubelet"}
    assert "not pulled by the kubelet" in unused
    page = (await standalone.node.run(words)).stdout.splitlines()
    assert page[0] == f"0 of {len(told['items'])} things would be removed"
    assert await standalone.containers("one")
