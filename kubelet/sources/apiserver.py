"""Pods that the API server has bound to this node, mirrors of static pods included."""

import asyncio

from kubelet.api.meta import Source
from kubelet.api.types import Pod
from kubelet.apiclient import Reflector
from kubelet.apiclient.paths import PODS
from kubelet.apiclient.reflector import ListWatcher
from kubelet.sources.mux import ManifestProblem, Publish


class ApiServerSource:
    """Follows `spec.nodeName=<node>`. Waits for `ready` first where given: upstream starts once its Node is known."""

    source = Source.API

    def __init__(self, client: ListWatcher, node_name: str, *, ready: asyncio.Event | None = None) -> None:
        self._reflector = Reflector(client, PODS, Pod, field_selector=f"spec.nodeName={node_name}",
                                    on_change=self._changed)
        self._ready = ready
        self._publish: Publish | None = None

    @property
    def problem(self) -> str:
        """Why the API server cannot be followed just now; empty while it can."""
        return self._reflector.problem

    def problems(self) -> list[ManifestProblem]:
        return []

    async def run(self, publish: Publish) -> None:
        if self._ready is not None:
            await self._ready.wait()
        self._publish = publish
        await self._reflector.run()

    def _changed(self) -> None:
        if self._publish is not None:
            self._publish(self._reflector.items())
