"""The security part of containers and sandboxes (pkg/kubelet/kuberuntime/security_context*.go, pkg/securitycontext).

A field of the container wins over the same field of the pod. Messages are upstream's, word for word where users and
tests read them.
"""

from dataclasses import dataclass
from pathlib import Path

from cri.v1 import api_pb2 as cri
from kubelet.api.meta import AnyContainer, containers_of, formatted
from kubelet.api.types import (
    AppArmorProfile,
    Pod,
    PodSecurityContext,
    SeccompProfile,
    SecurityContext,
    SELinuxOptions,
)
from kubelet.containerspec.context import NodeContext
from kubelet.containerspec.errors import ContainerConfigError

MAX_USER_ID = 2**31 - 1
_APPARMOR_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/"

# Kept in step with what engines mask by default (pkg/securitycontext/util.go).
_MASKED_PATHS = (
    "/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
_READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


@dataclass(frozen=True, slots=True)
class ImageUser:
    """Who the image runs as: a number, a name, or neither where the runtime does not say."""

    uid: int | None = None
    username: str = ""


def thermal_masks(devices: Path = Path("/sys/devices/system/cpu")) -> tuple[str, ...]:
    """The per-CPU files that are masked too; a fact of the machine, read once at start. Blocking."""
    return tuple(sorted(str(path) for path in devices.glob("cpu[0-9]*/thermal_throttle")))


def run_as_user(pod: Pod, container: AnyContainer) -> int | None:
    """The user that the spec asks for, if it asks."""
    own, pods = container.security_context, pod.spec.security_context
    if own is not None and own.run_as_user is not None:
        return own.run_as_user
    return pods.run_as_user if pods is not None else None


def _run_as_group(pod: Pod, container: AnyContainer) -> int | None:
    own, pods = container.security_context, pod.spec.security_context
    if own is not None and own.run_as_group is not None:
        return own.run_as_group
    return pods.run_as_group if pods is not None else None


def verify_non_root(pod: Pod, container: AnyContainer, image: ImageUser) -> None:
    """runAsNonRoot against what will really run. Raises ContainerConfigError."""
    own, pods = container.security_context, pod.spec.security_context
    wanted = own.run_as_non_root if own is not None and own.run_as_non_root is not None else (
        pods.run_as_non_root if pods is not None else None)
    if not wanted:
        return
    where = f'(pod: "{formatted(pod)}", container: {container.name})'
    user = run_as_user(pod, container)
    if user is not None:
        if user == 0:
            raise ContainerConfigError(f"container's runAsUser breaks non-root policy {where}")
        return
    if image.uid is None and image.username:
        raise ContainerConfigError(
            f"container has runAsNonRoot and image has non-numeric user ({image.username}), cannot verify user is "
            f"non-root {where}")
    if image.uid == 0:
        raise ContainerConfigError(f"container has runAsNonRoot and image will run as root {where}")
    if image.uid is not None and not 0 <= image.uid <= MAX_USER_ID:
        raise ContainerConfigError(
            f"container has runAsNonRoot and image has an invalid user id ({image.uid}). (Must be 1-({MAX_USER_ID})): "
            f"must be between 0 and {MAX_USER_ID}, inclusive {where}")


def namespaces(pod: Pod, users: cri.UserNamespace | None = None) -> cri.NamespaceOption:
    """Which namespaces the pod shares with the node; the PID namespace is each container's own by default.

    `users`: the pod's own user namespace, if it has one."""
    spec = pod.spec
    shared = cri.POD if spec.share_process_namespace else cri.CONTAINER
    return cri.NamespaceOption(network=cri.NODE if spec.host_network else cri.POD,
                               ipc=cri.NODE if spec.host_ipc else cri.POD,
                               pid=cri.NODE if spec.host_pid else shared,
                               userns_options=users or cri.UserNamespace(mode=cri.NODE))


def is_privileged(container: AnyContainer) -> bool:
    return bool(container.security_context and container.security_context.privileged)


def sandbox_security(pod: Pod, users: cri.UserNamespace | None = None) -> cri.LinuxSandboxSecurityContext:
    """Of the sandbox: privileged if any container is; seccomp always the runtime's default."""
    security = cri.LinuxSandboxSecurityContext(
        privileged=any(is_privileged(container) for _, container in containers_of(pod)),
        seccomp=cri.SecurityProfile(profile_type=cri.SecurityProfile.RuntimeDefault),
        namespace_options=namespaces(pod, users),
    )
    pods = pod.spec.security_context
    if pods is None:
        return security
    if pods.run_as_user is not None:
        security.run_as_user.value = pods.run_as_user
    if pods.run_as_group is not None:
        security.run_as_group.value = pods.run_as_group
    security.supplemental_groups.extend(_groups(pods))
    security.supplemental_groups_policy = _groups_policy(pods)
    if pods.se_linux_options is not None:
        security.selinux_options.CopyFrom(_selinux(pods.se_linux_options))
    return security


def container_security(
    pod: Pod, container: AnyContainer, image: ImageUser, context: NodeContext, target_id: str = "",
    users: cri.UserNamespace | None = None,
) -> cri.LinuxContainerSecurityContext:
    """Of one container. `target_id` is the container whose PID namespace an ephemeral container joins.

    Raises ContainerConfigError for profiles that cannot be expressed."""
    own, pods = container.security_context or SecurityContext(), pod.spec.security_context
    selinux = own.se_linux_options or (pods.se_linux_options if pods else None)
    unmasked = own.proc_mount == "Unmasked"
    security = cri.LinuxContainerSecurityContext(
        privileged=bool(own.privileged), readonly_rootfs=bool(own.read_only_root_filesystem),
        no_new_privs=own.allow_privilege_escalation is False,
        seccomp=_seccomp(own.seccomp_profile or (pods.seccomp_profile if pods else None), context),
        namespace_options=namespaces(pod, users),
        masked_paths=() if unmasked else (*_MASKED_PATHS, *context.masked_paths),
        readonly_paths=() if unmasked else _READONLY_PATHS,
    )
    if own.capabilities is not None:
        security.capabilities.add_capabilities.extend(own.capabilities.add)
        security.capabilities.drop_capabilities.extend(own.capabilities.drop)
    if selinux is not None:
        security.selinux_options.CopyFrom(_selinux(selinux))
    _set_user(security, pod, container, image)
    if pods is not None:
        security.supplemental_groups.extend(_groups(pods))
        security.supplemental_groups_policy = _groups_policy(pods)
    if (profile := _apparmor_of(pod, container)) is not None:
        security.apparmor.CopyFrom(_apparmor(profile))
        security.apparmor_profile = _apparmor_text(profile)
    if target_id and security.namespace_options.pid == cri.CONTAINER:
        security.namespace_options.pid = cri.TARGET
        security.namespace_options.target_id = target_id
    return security


def _set_user(security: cri.LinuxContainerSecurityContext, pod: Pod, container: AnyContainer, image: ImageUser) -> None:
    user, group = run_as_user(pod, container), _run_as_group(pod, container)
    if user is not None:
        security.run_as_user.value = user
    elif image.username:
        security.run_as_username = image.username
    else:
        security.run_as_user.value = image.uid or 0
    if group is not None:
        security.run_as_group.value = group


def _groups(pods: PodSecurityContext) -> tuple[int, ...]:
    return ((pods.fs_group,) if pods.fs_group is not None else ()) + pods.supplemental_groups


def _groups_policy(pods: PodSecurityContext) -> cri.SupplementalGroupsPolicy.ValueType:
    match pods.supplemental_groups_policy:
        case "" | "Merge":
            return cri.Merge
        case "Strict":
            return cri.Strict
    raise ContainerConfigError(f"unsupported supplementalGroupsPolicy: {pods.supplemental_groups_policy}")


def _selinux(options: SELinuxOptions) -> cri.SELinuxOption:
    return cri.SELinuxOption(user=options.user, role=options.role, type=options.type, level=options.level)


def _seccomp(profile: SeccompProfile | None, context: NodeContext) -> cri.SecurityProfile:
    kind = profile.type if profile is not None else ("RuntimeDefault" if context.seccomp_default else "Unconfined")
    if kind == "RuntimeDefault":
        return cri.SecurityProfile(profile_type=cri.SecurityProfile.RuntimeDefault)
    if kind == "Localhost" and profile is not None:
        if not profile.localhost_profile:
            raise ContainerConfigError("localhostProfile must be set if seccompProfile type is Localhost.")
        return cri.SecurityProfile(profile_type=cri.SecurityProfile.Localhost,
                                   localhost_ref=str(context.seccomp_dir / profile.localhost_profile))
    return cri.SecurityProfile(profile_type=cri.SecurityProfile.Unconfined)


def _apparmor_of(pod: Pod, container: AnyContainer) -> AppArmorProfile | None:
    """Container field, then the old annotation (static pods may have only that), then the pod's field."""
    if container.security_context is not None and container.security_context.app_armor_profile is not None:
        return container.security_context.app_armor_profile
    annotation = pod.metadata.annotations.get(_APPARMOR_ANNOTATION + container.name, "")
    if annotation == "runtime/default":
        return AppArmorProfile(type="RuntimeDefault")
    if annotation == "unconfined":
        return AppArmorProfile(type="Unconfined")
    if annotation.startswith("localhost/"):
        return AppArmorProfile(type="Localhost", localhost_profile=annotation.removeprefix("localhost/"))
    return pod.spec.security_context.app_armor_profile if pod.spec.security_context is not None else None


def _apparmor(profile: AppArmorProfile) -> cri.SecurityProfile:
    match profile.type:
        case "RuntimeDefault":
            return cri.SecurityProfile(profile_type=cri.SecurityProfile.RuntimeDefault)
        case "Unconfined":
            return cri.SecurityProfile(profile_type=cri.SecurityProfile.Unconfined)
        case "Localhost" if profile.localhost_profile:
            return cri.SecurityProfile(profile_type=cri.SecurityProfile.Localhost,
                                       localhost_ref=profile.localhost_profile)
        case "Localhost":
            raise ContainerConfigError("missing localhost apparmor profile name")
    raise ContainerConfigError(f'unknown apparmor profile type: "{profile.type}"')


def _apparmor_text(profile: AppArmorProfile) -> str:
    """The form that runtimes read before CRI had a field of its own."""
    return {"RuntimeDefault": "runtime/default", "Unconfined": "unconfined"}.get(
        profile.type, f"localhost/{profile.localhost_profile}")
