"""A registry on a node's loopback that serves images made here, under the host names that upstream's suites pull from.

    images ─▶ files of the registry's own store ─▶ docker-registry on 127.0.0.1:80 ◀─ /etc/hosts: registry.k8s.io, …

The store is written, not pushed to: no engine is needed for it, so containerd's pulls are served as well as Docker's,
and a digest is known before anything runs.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from conformance.images import Image, packed
from conformance.throwaway import NodeError, NodeProcess, ThrowawayNode

PORT = 80
ROOT = "/var/lib/registry"
START_TIMEOUT_SECONDS = 30.0

_CONFIG = f"""\
version: 0.1
log:
  level: warn
storage:
  filesystem:
    rootdirectory: {ROOT}
http:
  addr: 127.0.0.1:{PORT}
"""


def split_name(name: str) -> tuple[str, str, str]:
    """Host, repository and tag of `host/path/name:tag`."""
    host, slash, rest = name.partition("/")
    repository, colon, tag = rest.rpartition(":")
    if not (slash and colon):
        raise ValueError(f"{name!r} is not HOST/REPOSITORY:TAG")
    return host, repository, tag


def store_files(images: Iterable[Image]) -> dict[str, bytes]:
    """The files of a registry's store (distribution 2.8, driver "filesystem") that hold the images, by path."""
    files: dict[str, bytes] = {}
    for image in images:
        made = packed(image)
        for digits, blob in made.blobs.items():
            files[f"blobs/sha256/{digits[:2]}/{digits}/data"] = blob
        manifest = made.digest.removeprefix("sha256:")
        for name in image.names:
            _, repository, tag = split_name(name)
            base = f"repositories/{repository}"
            links = {f"_layers/sha256/{digits}": digits for digits in made.blobs if digits != manifest}
            for place in (f"revisions/sha256/{manifest}", f"tags/{tag}/current", f"tags/{tag}/index/sha256/{manifest}"):
                links[f"_manifests/{place}"] = manifest
            files.update({f"{base}/{place}/link": f"sha256:{digits}".encode() for place, digits in links.items()})
    return files


async def serve(node: ThrowawayNode, images: Sequence[Image]) -> NodeProcess:
    """Start a registry with these images in the node, and give the node their hosts' names. Returns when it answers."""
    hosts = sorted({split_name(name)[0] for image in images for name in image.names})
    await asyncio.to_thread(_write, node.path(f"{ROOT}/docker/registry/v2"), store_files(images))
    node.path("/etc/registry.yml").write_text(_CONFIG)
    names = node.path("/etc/hosts")
    names.write_text(names.read_text() + "".join(f"127.0.0.1 {host}\n" for host in hosts))
    process = await node.spawn(["docker-registry", "serve", "/etc/registry.yml"], name="registry")
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while (await node.run(["bash", "-c", f"</dev/tcp/127.0.0.1/{PORT}"], check=False)).returncode != 0:
        if process.returncode is not None or time.monotonic() > deadline:
            raise NodeError(f"the registry of {node.name} does not answer; its log:\n{process.tail()}")
        await asyncio.sleep(0.05)
    return process


def containerd_hosts(node: ThrowawayNode, images: Iterable[Image], directory: str) -> None:
    """Tell a containerd whose `config_path` is this directory that the images' hosts speak plain HTTP."""
    for host in {split_name(name)[0] for image in images for name in image.names}:
        file = node.path(f"{directory}/{host}/hosts.toml")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'[host."http://{host}"]\n  capabilities = ["pull", "resolve"]\n')


def _write(root: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
