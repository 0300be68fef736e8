"""Bad input: each gets one clear line (what, where, what to do), never a traceback, and never stops the other pods."""

import json
import re
import sys

import pytest
import pytest_asyncio
from standalone_node import CONFIG, MANIFESTS, Standalone, configuration, manifest

from conformance.throwaway import Completed, ThrowawayNode

BAD_MANIFESTS = {
    # file → content, and what its line has to name
    "not-yaml.yaml": ("kind: Pod\n  metadata: [\n", ("line 2",)),
    "not-a-pod.yaml": ("apiVersion: v1\nkind: Service\nmetadata: {name: x}\n", ("Service",)),
    "a-list.yaml": ("- 1\n- 2\n", ()),
    "empty.yaml": ("", ()),
    "no-name.json": (json.dumps({**manifest("x"), "metadata": {"namespace": "default"}}), ("metadata.name",)),
    "no-containers.json": (json.dumps(manifest("x", containers=[])), ("spec.containers",)),
    "no-image.json": (json.dumps(manifest("x", containers=[{"name": "main"}])), ("spec.containers[0].image",)),
    "wrong-type.json": (json.dumps(manifest("x", terminationGracePeriodSeconds="soon")),
                        ("spec.terminationGracePeriodSeconds",)),
    "wrong-value.json": (json.dumps(manifest("x", restartPolicy="Sometimes")), ("spec.restartPolicy", "Sometimes")),
    "twice.json": (json.dumps(manifest("good")), ("good",)),
    "bad-mount.json": (json.dumps(manifest("x", containers=[
        {"name": "main", "image": "i", "volumeMounts": [{"name": "absent", "mountPath": "/x"}]}])),
        ("spec.containers[0].volumeMounts[0].name", "absent")),
    "binary.yaml": ("\x00\x01\x02", ()),
}  # fmt: skip


@pytest_asyncio.fixture
async def standalone(fresh_node: ThrowawayNode) -> Standalone:
    return Standalone(fresh_node)


async def test_bad_manifests_are_named_and_the_good_one_runs(standalone: Standalone) -> None:
    standalone.write("good.json", manifest("good"))
    for name, (content, _) in BAD_MANIFESTS.items():
        standalone.write(name, content)
    await standalone.start()
    await standalone.until_ready("good")
    problems = []
    for name, (_, parts) in BAD_MANIFESTS.items():
        try:
            line = await standalone.until_logged(f"{MANIFESTS}/{name}", *parts, timeout=3)
        except AssertionError:
            told = [line for line in standalone.log() if name in line]
            problems.append(f"{name}: no line names {parts}; there is {told}")
            continue
        if sum(f"{MANIFESTS}/{name}" in each for each in standalone.log()) > 2:
            problems.append(f"{name}: said again and again: {line}")
    assert problems == []
    assert not any("Traceback" in line for line in standalone.log())
    assert set(await standalone.pods()) == {"good"}
    # A pod whose manifest becomes unreadable runs on; once it is good again, what it says holds.
    before = await standalone.containers("good")
    standalone.write("good.json", "{")
    await standalone.until_logged("good.json", timeout=5)
    standalone.write("later.json", manifest("later"))
    await standalone.until_ready("later")
    assert await standalone.containers("good") == before


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        (["--no-such-flag=1"], ("--no-such-flag",)),
        (["--hostname-overide=x"], ("--hostname-overide", "--hostname-override")),
        (["--v=loud"], ("--v", "loud")),
        (["--config=/etc/absent.yaml"], ("/etc/absent.yaml",)),
        (["--kubeconfig=/etc/absent.conf"], ("/etc/absent.conf",)),
        (["--node-ip=nowhere"], ("--node-ip", "nowhere")),
    ],
    ids=lambda value: value[0].strip("-").partition("=")[0] if isinstance(value, list) else "",
)
async def test_bad_flags_are_refused_in_one_line(bare_node: ThrowawayNode, flags: list[str], parts: tuple[str]) -> None:
    _refused(await _kubelet(bare_node, *flags), *parts)


@pytest.mark.parametrize(
    ("config", "parts"),
    [
        ({"maxPods": "many"}, (CONFIG, "maxPods")),
        ({"evictionHard": ["memory"]}, (CONFIG, "evictionHard")),
        ({"syncFrequency": "soon"}, (CONFIG, "syncFrequency", "soon")),
        ({"authentication": {"webhook": {"enabled": "maybe"}}}, (CONFIG, "authentication.webhook.enabled")),
        ({"kind": "Deployment"}, (CONFIG, "Deployment")),
        ("a: [", (CONFIG, "line")),
    ],
    ids=["number", "map", "duration", "nested", "kind", "yaml"],
)
async def test_bad_configuration_is_refused_in_one_line(
    bare_node: ThrowawayNode, config: dict[str, object] | str, parts: tuple[str]
) -> None:
    text = config if isinstance(config, str) else json.dumps(configuration(**config))
    bare_node.path(CONFIG).write_text(text)
    _refused(await _kubelet(bare_node, f"--config={CONFIG}"), *parts)


async def test_a_misspelt_field_is_warned_of_and_the_node_works(standalone: Standalone) -> None:
    """As upstream, which reads a v1beta1 file leniently when it cannot read it strictly."""
    standalone.write("good.json", manifest("good"))
    await standalone.start(maxPodz=3)
    line = await standalone.until_logged("maxPodz")
    assert CONFIG in line
    assert "maxPods" in line.replace("maxPodz", "")
    await standalone.until_ready("good")


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("not a kubeconfig", ""),
        ("{", "line"),
        ('{"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": []}', "context"),
        (
            json.dumps({
                "apiVersion": "v1", "kind": "Config", "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
                "clusters": [{"name": "k", "cluster": {"server": "https://127.0.0.1:1"}}],
                "users": [{"name": "u", "user": {"client-certificate": "/etc/absent.pem", "client-key": "/etc/a.key"}}],
            }),
            "/etc/absent.pem",
        ),
    ],
    ids=["text", "yaml", "context", "certificate"],
)  # fmt: skip
async def test_unreadable_kubeconfig_is_refused_in_one_line(bare_node: ThrowawayNode, content: str, part: str) -> None:
    bare_node.path("/etc/kubernetes/bad.conf").write_text(content)
    bare_node.path(CONFIG).write_text(json.dumps(configuration()))
    done = await _kubelet(bare_node, f"--config={CONFIG}", "--kubeconfig=/etc/kubernetes/bad.conf")
    _refused(done, "/etc/kubernetes/bad.conf", part)


@pytest.mark.parametrize("server", ["absent", "garbage"])
async def test_a_cri_socket_without_a_runtime_is_named_until_one_is_there(standalone: Standalone, server: str) -> None:
    """The kubelet waits, says why in a line that is not said again and again, and works once the runtime does."""
    socket = "/run/runtime.sock"
    garbage = None
    if server == "garbage":
        garbage = await standalone.node.spawn(
            [sys.executable, "-c", GARBAGE, socket], name="garbage"
        )  # answers everything with a line of text
    standalone.write("good.json", manifest("good"))
    await standalone.start(containerRuntimeEndpoint=f"unix://{socket}")
    line = await standalone.until_logged(socket)
    assert "Traceback" not in line
    if garbage is not None:
        await garbage.stop()
        standalone.node.path(socket).unlink()
    shim = [sys.executable, "-m", "dockershim", f"--container-runtime-endpoint=unix://{socket}"]
    flags = ["--docker-endpoint=unix:///run/docker.sock", "--cni-bin-dir=/usr/lib/cni"]
    await standalone.node.spawn([*shim, *flags], name="dockershim")
    await standalone.until_ready("good")
    assert not any("Traceback" in each for each in standalone.log())
    assert len([each for each in standalone.log() if socket in each]) < 10


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (None, "/etc/cni/net.d"),
        ("{ broken", "10-podwright.conflist"),
        ('{"cniVersion": "1.0.0", "name": "x", "plugins": [{"type": "absent-plugin"}]}', "absent-plugin"),
    ],
    ids=["empty", "broken", "plugin"],
)
async def test_a_node_without_pod_network_says_why(standalone: Standalone, content: str | None, part: str) -> None:
    """Pods on the node's network run; the others wait for a configuration that works, without a restart."""
    directory = standalone.node.path("/etc/cni/net.d")
    (config,) = directory.iterdir()
    good = config.read_text()
    if content is None:
        config.unlink()
    else:
        config.write_text(content)
    standalone.write("waits.json", manifest("waits"))
    standalone.write("host.json", manifest("host", hostNetwork=True))
    await standalone.start()
    await standalone.until_ready("host")
    await standalone.until_logged(part)
    assert not (await standalone.pods())["waits"]["isReady"]
    config.write_text(good)
    await standalone.until_ready("waits", timeout=60)
    assert not any("Traceback" in line for line in standalone.log())


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        (["--no-such-flag"], ("--no-such-flag",)),
        (["--docker-endpoint=nonsense"], ("--docker-endpoint", "nonsense")),
        (["--container-runtime-endpoint=tcp://x"], ("--container-runtime-endpoint",)),
    ],
    ids=["unknown", "engine", "socket"],
)
async def test_bad_dockershim_flags_are_refused_in_one_line(
    bare_node: ThrowawayNode, flags: list[str], parts: tuple[str]
) -> None:
    _refused(await bare_node.run([sys.executable, "-m", "dockershim", *flags], check=False, timeout=20), *parts)


GARBAGE = """
import socket, sys
server = socket.socket(socket.AF_UNIX); server.bind(sys.argv[1]); server.listen()
while True:
    peer, _ = server.accept()
    try:
        peer.sendall(b"HTTP/1.0 400 I am a teapot\\r\\n\\r\\n"); peer.close()
    except OSError:
        pass
"""


INFORMATION = re.compile(r"I\d{4} |\S+ \S+ I ")


async def _kubelet(node: ThrowawayNode, *flags: str) -> Completed:
    return await node.run([sys.executable, "-m", "kubelet", *flags], check=False, timeout=20)


def _refused(done: Completed, *parts: str) -> None:
    """It ended with an error and said one thing, in which every part stands."""
    assert done.returncode != 0, done
    assert "Traceback" not in done.stderr, done.stderr
    # What it tells of itself before it reads the input at fault is no part of the complaint.
    lines = [line for line in done.stderr.splitlines() if line.strip() and not INFORMATION.match(line)]
    assert len(lines) == 1, f"not one line: {lines}"
    for part in parts:
        assert part in lines[0], f"{part!r} is not named by: {lines[0]}"
