"""Keeps the API server's mirrors of static pods as the static pods are, in its own time.

A static pod's start never waits for the API server: its worker only asks for a look here. A mirror that is absent is
created, one that is being deleted or belongs to an older version of the pod is deleted first (tryReconcileMirrorPods).
What fails is tried again.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from kubelet.api.meta import PodUID, formatted, full_name, pod_uid
from kubelet.api.types import Pod
from kubelet.apiclient import ApiError
from kubelet.podmanager import PodManager
from kubelet.sources.mirror import is_mirror_of

logger = logging.getLogger(__name__)

RETRY_SECONDS = 5.0


class MirrorWriter(Protocol):
    async def create(self, static: Pod) -> bool: ...

    async def delete(self, full_name: str, uid: str | None = None) -> bool: ...


class MirrorKeeper:
    def __init__(
        self, writer: MirrorWriter, pods: PodManager, registered: asyncio.Event,
        gone: Callable[[PodUID], bool],
    ) -> None:
        """`registered`: the Node exists, mirrors belong to it; `gone`: a static pod is over and needs no mirror."""
        self._writer, self._pods, self._registered, self._gone = writer, pods, registered, gone
        self._wanted: dict[PodUID, None] = {}
        self._news = asyncio.Event()

    def reconcile(self, pod: Pod) -> None:
        """Look at this static pod's mirror soon."""
        self._wanted[pod_uid(pod)] = None
        self._news.set()

    async def delete(self, name: str, uid: PodUID) -> None:
        """Delete a mirror; one that is gone or was replaced is fine."""
        try:
            await self._writer.delete(name, uid)
        except ApiError as error:
            logger.warning("Mirror pod was not deleted, will be tried again mirror=%s err=%s", name, error)

    async def run(self) -> None:
        await self._registered.wait()
        while True:
            await self._news.wait()
            self._news.clear()
            wanted, self._wanted = self._wanted, {}
            failed = [uid for uid in wanted if not await self._look(uid)]
            if failed:
                await asyncio.sleep(RETRY_SECONDS)
                self._wanted.update(dict.fromkeys(failed))
                self._news.set()

    async def _look(self, uid: PodUID) -> bool:
        """False when it has to be tried again."""
        pod = self._pods.get(uid)
        if pod is None or self._gone(uid):
            return True
        mirror = self._pods.mirror_of(pod)
        try:
            if mirror is not None and not is_mirror_of(mirror, pod):
                logger.info("Deleting the mirror of an older version pod=%s", formatted(pod))
                await self._writer.delete(full_name(pod), mirror.metadata.uid)
                mirror = None
            return mirror is not None or await self._writer.create(pod)
        except ApiError as error:
            logger.warning("Mirror pod is not as it should be, will be tried again pod=%s err=%s",
                           formatted(pod), error)
            return False


class NoMirrors:
    """For a node without an API server."""

    def reconcile(self, pod: Pod) -> None:
        """Nothing to do."""

    async def delete(self, name: str, uid: PodUID) -> None:
        """Nothing to do."""
