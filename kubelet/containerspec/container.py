"""A container of a Pod as CRI's ContainerConfig (pkg/kubelet/kuberuntime/kuberuntime_container.go)."""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cri.v1 import api_pb2 as cri
from kubelet import paths
from kubelet.api.meta import AnyContainer, is_static
from kubelet.api.types import Pod
from kubelet.containerspec.context import NodeContext
from kubelet.containerspec.environment import ReferencedObjects, container_environment
from kubelet.containerspec.errors import ContainerConfigError
from kubelet.containerspec.expansion import expand, keep_unknown
from kubelet.containerspec.labels import container_annotations, container_labels
from kubelet.containerspec.linux_resources import container_resources
from kubelet.containerspec.mounts import ContainerFiles, plan_mounts
from kubelet.containerspec.security import ImageUser, container_security, verify_non_root
from kubelet.devices.runoptions import NO_DEVICES, DeviceOptions
from kubelet.syscalls import LinuxSyscalls, Syscalls
from kubelet.volumes.types import MountedVolume

SERVICE_WAIT_SECONDS = 5.0
"""How long a container waits for the first list of services before its start counts as failed."""


class ServiceEnvironment(Protocol):
    """Where the variables of services come from."""

    async def synced(self) -> None: ...

    def env_for(self, namespace: str, enable_service_links: bool) -> dict[str, str]: ...


@dataclass(frozen=True, slots=True)
class ContainerInputs:
    """What one start of a container depends on, besides Pod and node.

    `image_ref` is what the runtime calls the image, `image_user` who it runs as; `target_id` the container whose PID
    namespace an ephemeral container joins; `objects` and `services` are None without an API server."""

    restart_count: int
    image_ref: str
    image_user: ImageUser = field(default_factory=ImageUser)
    pod_ips: Sequence[str] = ()
    volumes: Mapping[str, MountedVolume] = field(default_factory=dict)
    image_volumes: Mapping[str, cri.ImageSpec] = field(default_factory=dict)
    """The images of those volumes that are images."""
    objects: ReferencedObjects | None = None
    services: ServiceEnvironment | None = None
    runtime_handler: str = ""
    target_id: str = ""
    users: cri.UserNamespace | None = None
    """The pod's own user namespace, if it has one."""
    devices: DeviceOptions = NO_DEVICES
    """What device plugins say that the container needs."""


async def container_config(
    pod: Pod, container: AnyContainer, inputs: ContainerInputs, context: NodeContext, *,
    syscalls: Syscalls | None = None, new_message_id: Callable[[], str] = lambda: secrets.token_hex(4),
) -> cri.ContainerConfig:
    """The request. Makes what it names on disk: log directory, hosts file, subPath mounts, message file.

    Raises ContainerConfigError; nothing needs undoing then, the next try finds and reuses what is there."""
    service_env = await _service_env(pod, inputs.services)
    pod_ips = inputs.pod_ips or (context.node_ips if pod.spec.host_network else ())
    env = await container_environment(
        pod, container, pod_ips=pod_ips, objects=inputs.objects, service_env=service_env, context=context,
        volumes={name: volume.host_path for name, volume in inputs.volumes.items()})
    planned = plan_mounts(container, inputs.volumes, env,
                          recursive_read_only=inputs.runtime_handler in context.recursive_read_only_handlers)
    verify_non_root(pod, container, inputs.image_user)
    security = container_security(pod, container, inputs.image_user, context, inputs.target_id, inputs.users)
    files = ContainerFiles(pod, container, context, syscalls or LinuxSyscalls())
    mounts = await asyncio.to_thread(files.make, planned, pod_ips, new_message_id(), inputs.image_volumes)
    if inputs.users is not None:
        for mount in mounts:
            mount.uidMappings.extend(inputs.users.uids)
            mount.gidMappings.extend(inputs.users.gids)
    devices = inputs.devices
    env = {**devices.envs, **env}
    lookup = keep_unknown(env)
    return cri.ContainerConfig(
        metadata=cri.ContainerMetadata(name=container.name, attempt=inputs.restart_count),
        image=cri.ImageSpec(image=inputs.image_ref, user_specified_image=container.image),
        command=[expand(word, lookup) for word in container.command],
        args=[expand(word, lookup) for word in container.args],
        working_dir=container.working_dir,
        envs=[cri.KeyValue(key=name, value=value.encode("utf-8", "surrogateescape")) for name, value in env.items()],
        mounts=[*_device_mounts(devices), *mounts],
        devices=[
            cri.Device(host_path=node.host_path, container_path=node.container_path, permissions=node.permissions)
            for node in devices.devices
        ],
        CDI_devices=[cri.CDIDevice(name=name) for name in devices.cdi_devices],
        labels=container_labels(pod, container),
        annotations={**devices.annotations, **container_annotations(pod, container, inputs.restart_count)},
        log_path=paths.container_log_path(container.name, inputs.restart_count),
        stdin=bool(container.stdin), stdin_once=bool(container.stdin_once), tty=bool(container.tty),
        stop_signal=_stop_signal(container) if context.stop_signals else cri.RUNTIME_DEFAULT,
        linux=cri.LinuxContainerConfig(resources=container_resources(pod, container, context),
                                       security_context=security),
    )


def _device_mounts(devices: DeviceOptions) -> list[cri.Mount]:
    return [
        cri.Mount(container_path=mount.container_path, host_path=mount.host_path, readonly=mount.read_only)
        for mount in devices.mounts
    ]


async def _service_env(pod: Pod, services: ServiceEnvironment | None) -> dict[str, str]:
    """A static pod may have to run before there are services; any other pod waits for the first list."""
    if services is None:
        return {}
    if not is_static(pod):
        try:
            async with asyncio.timeout(SERVICE_WAIT_SECONDS):
                await services.synced()
        except TimeoutError:
            raise ContainerConfigError(
                "services have not yet been read at least once, cannot construct envvars") from None
    links = pod.spec.enable_service_links
    return services.env_for(pod.metadata.namespace, True if links is None else links)


def _stop_signal(container: AnyContainer) -> cri.Signal.ValueType:
    name = container.lifecycle.stop_signal if container.lifecycle is not None else ""
    if not name:
        return cri.RUNTIME_DEFAULT
    try:
        return cri.Signal.Value(name)
    except ValueError:
        raise ContainerConfigError(f'invalid stop signal "{name}" of container {container.name}') from None
