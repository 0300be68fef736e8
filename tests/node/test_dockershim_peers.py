"""The dockershim under clients that we did not write: the upstream kubelet with static pods, and crictl."""

import json
import re

from shim_under_test import BUSYBOX, ShimUnderTest, eventually

from conformance import builds, images
from conformance.agents import kubelet_config
from conformance.throwaway import CHECKOUT, ThrowawayNode
from cri.v1 import api_pb2 as cri

MANIFEST = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "static", "namespace": "default"},
    "spec": {
        "initContainers": [
            {"name": "first", "image": BUSYBOX, "imagePullPolicy": "Never",
             "command": ["sh", "-c", "echo hi > /data/f"], "volumeMounts": [{"name": "data", "mountPath": "/data"}]},
        ],
        "containers": [
            {"name": "main", "image": BUSYBOX, "imagePullPolicy": "Never",
             "command": ["sh", "-c", "cat /data/f; trap 'exit 0' TERM; while :; do sleep 0.1; done"],
             "readinessProbe": {"exec": {"command": ["cat", "/data/f"]}, "periodSeconds": 1},
             "resources": {"limits": {"memory": "64Mi", "cpu": "100m"}},
             "securityContext": {"runAsUser": 1000, "allowPrivilegeEscalation": False,
                                 "seccompProfile": {"type": "RuntimeDefault"}},
             "volumeMounts": [{"name": "data", "mountPath": "/data"}]},
            {"name": "restarted", "image": BUSYBOX, "imagePullPolicy": "Never", "command": ["sh", "-c", "exit 1"]},
        ],
        "volumes": [{"name": "data", "emptyDir": {}}],
        "terminationGracePeriodSeconds": 5,
    },
}


async def test_the_upstream_kubelet_runs_a_static_pod(fresh_node: ThrowawayNode) -> None:
    builds.ensure(["kubelet"])
    async with ShimUnderTest(fresh_node) as shim:
        config = kubelet_config(shim.socket, embedded=False)
        config |= {
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
        }
        fresh_node.path("/var/lib/kubelet/config.yaml").write_text(json.dumps(config))
        manifests = fresh_node.path("/etc/kubernetes/manifests")
        manifests.mkdir(parents=True, exist_ok=True)
        (manifests / "static.json").write_text(json.dumps(MANIFEST))
        kubelet = await fresh_node.spawn(
            [builds.path("kubelet"), "--config=/var/lib/kubelet/config.yaml", f"--hostname-override={fresh_node.name}"],
            name="kubelet",
        )

        async def pod() -> dict[str, object] | None:
            answer = await fresh_node.run(
                ["sh", "-c", "wget -qO- --no-check-certificate https://127.0.0.1:10250/pods || true"]
            )
            items = json.loads(answer.stdout)["items"] if answer.stdout.startswith("{") else []
            if not items:
                return None
            statuses = {status["name"]: status for status in items[0]["status"].get("containerStatuses") or ()}
            ready = statuses.get("main", {}).get("ready")
            restarted = statuses.get("restarted", {}).get("restartCount", 0) >= 1
            return items[0] if ready and restarted else None

        found = await eventually(pod, f"a ready static pod; {kubelet.tail(5)}", seconds=90)
        status = found["status"]
        assert isinstance(status, dict)
        main = next(one for one in status["containerStatuses"] if one["name"] == "main")
        assert main["containerID"].startswith("docker://") and main["image"] == BUSYBOX
        assert status["podIP"].startswith("10.244.0.")
        listed = (await shim.runtime.ListContainers(cri.ListContainersRequest())).containers
        main_id = next(item.id for item in listed if item.metadata.name == "main")
        assert "F hi" in shim.log((await shim.status(main_id)).log_path)

        (manifests / "static.json").unlink()

        async def gone() -> bool | None:
            running = cri.ContainerFilter(state=cri.ContainerStateValue(state=cri.CONTAINER_RUNNING))
            left = (await shim.runtime.ListContainers(cri.ListContainersRequest(filter=running))).containers
            return None if left else True

        await eventually(gone, "the end of the removed static pod's containers", seconds=60)
        await kubelet.stop()


async def test_crictl(fresh_node: ThrowawayNode) -> None:
    builds.ensure(["crictl"])
    async with ShimUnderTest(fresh_node) as shim:

        async def crictl(*words: str) -> str:
            endpoint = f"unix://{shim.socket}"
            flags = ["--runtime-endpoint", endpoint, "--image-endpoint", endpoint, "--timeout", "60s"]
            return (await fresh_node.run([builds.path("crictl"), *flags, *words])).stdout.strip()

        metadata = {"name": "by-crictl", "namespace": "n", "uid": "u"}
        pod = {"metadata": metadata, "log_directory": "/run/crictl-logs", "linux": {}}
        container = {
            "metadata": {"name": "c"}, "image": {"image": BUSYBOX}, "log_path": "c.log", "linux": {},
            "command": ["sh", "-c", "echo said; sleep 1000"],
        }
        fresh_node.path("/run/pod.json").write_text(json.dumps(pod))
        fresh_node.path("/run/container.json").write_text(json.dumps(container))
        sandbox_id = await crictl("runp", "/run/pod.json")
        container_id = await crictl("create", sandbox_id, "/run/container.json", "/run/pod.json")
        await crictl("start", container_id)
        assert "by-crictl" in await crictl("pods")
        assert container_id[:12] in await crictl("ps", "--pod", sandbox_id[:10])
        assert await crictl("exec", "-s", container_id, "echo", "inside") == "inside"
        assert (await crictl("logs", container_id)) == "said"
        assert json.loads(await crictl("inspect", container_id[:12]))["status"]["state"] == "CONTAINER_RUNNING"
        assert json.loads(await crictl("info"))["status"]["conditions"][0]["status"] is True
        assert container_id[:12] in await crictl("stats")
        assert "busybox" in await crictl("images")
        await crictl("stopp", sandbox_id)
        await crictl("rmp", sandbox_id)
        assert container_id[:12] not in await crictl("ps", "-a")


MIRROR = """\
version: 0.1
storage: {filesystem: {rootdirectory: /var/lib/registry}}
http: {addr: "127.0.0.1:5000"}
"""
HOW_TO_IMAGE = "library/busybox:stable"


def how_to(page: str) -> tuple[dict[str, str], list[str]]:
    """The files and the commands of the page's part "With crictl"; a `cat FILE` is followed by the file."""
    block = re.search(r"^### With crictl$.*?^```console\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert block
    files: dict[str, str] = {}
    commands: list[str] = []
    for line in block[1].splitlines():
        if line.startswith("$ "):
            commands.append(line.removeprefix("$ ").partition("  #")[0].rstrip())
        elif commands[-1].startswith("cat "):
            name = commands[-1].removeprefix("cat ")
            files[name] = files.get(name, "") + line + "\n"
    return files, commands


async def test_the_how_to_of_the_docs() -> None:
    """As it is written: the commands are typed into a shell one by one; images come from a mirror of Docker Hub's."""
    builds.ensure(["crictl"])
    files, commands = how_to((CHECKOUT / "docs/dockershim.md").read_text())
    async with ThrowawayNode("node-test-how-to", engine_args=["--registry-mirror=http://127.0.0.1:5000"]) as node:
        await node.write_cni()
        await images.load_into_engine(node.docker_socket, images.node_images())
        node.path("/etc/mirror.yml").write_text(MIRROR)
        await node.spawn(["docker-registry", "serve", "/etc/mirror.yml"], name="mirror")
        await node.run(["docker", "tag", BUSYBOX, f"127.0.0.1:5000/{HOW_TO_IMAGE}"])

        async def pushed() -> bool | None:
            done = await node.run(["docker", "push", f"127.0.0.1:5000/{HOW_TO_IMAGE}"], check=False)
            return done.returncode == 0 or None

        await eventually(pushed, "the image in the mirror")
        async with ShimUnderTest(node) as shim:
            node.path("/run/dockershim.sock").symlink_to(shim.socket)
            done = await node.run(["sh", "-c", script_of(files, commands)],
                                  env={"PATH": f"{builds.path('crictl').parent}:/usr/sbin:/usr/bin:/sbin:/bin"})
            parts = dict(zip(commands, done.stdout.split(MARK)[1:], strict=True))
            info = next(text for command, text in parts.items() if command.startswith("crictl info"))
            assert json.loads(info)["status"]["conditions"][0]["status"] is True
            assert parts["crictl logs $container"].strip() == "hello"
            shell = next(text for command, text in parts.items() if command.startswith("crictl exec"))
            assert "inside-a-terminal" in shell
            assert "main" in parts["crictl stats; crictl statsp; crictl metricsp"]
            assert not (await shim.runtime.ListPodSandbox(cri.ListPodSandboxRequest())).items


MARK = "=-=-="


def script_of(files: dict[str, str], commands: list[str]) -> str:
    """What is interactive gets a terminal, and a user who types one line."""
    lines = ["set -e", 'cd "$(mktemp -d)"']
    lines += [f"cat >{name} <<'END'\n{content}END" for name, content in files.items()]
    for command in commands:
        typed = command
        if " -it " in command:
            typed = f"echo 'tty >/dev/null && echo inside-a-terminal; exit' | script -qec \"{command}\" /dev/null"
        lines += [f"printf '%s' '{MARK}'", typed]
    return "\n".join(lines)
