"""Config maps and secrets: a live copy of exactly those that pods of this node refer to.

    register_pod ─▶ one reflector per object (field selector metadata.name) ─▶ get_*   (waits for the first list)
                                       └─ changed ─▶ on_change(pods that refer to it)

The Node authorizer lets a kubelet read an object only through a watch of that one name, and only while a pod that
refers to it is bound to the node; so there is no watch of everything. An immutable object is watched until it is read.
Source: pkg/kubelet/util/manager/watch_based_manager.go.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from kubelet.api.meta import PodUID, pod_uid
from kubelet.api.types import ConfigMap, Pod, Secret
from kubelet.apiclient import paths as api_paths
from kubelet.apiclient.client import Listing
from kubelet.apiclient.reflector import HasMetadata, Reflector
from kubelet.apiclient.watch import WatchEvent
from kubelet.objects.errors import MissingObjectError, ObjectError, StandaloneError
from kubelet.objects.references import ObjectKey, ObjectKind, references_of

logger = logging.getLogger(__name__)

SYNC_SECONDS = 5.0
"""How long a reader waits for an object's first list."""
T = TypeVar("T", bound=HasMetadata)


class ListWatcher(Protocol):
    """What is needed of the API client."""

    async def list(self, path: str, cls: type[T], **params: str) -> Listing[T]: ...

    async def newest_version(self, path: str, **params: str) -> str: ...

    def watch(self, path: str, cls: type[T], *, resource_version: str,
              **params: str) -> AsyncIterator[WatchEvent[T]]: ...


@dataclass
class _Followed:
    """One object that is referred to. `seen` is the version that readers were last told of."""

    key: ObjectKey
    reflector: Reflector[Any]
    users: set[PodUID] = field(default_factory=set)
    task: "asyncio.Task[None] | None" = None
    seen: str | None = None


class ObjectManager:
    """`on_change` gets the pods that refer to an object which appeared, changed or went; it must not block.

    `client` is None on a standalone node: then nothing is followed and every read says so."""

    def __init__(self, client: ListWatcher | None, on_change: Callable[[set[PodUID]], None] = lambda _: None) -> None:
        self._client, self._on_change = client, on_change
        self._followed: dict[ObjectKey, _Followed] = {}
        self._by_pod: dict[PodUID, set[ObjectKey]] = {}
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Owns the watches; until it runs, registered objects wait."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                for followed in self._followed.values():
                    self._start(followed)
                await asyncio.Event().wait()
            finally:
                self._group = None

    def register_pod(self, pod: Pod) -> None:
        """The pod is here, or has changed: follow what it refers to now."""
        uid, wanted = pod_uid(pod), references_of(pod)
        before = self._by_pod.get(uid, set())
        for key in wanted - before:
            followed = self._followed.get(key)
            if followed is None:
                followed = self._followed[key] = self._follow(key)
                self._start(followed)
            followed.users.add(uid)
        self._by_pod[uid] = wanted
        for key in before - wanted:
            self._drop(key, uid)

    def unregister_pod(self, pod: Pod) -> None:
        uid = pod_uid(pod)
        for key in self._by_pod.pop(uid, set()):
            self._drop(key, uid)

    async def get_config_map(self, namespace: str, name: str) -> ConfigMap:
        """Raises MissingObjectError, ObjectError."""
        found = await self._get(ObjectKey(ObjectKind.CONFIG_MAP, namespace, name))
        if not isinstance(found, ConfigMap):
            raise MissingObjectError(ObjectKind.CONFIG_MAP, name)
        return found

    async def get_secret(self, namespace: str, name: str) -> Secret:
        """Raises MissingObjectError, ObjectError."""
        found = await self._get(ObjectKey(ObjectKind.SECRET, namespace, name))
        if not isinstance(found, Secret):
            raise MissingObjectError(ObjectKind.SECRET, name)
        return found

    async def pull_secrets(self, pod: Pod) -> tuple[list[Secret], list[str]]:
        """The pod's image pull secrets, and the names of those that cannot be had (they only deserve a warning)."""
        found, missing = [], []
        for reference in pod.spec.image_pull_secrets:
            try:
                found.append(await self.get_secret(pod.metadata.namespace, reference.name))
            except ObjectError as error:
                logger.info("cannot read an image pull secret: %s name=%s/%s", error, pod.metadata.namespace,
                            reference.name)
                missing.append(reference.name)
        return found, missing

    async def _get(self, key: ObjectKey) -> ConfigMap | Secret | None:
        if self._client is None:
            kind = "configMap" if key.kind is ObjectKind.CONFIG_MAP else key.kind
            raise StandaloneError(f"couldn't get {kind} {key.namespace}/{key.name}, no kubeClient defined")
        followed = self._followed.get(key)
        if followed is None:
            raise ObjectError(f'object "{key.namespace}"/"{key.name}" not registered')
        try:
            async with asyncio.timeout(SYNC_SECONDS):
                await followed.reflector.synced.wait()
        except TimeoutError:
            detail = f": {followed.reflector.problem}" if followed.reflector.problem else ""
            raise ObjectError(
                f"failed to sync {key.kind} cache: timed out waiting for the condition{detail}") from None
        return _found(followed)

    def _follow(self, key: ObjectKey) -> _Followed:
        cls: type[Any] = ConfigMap if key.kind is ObjectKind.CONFIG_MAP else Secret
        path = (api_paths.config_map if key.kind is ObjectKind.CONFIG_MAP else api_paths.secret)(key.namespace)
        client: Any = self._client
        reflector: Reflector[Any] = Reflector(client, path, cls, field_selector=f"metadata.name={key.name}",
                                              on_change=lambda: self._changed(key))
        return _Followed(key, reflector)

    def _start(self, followed: _Followed) -> None:
        if self._group is not None and self._client is not None and followed.task is None:
            followed.task = self._group.create_task(followed.reflector.run(), name=f"follow {'/'.join(followed.key)}")

    def _drop(self, key: ObjectKey, uid: PodUID) -> None:
        followed = self._followed.get(key)
        if followed is None:
            return
        followed.users.discard(uid)
        if not followed.users:
            del self._followed[key]
            if followed.task is not None:
                followed.task.cancel()

    def _changed(self, key: ObjectKey) -> None:
        """Called by the reflector from within its own task."""
        followed = self._followed.get(key)
        if followed is None:
            return
        found = _found(followed)
        version = f"{found.metadata.uid}/{found.metadata.resource_version}" if found is not None else ""
        first, changed = followed.seen is None, followed.seen != version
        followed.seen = version
        if found is not None and found.immutable and followed.task is not None:
            followed.task.cancel()
        if changed and not first:
            self._on_change(set(followed.users))


def _found(followed: _Followed) -> ConfigMap | Secret | None:
    found: ConfigMap | Secret | None = followed.reflector.get(f"{followed.key.namespace}/{followed.key.name}")
    return found
