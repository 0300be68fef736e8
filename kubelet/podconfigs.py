"""The executor's view of a Pod as CRI wants it: sandbox and container configs, runtime handler, images.

Joins the pure translation (kubelet.containerspec) with what it needs from elsewhere: the node's resolv.conf,
volumes, objects, services, pull secrets. Implements SandboxConfigs and Images of executor.sync, and ContainerConfigs of
executor.start.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from cri.v1 import api_pb2 as cri
from kubelet.api.meta import AnyContainer, pod_reference, pod_uid
from kubelet.api.types import NodeRuntimeHandler, ObjectReference, Pod, Secret
from kubelet.containerspec import (
    ContainerConfigError,
    ContainerInputs,
    NodeContext,
    ServiceEnvironment,
    container_config,
    sandbox_config,
)
from kubelet.containerspec.dns import ResolvConf, ResolvConfError, check_host_limits, parse_resolv_conf
from kubelet.containerspec.errors import SandboxConfigError
from kubelet.containerspec.linux_resources import container_resources, sandbox_resources
from kubelet.containerspec.security import ImageUser
from kubelet.devices.manager import DeviceError, DeviceManager
from kubelet.events import EventRecorder
from kubelet.executor.start import ContainerToStart, ImageOutcome, Instance, Sandbox
from kubelet.images import ImageError, ImageManager, ImageRequest, PulledImage
from kubelet.objects import ObjectError, ObjectManager, RuntimeClasses
from kubelet.timeline import Stage, Timeline
from kubelet.userns import UserNamespaces, UserNamespacesError
from kubelet.volumes.manager import VolumeManager

logger = logging.getLogger(__name__)


class PodConfigs:
    def __init__(
        self, context: Callable[[], NodeContext], volumes: VolumeManager, images: ImageManager,
        cgroup_parent: Callable[[Pod], str], recorder: EventRecorder, timeline: Timeline,
        objects: ObjectManager, services: ServiceEnvironment | None, runtime_classes: RuntimeClasses,
        node: Callable[[], ObjectReference], user_namespaces: UserNamespaces,
        handlers: Callable[[], Sequence[NodeRuntimeHandler]], devices: DeviceManager,
    ) -> None:
        """`handlers`: those of the runtime, with what each can do."""
        self._devices = devices
        self._user_namespaces, self._handlers = user_namespaces, handlers
        self._context, self._volumes, self._images = context, volumes, images
        self._cgroup_parent, self._recorder, self._timeline = cgroup_parent, recorder, timeline
        self._objects, self._services, self._runtime_classes, self._node = objects, services, runtime_classes, node

    def sandbox(self, pod: Pod, attempt: int) -> cri.PodSandboxConfig:
        """Raises SandboxConfigError."""
        context = self._context()
        config, warnings = sandbox_config(
            pod, attempt, context, host_dns=_host_dns(context), cgroup_parent=self._cgroup_parent(pod),
            users=self._user_namespaces.mapping(pod_uid(pod)),
        )
        for warning in warnings:
            about = self._node() if warning.about_node else pod_reference(pod)
            self._recorder.event(about, "Warning", warning.reason, warning.message)
        return config

    def resources(self, pod: Pod, container: AnyContainer) -> cri.LinuxContainerResources:
        """What UpdateContainerResources is told."""
        return container_resources(pod, container, self._context())

    def pod_resources(self, pod: Pod) -> tuple[cri.LinuxContainerResources, cri.LinuxContainerResources]:
        """What UpdatePodSandboxResources is told: the pod's own, and its overhead."""
        return sandbox_resources(pod, self._context())

    async def check_host_dns(self) -> None:
        """Once at the start: whether the node's own resolv.conf exceeds what resolvers take (an event of the node)."""
        context = self._context()
        if context.resolv_conf is None:
            return
        try:
            text = await asyncio.to_thread(context.resolv_conf.read_text)
        except OSError as error:
            logger.warning("the node's resolv.conf cannot be read path=%s error=%s", context.resolv_conf, error)
            return
        if (warning := check_host_limits(context, text)) is not None:
            self._recorder.event(self._node(), "Warning", warning.reason, warning.message)

    async def runtime_handler(self, pod: Pod) -> str:
        """Raises SandboxConfigError for a RuntimeClass that cannot be had."""
        name, handler = pod.spec.runtime_class_name, ""
        if name:
            try:
                handler = await self._runtime_classes.handler(name)
            except ObjectError as error:
                raise SandboxConfigError(f"failed to get RuntimeClass {name!r}: {error}") from None
        if pod.spec.host_users is False:
            require_user_namespaces(handler, self._handlers())
            try:
                await asyncio.to_thread(self._user_namespaces.claim, pod_uid(pod))
            except UserNamespacesError as error:
                raise SandboxConfigError(str(error)) from None
        return handler

    async def container(
        self, pod: Pod, item: ContainerToStart, sandbox: Sandbox, instance: Instance, image: PulledImage,
        target_id: str,
    ) -> cri.ContainerConfig:
        try:
            devices = await self._devices.options(pod, item.container)
        except DeviceError as error:
            raise ContainerConfigError(str(error)) from None
        return await container_config(
            pod, item.container,
            ContainerInputs(
                restart_count=instance.restart_count, image_ref=image.image_ref,
                image_volumes=image.volumes, image_user=ImageUser(uid=image.uid, username=image.username),
                pod_ips=sandbox.ips, volumes=self._volumes.mounted(pod_uid(pod)), objects=self._objects,
                services=self._services,
                runtime_handler=sandbox.handler, target_id=target_id,
                users=self._user_namespaces.mapping(pod_uid(pod)), devices=devices,
            ),
            self._context(), new_message_id=lambda: instance.message_id,
        )

    def is_told_of_starts(self, item: ContainerToStart) -> bool:
        return self._devices.uses_devices(item.container)

    async def image(
        self, pod: Pod, item: ContainerToStart, sandbox: cri.PodSandboxConfig, handler: str
    ) -> ImageOutcome:
        name, uid = item.container.name, pod_uid(pod)
        self._timeline.begin(uid, Stage.PULL, detail=name)
        error = ""
        try:
            own = ImageRequest(
                pod=pod, kind=item.kind, container=name, image=item.container.image,
                policy=item.container.image_pull_policy, pull_secrets=await self._pull_secrets(pod),
                sandbox_config=sandbox, runtime_handler=handler,
            )
            pulled = await self._images.ensure(own)
            return replace(pulled, volumes=await self._image_volumes(own, item.container))
        except ImageError as failure:
            error = str(failure)
            return failure
        finally:
            self._timeline.end(uid, Stage.PULL, detail=name, error=error)

    async def _image_volumes(self, own: ImageRequest, container: AnyContainer) -> dict[str, cri.ImageSpec]:
        """The images that the container mounts, by volume name. Raises ImageError."""
        mounted, found = {mount.name for mount in container.volume_mounts}, {}
        for volume in own.pod.spec.volumes:
            if (source := volume.image) is None or volume.name not in mounted:
                continue
            pulled = await self._images.ensure(
                replace(own, container="", image=source.reference, policy=source.pull_policy))
            found[volume.name] = cri.ImageSpec(
                image=pulled.image_ref, user_specified_image=source.reference, runtime_handler=own.runtime_handler,
                annotations=own.pod.metadata.annotations,
            )
        return found

    async def _pull_secrets(self, pod: Pod) -> list[Secret]:
        """Those that can be had; the names of the others are told in an event, the pull is tried all the same."""
        if not pod.spec.image_pull_secrets:
            return []
        secrets, missing = await self._objects.pull_secrets(pod)
        if missing:
            self._recorder.event(
                pod_reference(pod), "Warning", "FailedToRetrieveImagePullSecret",
                f"Unable to retrieve some image pull secrets ({', '.join(missing)}); "
                "attempting to pull the image may not succeed.",
            )
        return secrets


def require_user_namespaces(handler: str, handlers: Sequence[NodeRuntimeHandler]) -> None:
    """Raises SandboxConfigError, with upstream's text, unless the handler gives pods user namespaces of their own."""
    found = next((one for one in handlers if one.name == handler), None)
    if found is not None and found.features is not None and found.features.user_namespaces:
        return
    who = f'RuntimeClass handler "{handler}"' if handler else "runtime"
    unknown = f': the handler "{handler}" is not known' if handlers and found is None else ""
    raise SandboxConfigError(f"can't set `spec.hostUsers: false`, {who} does not support user namespaces{unknown}")


def _host_dns(context: NodeContext) -> ResolvConf:
    """The node's resolv.conf, read anew for each pod, since it changes under running nodes."""
    if context.resolv_conf is None:
        return ResolvConf()
    try:
        return parse_resolv_conf(context.resolv_conf.read_text())
    except OSError as error:
        raise SandboxConfigError(
            f"cannot read the node's resolv.conf {context.resolv_conf}: {error.strerror}"
        ) from None
    except ResolvConfError as error:
        raise SandboxConfigError(f"{context.resolv_conf}: {error}") from None
