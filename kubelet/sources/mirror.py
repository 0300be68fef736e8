"""Mirror pods: what the API server shows of this node's static pods.

A mirror belongs to the Node object (NodeRestriction demands it) and carries the static pod's hash, by which an old one
is told from a current one. Deleting a mirror never touches the static pod. Source: pkg/kubelet/pod/mirror_client.go.
"""

import logging
from collections.abc import Callable
from typing import Protocol, TypeVar

from msgspec.structs import replace

from kubelet.api.meta import CONFIG_HASH, CONFIG_MIRROR, is_of_version, pod_key
from kubelet.api.types import OwnerReference, Pod, PodStatus
from kubelet.apiclient import AlreadyExistsError, ApiError, ConflictError, NotFoundError
from kubelet.apiclient.paths import pod as pod_path

T = TypeVar("T")
logger = logging.getLogger(__name__)


class PodWriter(Protocol):
    """What the mirror client needs of the API client."""

    async def get(self, path: str, cls: type[T], **params: str) -> T: ...

    async def create(self, path: str, body: object, cls: type[T]) -> T: ...

    async def delete(self, path: str, *, uid: str | None = None, grace_seconds: int | None = None) -> None: ...


def mirror_of(static: Pod, node_name: str, node_uid: str) -> Pod:
    """The mirror to create for a static pod. Pure."""
    annotations = static.metadata.annotations
    owner = OwnerReference(api_version="v1", kind="Node", name=node_name, uid=node_uid, controller=True)
    return replace(static, status=PodStatus(), metadata=replace(
        static.metadata, owner_references=(owner,), uid="", resource_version="",
        annotations={**annotations, CONFIG_MIRROR: annotations.get(CONFIG_HASH, "")}))


def is_mirror_of(mirror: Pod, static: Pod) -> bool:
    """Whether the mirror shows the static pod as it is now, and is not on its way out."""
    return not mirror.metadata.deletion_timestamp and is_of_version(mirror, static)


class MirrorClient:
    """Creates and deletes mirrors. `node_uid` gives the Node's UID, empty while it is not registered."""

    def __init__(self, client: PodWriter, node_name: str, node_uid: Callable[[], str]) -> None:
        self._client, self._node_name, self._node_uid = client, node_name, node_uid

    async def create(self, static: Pod) -> bool:
        """True when a current mirror is there now; False while the Node is not registered or an old mirror of the same
        name is in the way. Raises ApiError."""
        uid = self._node_uid()
        if not uid:
            return False
        meta = static.metadata
        try:
            await self._client.create(pod_path(meta.namespace), mirror_of(static, self._node_name, uid), Pod)
        except AlreadyExistsError:
            return is_mirror_of(await self._client.get(pod_path(meta.namespace, meta.name), Pod), static)
        logger.info("created a mirror pod=%s", pod_key(static))
        return True

    async def delete(self, full_name: str, uid: str | None = None) -> bool:
        """Deletes the mirror `name_namespace`, with `uid` only if it still is that one. False when there was none."""
        name, _, namespace = full_name.rpartition("_")
        try:
            await self._client.delete(pod_path(namespace, name), uid=uid, grace_seconds=0)
        except (NotFoundError, ConflictError):
            return False
        except ApiError as error:
            logger.warning("cannot delete a mirror pod=%s/%s error=%s", namespace, name, error)
            return False
        logger.info("deleted a mirror pod=%s/%s", namespace, name)
        return True
