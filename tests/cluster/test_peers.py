"""Either half works with the other side's real peers: our kubelet on containerd, our dockershim under the upstream
kubelet and under crictl; and our kubelet starts our dockershim by itself."""

import json
from pathlib import Path

import pytest
from kube import BUSYBOX, Kube, condition, container_status, is_ready, phase, pod, secret, shell, web

from conformance import builds
from conformance.agents import DOCKERSHIM_SOCKET
from conformance.cluster import Cluster
from conformance.throwaway import Completed, ThrowawayNode

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""


@pytest.mark.parametrize("agent", ["podwright-containerd", "upstream-docker", "podwright-embedded"])
async def test_pods_run_with_the_peer(agent: str) -> None:
    async with Cluster(f"peer-{agent}", agent) as cluster, cluster.client() as client:
        kube = Kube(cluster, client, "peers")
        await kube.create()
        # The kernel lets a user namespace mount a proc only where a whole one is seen, and a throw-away node's has
        # some of its settings covered.
        await cluster.node.run(["mkdir", "/run/proc"])
        await cluster.node.run(["mount", "-t", "proc", "proc", "/run/proc"])
        probe = {"httpGet": {"path": "/hostname", "port": 80}, "periodSeconds": 1}
        alive = {"exec": {"command": ["sh", "-c", "test ! -e /tmp/ill"]}, "periodSeconds": 1, "failureThreshold": 1}
        volumes = [{"name": "passwords", "secret": {"secretName": "passwords"}}]
        mounts = [{"name": "passwords", "mountPath": "/passwords"}]
        await kube.apply(
            SERVICE,
            secret("passwords", word="s3cret\n"),
            pod("web", web(readinessProbe=probe), labels={"app": "web"}, volumes=volumes,
                initContainers=[shell("init", "cat /passwords/word", volumeMounts=mounts),
                                shell("side", "trap 'exit 0' TERM; sleep 1000 & wait", restartPolicy="Always")]),
            pod("ill", shell("main", "sleep 2; touch /tmp/ill; sleep 1000", livenessProbe=alive)),
            pod("broken", shell("main", "exit 1"), restartPolicy="Never"),
            pod("mapped", shell("main", "cat /proc/self/uid_map /passwords/word; grep -c ' /proc/' /proc/mounts; true",
                                volumeMounts=mounts, securityContext={"procMount": "Unmasked"}), volumes=volumes,
                hostUsers=False, restartPolicy="Never"),
            pod("carries", shell("main", "ls /image/bin/busybox; ! touch /image/x",
                                 volumeMounts=[{"name": "tools", "mountPath": "/image"}]), restartPolicy="Never",
                volumes=[{"name": "tools", "image": {"reference": BUSYBOX, "pullPolicy": "Never"}}]),
        )  # fmt: skip
        await kube.until_pod("web", is_ready)
        # CoreDNS starts beside the test.
        until_dns = "until nslookup web.peers.svc.cluster.local >/dev/null 2>&1; do sleep 0.2; done"
        said = await kube.run("client", f"{until_dns}; wget -qO- http://web/hostname")
        assert said == "web\n"
        assert await kube.logs("web", "-c", "init") == "s3cret\n"
        await kube.until_pod("ill", lambda p: container_status(p).get("restartCount", 0) >= 1)
        await kube.until_pod("broken", lambda p: phase(p) == "Failed")
        runtime = "containerd" if agent.endswith("containerd") else "docker"
        if runtime == "containerd":
            await kube.until_pod("mapped", lambda p: phase(p) == "Succeeded")
            inside, outside, length, word, masks = (await kube.logs("mapped")).split()
            assert (inside, length, word, masks) == ("0", "65536", "s3cret", "0")
            assert int(outside) >= 65536 and int(outside) % 65536 == 0
            await kube.until_pod("carries", lambda p: phase(p) == "Succeeded")
            assert (await kube.logs("carries")).splitlines()[0] == "/image/bin/busybox"
        else:
            event = await kube.until_event("carries", "Failed")
            assert "image volumes need" in event.message, event.message
            refused = await kube.until_event("mapped", "FailedCreatePodSandBox")
            text = "can't set `spec.hostUsers: false`, runtime does not support user namespaces"
            assert refused.message == f"Failed to create pod sandbox: {text}"
        seen = await kube.get("pods/web")
        assert container_status(seen)["containerID"].startswith(f"{runtime}://")
        node = await kube.get(f"nodes/{cluster.name}")
        assert node["status"]["nodeInfo"]["containerRuntimeVersion"].startswith(f"{runtime}://")
        assert condition(node, "Ready") == "True"
        for name in ("web", "ill", "broken", "mapped", "carries"):
            await kube.delete(f"pods/{name}")
        for name in ("web", "ill", "broken", "mapped", "carries"):
            await kube.until_gone(name)


async def crictl(node: ThrowawayNode, *words: str, check: bool = True) -> Completed:
    endpoint = f"unix://{DOCKERSHIM_SOCKET}"
    program = [builds.path("crictl"), f"--runtime-endpoint={endpoint}", f"--image-endpoint={endpoint}"]
    return await node.run([*program, *words], check=check)


async def test_crictl_drives_the_dockershim() -> None:
    """A sandbox and a container from birth to removal, without any kubelet."""
    async with Cluster("peer-crictl", "podwright", cluster_dns=False) as cluster:
        node = cluster.node
        await cluster.agent.processes["kubelet"].stop()  # it would remove pods that it does not know
        assert "RuntimeName:  docker" in (await crictl(node, "version")).stdout
        info = json.loads((await crictl(node, "info")).stdout)
        assert {c["type"]: c["status"] for c in info["status"]["conditions"]} == {
            "RuntimeReady": True,
            "NetworkReady": True,
        }
        images = json.loads((await crictl(node, "images", "-o", "json")).stdout)["images"]
        assert "localhost/podwright/busybox:1" in {tag for image in images for tag in image["repoTags"]}
        pod_file = _write(node, "pod.json", {
            "metadata": {"name": "byhand", "namespace": "crictl", "uid": "crictl-1", "attempt": 1},
            "log_directory": "/var/log/pods/crictl_byhand_crictl-1", "linux": {},
        })  # fmt: skip
        container_file = _write(node, "container.json", {
            "metadata": {"name": "main"}, "image": {"image": "localhost/podwright/busybox:1"},
            "command": ["sh", "-c", "echo hello; trap 'exit 0' TERM; sleep 1000 & wait"], "log_path": "main/0.log",
            "linux": {},
        })  # fmt: skip
        await node.run(["mkdir", "-p", "/var/log/pods/crictl_byhand_crictl-1/main"])
        sandbox = (await crictl(node, "runp", pod_file)).stdout.strip()
        container = (await crictl(node, "create", sandbox, container_file, pod_file)).stdout.strip()
        await crictl(node, "start", container)
        status = json.loads((await crictl(node, "inspect", container)).stdout)["status"]
        assert status["state"] == "CONTAINER_RUNNING"
        inspected = json.loads((await crictl(node, "inspectp", sandbox)).stdout)["status"]
        assert inspected["network"]["ip"].startswith("10.244.0.")
        done = await crictl(node, "exec", "--sync", container, "sh", "-c", "echo from inside")
        assert done.stdout.strip() == "from inside"
        assert (await crictl(node, "logs", container)).stdout == "hello\n"
        assert container[:13] in (await crictl(node, "ps")).stdout
        assert (await crictl(node, "stats", "-o", "json", container)).stdout.count('"cpu"') == 1
        await crictl(node, "stop", "--timeout=5", container)
        assert json.loads((await crictl(node, "inspect", container)).stdout)["status"]["exitCode"] == 0
        await crictl(node, "rm", container)
        await crictl(node, "stopp", sandbox)
        await crictl(node, "rmp", sandbox)
        assert json.loads((await crictl(node, "pods", "-o", "json", "--name=byhand")).stdout)["items"] == []
        missing = await crictl(node, "inspect", "0123456789ab", check=False)
        assert missing.returncode != 0
        assert "NotFound" in missing.stderr


def _write(node: ThrowawayNode, name: str, content: object) -> str:
    path = Path("/run") / name
    node.path(path).write_text(json.dumps(content))
    return str(path)
