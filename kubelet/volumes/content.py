"""Collects what content volumes show: config maps, secrets, fields of the pod, service-account tokens.

Reading objects is awaited; making payloads of them is pure (`payload`). Every missing source of a projected volume is
named, not only the first.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from kubelet.api.types import (
    ConfigMap,
    ConfigMapProjection,
    Pod,
    Quantity,
    Secret,
    SecretProjection,
    ServiceAccountTokenProjection,
    Volume,
    VolumeProjection,
)
from kubelet.objects.errors import MissingObjectError, ObjectError, StandaloneError
from kubelet.volumes.payload import (
    DEFAULT_MODE,
    FileEntry,
    Payload,
    config_map_payload,
    downward_payload,
    fs_user,
    secret_payload,
    token_mode,
)
from kubelet.volumes.types import UnsupportedVolumeError, VolumeError

TOKEN_SECONDS = 3600


class Objects(Protocol):
    """Where config maps and secrets come from. Both raise ObjectError with the user's text."""

    async def get_config_map(self, namespace: str, name: str) -> ConfigMap: ...

    async def get_secret(self, namespace: str, name: str) -> Secret: ...


class Tokens(Protocol):
    """Where service-account tokens come from; raises ObjectError."""

    async def token_for(self, pod: Pod, audience: str, expiration_seconds: int) -> str: ...


class ContentSource:
    """`objects` and `tokens` are None without an API server; `allocatable` is asked when a payload needs it."""

    def __init__(self, objects: Objects | None, tokens: Tokens | None,
                 allocatable: Callable[[], Mapping[str, Quantity]]) -> None:
        self._objects, self._tokens, self.allocatable = objects, tokens, allocatable

    async def collect(self, pod: Pod, volume: Volume) -> Payload:
        """The files of a configMap, secret, downwardAPI or projected volume. Raises VolumeError, ObjectError."""
        try:
            return await self._collect(pod, volume)
        except StandaloneError:
            raise _no_client(volume) from None

    async def _collect(self, pod: Pod, volume: Volume) -> Payload:
        if (config := volume.config_map) is not None:
            found = await self._config_map(pod, volume, config.name, bool(config.optional))
            return config_map_payload(found, config.items, _mode(config.default_mode), optional=bool(config.optional))
        if (secret := volume.secret) is not None:
            source = await self._secret(pod, volume, secret.secret_name, bool(secret.optional))
            return secret_payload(source, secret.items, _mode(secret.default_mode), optional=bool(secret.optional))
        if (downward := volume.downward_api) is not None:
            return downward_payload(pod, downward.items, _mode(downward.default_mode), self.allocatable())
        if volume.projected is None:
            raise UnsupportedVolumeError(f'volume "{volume.name}" is no content volume')
        payload: Payload = {}
        problems: list[str] = []
        for source_entry in volume.projected.sources:
            try:
                payload |= await self._project(pod, volume, source_entry, _mode(volume.projected.default_mode))
            except (UnsupportedVolumeError, StandaloneError):
                raise
            except (VolumeError, ObjectError) as error:
                problems.append(str(error))
        if problems:
            raise VolumeError(problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]")
        return payload

    async def _project(self, pod: Pod, volume: Volume, source: VolumeProjection, mode: int) -> Payload:
        if source.config_map is not None:
            return await self._project_config_map(pod, volume, source.config_map, mode)
        if source.secret is not None:
            return await self._project_secret(pod, volume, source.secret, mode)
        if source.downward_api is not None:
            return downward_payload(pod, source.downward_api.items, mode, self.allocatable())
        if source.service_account_token is not None:
            return await self._token(pod, volume, source.service_account_token, mode)
        kind = "clusterTrustBundle" if source.cluster_trust_bundle is not None else "podCertificate"
        raise UnsupportedVolumeError(
            f'projected volume "{volume.name}" has a source of kind {kind}, which needs a feature gate that is off')

    async def _project_config_map(self, pod: Pod, volume: Volume, source: ConfigMapProjection, mode: int) -> Payload:
        found = await self._config_map(pod, volume, source.name, bool(source.optional))
        return config_map_payload(found, source.items, mode, optional=bool(source.optional))

    async def _project_secret(self, pod: Pod, volume: Volume, source: SecretProjection, mode: int) -> Payload:
        found = await self._secret(pod, volume, source.name, bool(source.optional))
        return secret_payload(found, source.items, mode, optional=bool(source.optional))

    async def _token(self, pod: Pod, volume: Volume, source: ServiceAccountTokenProjection, mode: int) -> Payload:
        if self._tokens is None:
            raise _no_client(volume)
        token = await self._tokens.token_for(pod, source.audience, source.expiration_seconds or TOKEN_SECONDS)
        return {source.path: FileEntry(token.encode(), token_mode(pod, mode), fs_user(pod))}

    async def _config_map(self, pod: Pod, volume: Volume, name: str, optional: bool) -> ConfigMap:
        if self._objects is None:
            raise _no_client(volume)
        try:
            return await self._objects.get_config_map(pod.metadata.namespace, name)
        except MissingObjectError:
            if optional:
                return ConfigMap()
            raise

    async def _secret(self, pod: Pod, volume: Volume, name: str, optional: bool) -> Secret:
        if self._objects is None:
            raise _no_client(volume)
        try:
            return await self._objects.get_secret(pod.metadata.namespace, name)
        except MissingObjectError:
            if optional:
                return Secret()
            raise


def _mode(default: int | None) -> int:
    return DEFAULT_MODE if default is None else default


def _no_client(volume: Volume) -> UnsupportedVolumeError:
    kind = next((kind for kind, source in (("configMap", volume.config_map), ("secret", volume.secret),
                                           ("projected", volume.projected)) if source is not None), "content")
    return UnsupportedVolumeError(f"cannot setup {kind} volume {volume.name} because kube client is not configured")
