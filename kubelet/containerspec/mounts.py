"""The mounts of a container: its volumeMounts, then /etc/hosts, then the file for its termination message.

`plan_mounts` is pure and decides everything that needs no disk; `ContainerFiles` then opens subPaths, writes the
hosts file and makes the message file (pkg/kubelet/kubelet_pods.go makeMounts). Errors carry upstream's texts, which
tell nothing about the host's file system.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cri.v1 import api_pb2 as cri
from kubelet import paths
from kubelet.api.meta import AnyContainer, pod_key, pod_uid
from kubelet.api.types import Pod, VolumeMount
from kubelet.containerspec.context import NodeContext
from kubelet.containerspec.errors import ContainerConfigError, SandboxConfigError
from kubelet.containerspec.expansion import MissingValuesError, expand_strictly
from kubelet.containerspec.hostname import hostname_and_domain
from kubelet.containerspec.hosts import host_network_hosts, managed_hosts
from kubelet.syscalls import Syscalls
from kubelet.volumes.subpath import bind_subpath
from kubelet.volumes.types import MountedVolume, VolumeError

logger = logging.getLogger(__name__)

ETC_HOSTS = "/etc/hosts"
_PROPAGATION = {"": cri.PROPAGATION_PRIVATE, "None": cri.PROPAGATION_PRIVATE,
                "HostToContainer": cri.PROPAGATION_HOST_TO_CONTAINER, "Bidirectional": cri.PROPAGATION_BIDIRECTIONAL}


@dataclass(frozen=True, slots=True)
class PlannedMount:
    """One volumeMount: `subpath` is "" or a clean relative path below the volume's directory."""

    index: int
    volume: MountedVolume
    subpath: str
    container_path: str
    read_only: bool
    recursive_read_only: bool
    propagation: cri.MountPropagation.ValueType


def plan_mounts(
    container: AnyContainer, volumes: Mapping[str, MountedVolume], env: Mapping[str, str], *,
    recursive_read_only: bool,
) -> tuple[PlannedMount, ...]:
    """`recursive_read_only`: whether the pod's runtime handler can do it. Raises ContainerConfigError."""
    planned = []
    for index, mount in enumerate(container.volume_mounts):
        volume = volumes.get(mount.name)
        if volume is None:
            raise ContainerConfigError(f'cannot find volume "{mount.name}" to mount into container "{container.name}"')
        if mount.mount_propagation not in _PROPAGATION:
            raise ContainerConfigError(f'invalid MountPropagation mode: "{mount.mount_propagation}"')
        planned.append(PlannedMount(
            index=index, volume=volume, subpath=_subpath(mount, env),
            container_path=mount.mount_path if mount.mount_path.startswith("/") else f"/{mount.mount_path}",
            read_only=bool(mount.read_only) or volume.read_only,
            recursive_read_only=_recursive_read_only(mount, recursive_read_only),
            propagation=_PROPAGATION[mount.mount_propagation],
        ))
    for device in container.volume_devices:
        raise ContainerConfigError(f'cannot find volume "{device.name}" to pass into container "{container.name}"')
    return tuple(planned)


def _subpath(mount: VolumeMount, env: Mapping[str, str]) -> str:
    subpath = mount.sub_path
    if mount.sub_path_expr:
        try:
            subpath = expand_strictly(mount.sub_path_expr, env)
        except MissingValuesError as error:
            raise ContainerConfigError(str(error)) from None
    if subpath.startswith("/"):
        raise ContainerConfigError(f"error SubPath `{subpath}` must not be an absolute path")
    if ".." in subpath.split("/"):
        raise ContainerConfigError(f"unable to provision SubPath `{subpath}`: must not contain '..'")
    return subpath


def _recursive_read_only(mount: VolumeMount, supported: bool) -> bool:
    mode = mount.recursive_read_only
    if mode in ("", "Disabled"):
        return False
    problem = ""
    if not mount.read_only:
        problem = f'volume "{mount.name}" requested recursive read-only mode, but it is not read-only'
    elif mount.mount_propagation not in ("", "None"):
        problem = (f'volume "{mount.name}" requested recursive read-only mode, but it is not compatible with '
                   f'propagation "{mount.mount_propagation}"')
    elif mode not in ("IfPossible", "Enabled"):
        problem = f'unknown recursive read-only mode "{mode}"'
    elif mode == "Enabled" and not supported:
        problem = f'volume "{mount.name}" requested recursive read-only mode, but it is not supported by the runtime'
    if problem:
        raise ContainerConfigError(f"failed to resolve recursive read-only mode: {problem}")
    return supported


def _image_mount(plan: PlannedMount, image: cri.ImageSpec) -> cri.Mount:
    """The runtime finds the files, those of a subPath too."""
    return cri.Mount(
        container_path=plan.container_path, image=image, image_sub_path=plan.subpath, readonly=plan.read_only,
        recursive_read_only=plan.recursive_read_only, propagation=plan.propagation,
    )


@dataclass(frozen=True, slots=True)
class ContainerFiles:
    """Carries plans out for one container. Everything blocks: call it in a thread."""

    pod: Pod
    container: AnyContainer
    context: NodeContext
    syscalls: Syscalls

    def make(
        self, planned: Sequence[PlannedMount], pod_ips: Sequence[str], message_id: str,
        images: Mapping[str, cri.ImageSpec] | None = None,
    ) -> list[cri.Mount]:
        """The mounts of CreateContainer, and the container's log directory. `message_id` names the file of this
        instance's termination message, `images` are those of image volumes. Idempotent. Raises ContainerConfigError."""
        name = self.container.name
        log_dir = paths.pod_log_dir(self.context.pod_logs_dir, self.pod) / name
        try:
            log_dir.mkdir(mode=0o755, parents=True, exist_ok=True)
        except OSError as error:
            raise ContainerConfigError(
                f"create container log directory for container {name} failed: {error}") from None
        try:
            return self._mounts(planned, pod_ips, message_id, images or {})
        except OSError as error:
            raise ContainerConfigError(f"cannot prepare the files of container {name}: {error}") from None
        except SandboxConfigError as error:
            raise ContainerConfigError(error.message) from None

    def _mounts(
        self, planned: Sequence[PlannedMount], pod_ips: Sequence[str], message_id: str,
        images: Mapping[str, cri.ImageSpec],
    ) -> list[cri.Mount]:
        relabel = self.context.selinux_enabled
        mounts = [
            _image_mount(plan, images[plan.volume.name]) if plan.volume.name in images else self._volume_mount(plan)
            for plan in planned
        ]
        own_hosts = any(plan.container_path == ETC_HOSTS for plan in planned)
        if not own_hosts and (pod_ips or self.pod.spec.host_network):
            hosts = self._write_hosts(pod_ips)
            mounts.append(cri.Mount(container_path=ETC_HOSTS, host_path=str(hosts), selinux_relabel=relabel))
        if path := self.container.termination_message_path:
            mounts.append(cri.Mount(container_path=path if path.startswith("/") else f"/{path}",
                                    host_path=str(self._make_message_file(message_id)), selinux_relabel=relabel))
        return mounts

    def _volume_mount(self, plan: PlannedMount) -> cri.Mount:
        host_path = plan.volume.host_path
        if plan.subpath:
            host_path = self._bind(plan)
        return cri.Mount(
            container_path=plan.container_path, host_path=str(host_path), readonly=plan.read_only,
            recursive_read_only=plan.recursive_read_only, propagation=plan.propagation,
            selinux_relabel=self.context.selinux_enabled and plan.volume.managed,
        )

    def _bind(self, plan: PlannedMount) -> Path:
        volume, container = plan.volume.name, self.container.name
        target = paths.subpath_target(self.context.root_dir, pod_uid(self.pod), volume, container, plan.index)
        try:
            return bind_subpath(self.syscalls, plan.volume.host_path, plan.subpath, target)
        except (OSError, VolumeError) as error:
            logger.error("cannot prepare a subPath: %s pod=%s container=%s volume=%s", error, pod_key(self.pod),
                         container, volume)
            # The cause may tell about the host's files, so it is not for the pod's owner.
            raise ContainerConfigError(
                f'failed to prepare subPath for volumeMount "{volume}" of container "{container}"') from None

    def _write_hosts(self, pod_ips: Sequence[str]) -> Path:
        """Written in place: running containers of the pod have this very file mounted."""
        spec, context = self.pod.spec, self.context
        if spec.host_network:
            host_file = context.host_hosts_file.read_text(encoding="utf-8", errors="surrogateescape")
            text = host_network_hosts(host_file, spec.host_aliases)
        else:
            text = managed_hosts(pod_ips, *hostname_and_domain(self.pod, context.cluster_domain), spec.host_aliases)
        path = paths.etc_hosts(context.root_dir, pod_uid(self.pod))
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        data = text.encode("utf-8", "surrogateescape")
        if not path.exists() or path.read_bytes() != data:
            path.write_bytes(data)
        path.chmod(0o644)
        return path

    def _make_message_file(self, name: str) -> Path:
        """Any user of the container may write to it."""
        directory = paths.container_dir(self.context.root_dir, pod_uid(self.pod), self.container.name)
        directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        path = directory / name
        path.touch(mode=0o666)
        path.chmod(0o666)
        return path
