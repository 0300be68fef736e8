"""The recipes for kind and minikube, as far as they go without a registry: on a base image made here, on a node whose
units are minikube's."""

import asyncio
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml
from local_base import UPSTREAM_KUBELET, local_base

from conformance import images
from conformance.kubeadm.machine import cover_usr, write_unit
from conformance.throwaway import CHECKOUT, NODE_PATH, Completed, ThrowawayNode

KIND, MINIKUBE, PACKAGING = CHECKOUT / "conformance/kind", CHECKOUT / "conformance/minikube", CHECKOUT / "packaging"
BASE, TAG = "localhost/podwright/kind-base:1", "localhost/podwright/kind-node:1"
# No package index: the wheel is built with what this environment has, and dependencies are there in other ways.
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0"}


@pytest.mark.parametrize(
    "script", [KIND / "build.sh", MINIKUBE / "up.sh", MINIKUBE / "replace-kubelet.sh", PACKAGING / "install.sh"],
    ids=lambda path: path.name,
)  # fmt: skip
def test_scripts_can_be_read(script: Path) -> None:
    assert os.access(script, os.X_OK)
    subprocess.run(["sh", "-n", script], check=True)
    assert script.read_text().startswith("#!/bin/sh\n")


async def test_kind_node_image(fresh_node: ThrowawayNode) -> None:
    """The Dockerfile's steps on a base image of the same shape; the kubelet in it is ours, kind's is beside it."""
    await images.load_into_engine(fresh_node.docker_socket, [local_base(BASE)])
    environment = {
        **os.environ, **OFFLINE, "PYTHON": sys.executable, "DOCKER_BUILDKIT": "0",
        "DOCKER_HOST": f"unix://{fresh_node.docker_socket}",
    }  # fmt: skip
    offline = [f"--build-arg={name}=1" for name in ("PIP_NO_INDEX", "PIP_NO_DEPS")]
    words = [KIND / "build.sh", "--base", BASE, "--tag", TAG, "--network=none", *offline]
    build = await asyncio.create_subprocess_exec(*words, env=environment)
    assert await build.wait() == 0
    for program, answer in {
        "kubelet": "Kubernetes v1.36.3\n", "kubelet.upstream": "Kubernetes v1.36.3 (upstream)\n",
    }.items():  # fmt: skip
        docker = ["docker", "run", "--rm", "--network=none", TAG, f"/usr/bin/{program}", "--version"]
        assert (await fresh_node.run(docker)).stdout == answer


def test_kind_cluster_names_the_image_that_the_script_builds() -> None:
    cluster = yaml.safe_load((KIND / "cluster.yaml").read_text())
    assert (cluster["kind"], cluster["apiVersion"]) == ("Cluster", "kind.x-k8s.io/v1alpha4")
    built = [line for line in (KIND / "build.sh").read_text().splitlines() if line.startswith("tag=")]
    assert [f"tag={node['image']}" for node in cluster["nodes"]] == built * 2


MINIKUBE_KUBELET = "/var/lib/minikube/binaries/v1.36.3/kubelet"
MINIKUBE_DROPIN = f"""\
[Service]
Type=simple
Environment=PYTHONPATH={sysconfig.get_path("purelib")}
ExecStart=
ExecStart={MINIKUBE_KUBELET} --config=/var/lib/kubelet/config.yaml --kubeconfig=/etc/kubernetes/kubelet.conf
"""


async def test_a_kubelet_is_replaced_and_put_back(bare_node: ThrowawayNode) -> None:
    """On a node without units and kubelet; then as minikube has both; and back."""
    await cover_usr(bare_node)
    await as_root(bare_node, PACKAGING / "install.sh", "--units")
    await as_root(bare_node, "systemctl", "enable", "kubelet", "dockershim")
    assert "EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env" in await unit_text(bare_node)
    assert (await as_root(bare_node, "/usr/bin/kubelet", "--version")).stdout == "Kubernetes v1.36.3\n"
    assert (await as_root(bare_node, "dockershim", "--version")).stdout

    upstream = bare_node.path(MINIKUBE_KUBELET)
    upstream.parent.mkdir(parents=True)
    upstream.write_bytes(UPSTREAM_KUBELET)
    upstream.chmod(0o755)
    write_unit(bare_node, "kubelet.service.d/20-minikube.conf", MINIKUBE_DROPIN)
    await as_root(bare_node, MINIKUBE / "replace-kubelet.sh")
    assert (await as_root(bare_node, MINIKUBE_KUBELET, "--version")).stdout == "Kubernetes v1.36.3\n"
    assert upstream.with_name("kubelet.upstream").read_bytes() == UPSTREAM_KUBELET
    await until_logged(bare_node, "kubelet: /var/lib/kubelet/config.yaml")  # ours, and there is no such file

    bare_node.path("/usr/lib/systemd/system/kubelet.service").write_text("[Service]\nExecStart=/bin/false\n")
    await as_root(bare_node, MINIKUBE / "replace-kubelet.sh", "--undo")
    await until_logged(bare_node, "Kubernetes v1.36.3 (upstream)")
    assert upstream.read_bytes() == UPSTREAM_KUBELET
    assert "kubeadm-flags.env" not in await unit_text(bare_node)
    assert not bare_node.path("/opt/podwright").exists()
    assert not [name for name in ("kubelet", "dockershim") if os.path.lexists(bare_node.path(f"/usr/bin/{name}"))]


async def until_logged(node: ThrowawayNode, text: str) -> None:
    log = node.path("/var/log/kubelet.service.log")
    async with asyncio.timeout(30):
        while text not in log.read_text():  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.05)


async def unit_text(node: ThrowawayNode) -> str:
    return (await as_root(node, "systemctl", "cat", "kubelet")).stdout


async def as_root(node: ThrowawayNode, *words: str | Path, check: bool = True) -> Completed:
    """Run a command as a user would who has Python, and dependencies where this environment has them."""
    environment = {
        **OFFLINE, "PATH": f"{Path(sys.executable).resolve().parent}:{NODE_PATH}",
        "PYTHONPATH": sysconfig.get_path("purelib"),
    }  # fmt: skip
    return await node.run(words, env=environment, check=check, timeout=120)
