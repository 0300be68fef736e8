"""RuntimeClass names and the runtime handlers that they stand for (KEP-585)."""

import asyncio

from kubelet.api.types import RuntimeClass
from kubelet.apiclient import paths as api_paths
from kubelet.apiclient.reflector import Reflector
from kubelet.objects.errors import MissingObjectError, ObjectError, StandaloneError
from kubelet.objects.manager import SYNC_SECONDS, ListWatcher


class RuntimeClasses:
    """A live copy of all runtime classes; `client` None is a standalone node."""

    def __init__(self, client: ListWatcher | None) -> None:
        self._reflector: Reflector[RuntimeClass] | None = (
            Reflector(client, api_paths.RUNTIME_CLASSES, RuntimeClass) if client is not None else None)

    async def run(self) -> None:
        if self._reflector is not None:
            await self._reflector.run()

    def known_handler(self, name: str) -> str | None:
        """The handler as far as it is known now; None for a class that is not."""
        if not name:
            return ""
        found = self._reflector.get(name) if self._reflector else None
        return found.handler if found else None

    async def handler(self, name: str) -> str:
        """The handler for a pod's runtimeClassName; "" is the runtime's default. Raises ObjectError."""
        if not name:
            return ""
        if self._reflector is None:
            raise StandaloneError(f"failed to lookup RuntimeClass {name}: this kubelet has no API server to ask")
        try:
            async with asyncio.timeout(SYNC_SECONDS):
                await self._reflector.synced.wait()
        except TimeoutError:
            raise ObjectError(f"failed to lookup RuntimeClass {name}: they have not been listed yet") from None
        found = self._reflector.get(name)
        if found is None:
            raise MissingObjectError("runtimeclass.node.k8s.io", name)
        return found.handler
