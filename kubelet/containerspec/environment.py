"""The environment of a container (pkg/kubelet/kubelet_pods.go makeEnvironmentVariables).

Order: every `envFrom` source, then `env` as declared (a later name replaces an earlier one, and may refer to all that
stand before it), then the service variables that nothing above has set. Values are text; bytes of a secret that are no
UTF-8 travel as surrogate escapes and reach the runtime unchanged.
"""

import asyncio
import base64
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from kubelet.api.meta import AnyContainer
from kubelet.api.types import ConfigMap, EnvVarSource, FileKeySelector, Pod, Secret
from kubelet.containerspec import envfile, fields
from kubelet.containerspec.context import NodeContext
from kubelet.containerspec.errors import ContainerConfigError
from kubelet.containerspec.expansion import expand, keep_unknown
from kubelet.objects.errors import MissingObjectError, ObjectError
from kubelet.syscalls import LinuxSyscalls

MAX_ENV_FILE_BYTES = 64 * 1024
"""Of an env file, this much is read (KEP-3721)."""


class ReferencedObjects(Protocol):
    """Where config maps and secrets come from. Both raise ObjectError with the user's text."""

    async def get_config_map(self, namespace: str, name: str) -> ConfigMap: ...

    async def get_secret(self, namespace: str, name: str) -> Secret: ...


class _Skip(Exception):
    """An optional source is absent: the variable is left out."""


def secret_text(encoded: str) -> str:
    """A Secret's base64 value as text; foreign bytes become surrogate escapes."""
    return base64.b64decode(encoded).decode("utf-8", "surrogateescape")


class _Environment:
    """Builds one container's environment; remembers the objects that it has read."""

    def __init__(self, pod: Pod, container: AnyContainer, *, pod_ips: Sequence[str], volumes: Mapping[str, Path],
                 objects: ReferencedObjects | None, service_env: Mapping[str, str], context: NodeContext) -> None:
        self.pod, self.container, self.context = pod, container, context
        self.pod_ips = fields.order_ips(pod_ips, context.node_ips)
        self.volumes, self.objects, self.service_env = volumes, objects, service_env
        self.values: dict[str, str] = {}
        self._config_maps: dict[str, ConfigMap] = {}
        self._secrets: dict[str, Secret] = {}

    async def build(self) -> dict[str, str]:
        for source in self.container.env_from:
            try:
                if source.config_map_ref is not None:
                    config_map = await self._config_map(source.config_map_ref.name, source.config_map_ref.optional)
                    found = config_map.data
                elif source.secret_ref is not None:
                    secret = await self._secret(source.secret_ref.name, source.secret_ref.optional)
                    found = {key: secret_text(value) for key, value in secret.data.items()}
                else:
                    continue
            except _Skip:
                continue
            self.values.update((source.prefix + key, value) for key, value in found.items())
        lookup = keep_unknown(self.values, self.service_env)
        for variable in self.container.env:
            value = variable.value
            if value:
                value = expand(value, lookup)
            elif variable.value_from is not None:
                try:
                    value = await self._resolve(variable.value_from)
                except _Skip:
                    continue
            self.values[variable.name] = value
        rest = {name: value for name, value in self.service_env.items() if name not in self.values}
        return {**self.values, **rest}

    async def _resolve(self, source: EnvVarSource) -> str:
        try:
            if source.field_ref is not None:
                return fields.runtime_field_value(self.pod, source.field_ref.field_path, self.pod_ips,
                                                  self.context.node_ips)
            if source.resource_field_ref is not None:
                return fields.resource_value(self.pod, source.resource_field_ref, self.container,
                                             self.context.allocatable)
        except fields.FieldError as error:
            raise ContainerConfigError(str(error)) from None
        if (config_ref := source.config_map_key_ref) is not None:
            config_map = await self._config_map(config_ref.name, config_ref.optional)
            return self._key("ConfigMap", config_map.data, config_ref.name, config_ref.key, config_ref.optional)
        if (secret_ref := source.secret_key_ref) is not None:
            secret = await self._secret(secret_ref.name, secret_ref.optional)
            value = self._key("Secret", secret.data, secret_ref.name, secret_ref.key, secret_ref.optional)
            return secret_text(value)
        if source.file_key_ref is not None:
            return await self._from_file(source.file_key_ref)
        return ""

    def _key(self, kind: str, data: Mapping[str, str], name: str, key: str, optional: bool | None) -> str:
        if key in data:
            return data[key]
        if optional:
            raise _Skip
        raise ContainerConfigError(f"couldn't find key {key} in {kind} {self.pod.metadata.namespace}/{name}")

    async def _config_map(self, name: str, optional: bool | None) -> ConfigMap:
        if name not in self._config_maps:
            namespace = self.pod.metadata.namespace
            if self.objects is None:
                raise ContainerConfigError(f"couldn't get configMap {namespace}/{name}, no kubeClient defined")
            try:
                self._config_maps[name] = await self.objects.get_config_map(namespace, name)
            except ObjectError as error:
                raise _absent(error, optional) from None
        return self._config_maps[name]

    async def _secret(self, name: str, optional: bool | None) -> Secret:
        if name not in self._secrets:
            namespace = self.pod.metadata.namespace
            if self.objects is None:
                raise ContainerConfigError(f"couldn't get secret {namespace}/{name}, no kubeClient defined")
            try:
                self._secrets[name] = await self.objects.get_secret(namespace, name)
            except ObjectError as error:
                raise _absent(error, optional) from None
        return self._secrets[name]

    async def _from_file(self, selector: FileKeySelector) -> str:
        volume = self.volumes.get(selector.volume_name)
        if volume is None:
            raise ContainerConfigError(f'cannot find the volume "{selector.volume_name}" referenced by FileKeyRef')
        try:
            text = await asyncio.to_thread(read_beneath, volume, selector.path)
            value = envfile.value_of(text, selector.key)
        except (OSError, envfile.EnvFileError):
            # The cause may tell about the host's files, so it is not for the pod's owner.
            raise ContainerConfigError("couldn't parse env file") from None
        if not value:
            if selector.optional:
                raise _Skip
            raise ContainerConfigError(
                f'environment variable key "{selector.key}" not found in file "{volume / selector.path}"')
        return value


def _absent(error: ObjectError, optional: bool | None) -> Exception:
    if optional and isinstance(error, MissingObjectError):
        return _Skip()
    return ContainerConfigError(str(error))


def read_beneath(directory: Path, path: str) -> str:
    """The text of a file that cannot be outside `directory`, whatever links a container has put there. Blocking."""
    base = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        descriptor = LinuxSyscalls().open_beneath(base, path, os.O_RDONLY | os.O_NONBLOCK)
    finally:
        os.close(base)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(MAX_ENV_FILE_BYTES).decode("utf-8", "surrogateescape")


async def container_environment(
    pod: Pod, container: AnyContainer, *, pod_ips: Sequence[str], volumes: Mapping[str, Path],
    objects: ReferencedObjects | None, service_env: Mapping[str, str], context: NodeContext,
) -> dict[str, str]:
    """The variables in the order in which the runtime gets them. `volumes` maps a volume's name to its directory.

    Raises ContainerConfigError with upstream's text when a source that is not optional is missing."""
    environment = _Environment(pod, container, pod_ips=pod_ips, volumes=volumes, objects=objects,
                               service_env=service_env, context=context)
    return await environment.build()
