"""Files of a sandbox that its containers get mounted: `/etc/resolv.conf`, and `/etc/hosts` where the client gives none.

Our sandboxes have their network from CNI, so the engine is told to leave networking alone (`NetworkDisabled`), which
saves the start of a pod some 80 ms on Engine 20.10 but leaves it without these files. They live in
`<root-directory>/files/<sandbox id>/`. Sandboxes of the node's network and those that cri-dockerd made have the
engine's own files.
"""

import asyncio
import contextlib
import shutil
from collections.abc import Collection
from pathlib import Path

from cri.v1 import api_pb2 as cri
from dockershim.finished_writes import finish_in_thread

_HOSTS = """127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
"""
_TARGETS = {"resolv.conf": "/etc/resolv.conf", "hosts": "/etc/hosts"}


class SandboxFiles:
    def __init__(self, directory: Path, host_resolv_conf: Path = Path("/etc/resolv.conf")) -> None:
        self.directory = directory
        self._host_resolv_conf = host_resolv_conf

    async def write(self, sandbox_id: str, resolv_conf: str) -> None:
        """An empty `resolv_conf` means the node's own."""
        await finish_in_thread(self._write, sandbox_id, resolv_conf)

    async def restore(self, sandbox_id: str, pids: Collection[int]) -> None:
        """Lost ones, from a container of the sandbox that still has them; the node's where there is none."""
        if not await asyncio.to_thread((self.directory / sandbox_id).exists):
            await asyncio.to_thread(self._write, sandbox_id, await asyncio.to_thread(_resolv_conf_of, pids))

    def mounts(self, sandbox_id: str, given: Collection[str]) -> list[cri.Mount]:
        """Mounts to add to a container whose own mounts are at `given`. Looks at the disk."""
        return [
            cri.Mount(host_path=str(path), container_path=target)
            for name, target in _TARGETS.items()
            if target not in given and (path := self.directory / sandbox_id / name).exists()
        ]

    async def remove(self, sandbox_id: str) -> None:
        await asyncio.to_thread(shutil.rmtree, self.directory / sandbox_id, ignore_errors=True)

    async def keep_only(self, sandbox_ids: Collection[str]) -> None:
        await asyncio.to_thread(self._keep_only, frozenset(sandbox_ids))

    def _write(self, sandbox_id: str, resolv_conf: str) -> None:
        directory = self.directory / sandbox_id
        directory.mkdir(parents=True, exist_ok=True)
        if not resolv_conf:
            with contextlib.suppress(OSError):
                resolv_conf = self._host_resolv_conf.read_text()
        for name, content in (("resolv.conf", resolv_conf), ("hosts", _HOSTS)):
            path = directory / name
            path.write_text(content)
            path.chmod(0o644)

    def _keep_only(self, sandbox_ids: frozenset[str]) -> None:
        with contextlib.suppress(FileNotFoundError):
            for path in self.directory.iterdir():
                if path.name not in sandbox_ids:
                    shutil.rmtree(path, ignore_errors=True)


def _resolv_conf_of(pids: Collection[int], proc: Path = Path("/proc")) -> str:
    for pid in pids:
        with contextlib.suppress(OSError):
            return (proc / str(pid) / "root/etc/resolv.conf").read_text()
    return ""
