"""The rules of a Pod that the API server would have enforced, for pods that never passed through it. Pure.

Not all of upstream's several hundred rules: those whose breach would otherwise surface later as something puzzling
(a container that never starts, a directory outside the pod's own, a port that is no port). Each problem has the path
to the field and says what to write. Source: pkg/apis/core/validation/validation.go, pkg/api/pod/util.go.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import NamedTuple

from kubelet.api.meta import AnyContainer, ContainerKind, containers_of
from kubelet.api.quantity import InvalidQuantityError, parse
from kubelet.api.types import (
    Container,
    ContainerPort,
    EnvVar,
    HTTPGetAction,
    KeyToPath,
    Lifecycle,
    LifecycleHandler,
    Pod,
    PodSpec,
    Probe,
    ResourceRequirements,
    TCPSocketAction,
    Volume,
)


class Problem(NamedTuple):
    """One broken rule: where, and what to do about it."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_PORT_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LABEL_RULE = "use lower-case letters, digits and '-', at most 63, with a letter or digit at both ends"
_SUBDOMAIN_RULE = "use lower-case letters, digits, '-' and '.', with a letter or digit at both ends"
_NODE_RESOURCES = ("cpu", "memory", "ephemeral-storage")
_HOST_PATH_TYPES = ("", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice")


def problems(pod: Pod) -> list[Problem]:
    """All broken rules of a defaulted pod, in the order of the document."""
    return [*_metadata(pod), *_spec(pod.spec), *_volumes(pod.spec.volumes), *_containers(pod), *_host_ports(pod.spec)]


def is_dns_label(text: str) -> bool:
    return len(text) <= 63 and _LABEL.fullmatch(text) is not None


def is_dns_subdomain(text: str) -> bool:
    return len(text) <= 253 and _SUBDOMAIN.fullmatch(text) is not None


def _choice(path: str, value: str, choices: Iterable[str]) -> Iterator[Problem]:
    if value not in choices:
        yield Problem(path, f"is {value!r}; write one of: {', '.join(choice for choice in choices if choice)}")


def _metadata(pod: Pod) -> Iterator[Problem]:
    meta = pod.metadata
    if not meta.name:
        yield Problem("metadata.name", "is missing; name the pod")
    elif not is_dns_subdomain(meta.name):
        yield Problem("metadata.name", f"is {meta.name!r}, no valid name; {_SUBDOMAIN_RULE}")
    if not is_dns_label(meta.namespace):
        yield Problem("metadata.namespace", f"is {meta.namespace!r}, no valid name; {_LABEL_RULE}")
    for field, entries in (("labels", meta.labels), ("annotations", meta.annotations)):
        for key, value in entries.items():
            prefix, slash, name = key.rpartition("/")
            if not _QUALIFIED.fullmatch(name) or (slash and not is_dns_subdomain(prefix.lower())):
                yield Problem(f"metadata.{field}[{key}]", "is no valid key; write [prefix/]name")
            elif field == "labels" and value and not _QUALIFIED.fullmatch(value):
                yield Problem(f"metadata.labels[{key}]", f"is {value!r}, no valid label value; use at most 63 letters, "
                                                         "digits, '-', '_' and '.'")


def _spec(spec: PodSpec) -> Iterator[Problem]:
    yield from _choice("spec.restartPolicy", spec.restart_policy, ("Always", "OnFailure", "Never"))
    yield from _choice("spec.dnsPolicy", spec.dns_policy,
                       ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"))
    if spec.dns_policy == "None" and (spec.dns_config is None or not spec.dns_config.nameservers):
        yield Problem("spec.dnsConfig.nameservers", "is empty; dnsPolicy None needs at least one")
    for index, server in enumerate(spec.dns_config.nameservers if spec.dns_config else ()):
        yield from _address(f"spec.dnsConfig.nameservers[{index}]", server)
    if spec.active_deadline_seconds is not None and spec.active_deadline_seconds < 1:
        yield Problem("spec.activeDeadlineSeconds", f"is {spec.active_deadline_seconds}; write 1 or more")
    for path, text in (("spec.hostname", spec.hostname), ("spec.subdomain", spec.subdomain)):
        if text and not is_dns_label(text):
            yield Problem(path, f"is {text!r}, no valid name; {_LABEL_RULE}")
    for index, alias in enumerate(spec.host_aliases):
        yield from _address(f"spec.hostAliases[{index}].ip", alias.ip)
    for index, toleration in enumerate(spec.tolerations):
        path = f"spec.tolerations[{index}]"
        yield from _choice(f"{path}.effect", toleration.effect, ("", "NoSchedule", "PreferNoSchedule", "NoExecute"))
        if toleration.operator == "Exists" and toleration.value:
            yield Problem(f"{path}.value", "must be empty with operator Exists; remove one of them")
        if not toleration.key and toleration.operator != "Exists":
            yield Problem(f"{path}.operator", "must be Exists when there is no key")
    security = spec.security_context
    if spec.host_pid and spec.share_process_namespace:
        yield Problem("spec.shareProcessNamespace", "excludes hostPID; remove one of them")
    if security is not None:
        yield from _identity("spec.securityContext.runAsUser", security.run_as_user)
        yield from _identity("spec.securityContext.runAsGroup", security.run_as_group)
        yield from _identity("spec.securityContext.fsGroup", security.fs_group)
    if spec.resources is not None:
        yield from _resources("spec.resources", spec.resources, set(), pod_level=True)


def _address(path: str, text: str) -> Iterator[Problem]:
    try:
        ip_address(text)
    except ValueError:
        yield Problem(path, f"is {text!r}; write an IP address")


def _volumes(volumes: tuple[Volume, ...]) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, volume in enumerate(volumes):
        path = f"spec.volumes[{index}]"
        if not is_dns_label(volume.name):
            yield Problem(f"{path}.name", f"is {volume.name!r}, no valid name; {_LABEL_RULE}")
        if volume.name in seen:
            yield Problem(f"{path}.name", f"is {volume.name!r} again; give each volume its own name")
        seen.add(volume.name)
        sources = [name for name in Volume.__struct_fields__ if name != "name" and getattr(volume, name) is not None]
        if len(sources) > 1:
            yield Problem(path, f"has {len(sources)} sources ({', '.join(sources)}); write one volume for each")
        yield from _volume(path, volume)


def _volume(path: str, volume: Volume) -> Iterator[Problem]:
    if volume.host_path is not None:
        if not volume.host_path.path:
            yield Problem(f"{path}.hostPath.path", "is empty; name a path of the host")
        elif ".." in volume.host_path.path.split("/"):
            yield Problem(f"{path}.hostPath.path", f"is {volume.host_path.path!r}; write a path without '..'")
        yield from _choice(f"{path}.hostPath.type", volume.host_path.type, _HOST_PATH_TYPES)
    if volume.empty_dir is not None:
        medium = volume.empty_dir.medium
        if medium not in ("", "Memory") and not medium.startswith("HugePages"):
            yield Problem(f"{path}.emptyDir.medium", f"is {medium!r}; write Memory or HugePages, or leave it out")
        if volume.empty_dir.size_limit is not None:
            yield from _quantity(f"{path}.emptyDir.sizeLimit", volume.empty_dir.size_limit)
    for name, source in (("configMap", volume.config_map), ("secret", volume.secret)):
        if source is not None:
            yield from _mode(f"{path}.{name}.defaultMode", source.default_mode)
            yield from _items(f"{path}.{name}.items", source.items)
    if volume.downward_api is not None:
        yield from _mode(f"{path}.downwardAPI.defaultMode", volume.downward_api.default_mode)
        for index, item in enumerate(volume.downward_api.items):
            yield from _inside(f"{path}.downwardAPI.items[{index}].path", item.path)
            if (item.field_ref is None) == (item.resource_field_ref is None):
                yield Problem(f"{path}.downwardAPI.items[{index}]", "needs fieldRef or resourceFieldRef, and only one")
    if volume.projected is not None:
        yield from _mode(f"{path}.projected.defaultMode", volume.projected.default_mode)


def _mode(path: str, mode: int | None) -> Iterator[Problem]:
    if mode is not None and not 0 <= mode <= 0o777:
        yield Problem(path, f"is {mode} ({mode:#o}); write a mode from 0 to 0777 (511 in JSON)")


def _items(path: str, items: tuple[KeyToPath, ...]) -> Iterator[Problem]:
    for index, item in enumerate(items):
        yield from _inside(f"{path}[{index}].path", item.path)
        yield from _mode(f"{path}[{index}].mode", item.mode)


def _inside(path: str, text: str) -> Iterator[Problem]:
    """A path that stays below the volume."""
    if not text or text.startswith("/") or ".." in text.split("/") or text.startswith(".."):
        yield Problem(path, f"is {text!r}; write a relative path without '..'")


def _containers(pod: Pod) -> Iterator[Problem]:
    spec = pod.spec
    if not spec.containers:
        yield Problem("spec.containers", "is empty; a pod needs at least one container")
    if spec.ephemeral_containers:
        yield Problem("spec.ephemeralContainers", "cannot be set when a pod is made; remove it")
    volumes = {volume.name for volume in spec.volumes}
    claims = {claim.name for claim in spec.resource_claims}
    seen: set[str] = set()
    counts = dict.fromkeys(ContainerKind, 0)
    for kind, container in containers_of(pod):
        path = f"spec.{kind.value}[{counts[kind]}]"
        counts[kind] += 1
        if not is_dns_label(container.name):
            yield Problem(f"{path}.name", f"is {container.name!r}, no valid name; {_LABEL_RULE}")
        if container.name in seen:
            yield Problem(f"{path}.name", f"is {container.name!r} again; give each container its own name")
        seen.add(container.name)
        yield from _container(path, container, volumes)
        if container.resources is not None:
            yield from _resources(f"{path}.resources", container.resources, claims)
        if isinstance(container, Container):
            yield from _probes(path, kind, container)
            yield from _lifecycle(path, kind, container)


def _container(path: str, container: AnyContainer, volumes: set[str]) -> Iterator[Problem]:
    if not container.image.strip():
        yield Problem(f"{path}.image", "is missing; name an image")
    elif container.image != container.image.strip():
        yield Problem(f"{path}.image", f"is {container.image!r}; remove the blanks around it")
    yield from _choice(f"{path}.imagePullPolicy", container.image_pull_policy, ("Always", "IfNotPresent", "Never"))
    yield from _choice(f"{path}.terminationMessagePolicy", container.termination_message_policy,
                       ("File", "FallbackToLogsOnError"))
    yield from _choice(f"{path}.restartPolicy", container.restart_policy, ("", "Always", "OnFailure", "Never"))
    yield from _ports(path, container.ports)
    yield from _env(path, container.env)
    yield from _mounts(path, container, volumes)
    security = container.security_context
    if security is not None and security.privileged and security.allow_privilege_escalation is False:
        yield Problem(f"{path}.securityContext.allowPrivilegeEscalation", "is false, but privileged is true")
    if security is not None:
        yield from _identity(f"{path}.securityContext.runAsUser", security.run_as_user)
        yield from _identity(f"{path}.securityContext.runAsGroup", security.run_as_group)


def _identity(path: str, number: int | None) -> Iterator[Problem]:
    if number is not None and not 0 <= number < 2**31:
        yield Problem(path, f"is {number}; write a number from 0 to {2**31 - 1}")


def _ports(path: str, ports: tuple[ContainerPort, ...]) -> Iterator[Problem]:
    names: set[str] = set()
    for index, port in enumerate(ports):
        at = f"{path}.ports[{index}]"
        yield from _port_number(f"{at}.containerPort", port.container_port)
        if port.host_port:
            yield from _port_number(f"{at}.hostPort", port.host_port)
        yield from _choice(f"{at}.protocol", port.protocol, ("TCP", "UDP", "SCTP"))
        if port.host_ip:
            yield from _address(f"{at}.hostIP", port.host_ip)
        if port.name:
            if not _is_port_name(port.name):
                yield Problem(f"{at}.name", f"is {port.name!r}; use at most 15 lower-case letters, digits and '-', and "
                                            "a letter among them")
            if port.name in names:
                yield Problem(f"{at}.name", f"is {port.name!r} again; give each port its own name")
            names.add(port.name)


def _is_port_name(name: str) -> bool:
    return len(name) <= 15 and _PORT_NAME.fullmatch(name) is not None and any(letter.isalpha() for letter in name)


def _port_number(path: str, number: int) -> Iterator[Problem]:
    if not 1 <= number <= 65535:
        yield Problem(path, f"is {number}; write a port from 1 to 65535")


def _host_ports(spec: PodSpec) -> Iterator[Problem]:
    """No two containers of a pod may want the same port of the host; in the host's network the two are one."""
    taken: dict[tuple[int, str, str], str] = {}
    for index, container in enumerate(spec.containers):
        for position, port in enumerate(container.ports):
            if not port.host_port:
                continue
            path = f"spec.containers[{index}].ports[{position}].hostPort"
            if spec.host_network and port.host_port != port.container_port:
                yield Problem(path, f"is {port.host_port}, but hostNetwork makes it the containerPort, "
                                    f"{port.container_port}; remove it")
            key = (port.host_port, port.protocol, port.host_ip)
            if key in taken:
                yield Problem(path, f"is {port.host_port}/{port.protocol}, which {taken[key]} has; use another")
            taken.setdefault(key, path)


def _env(path: str, variables: tuple[EnvVar, ...]) -> Iterator[Problem]:
    for index, variable in enumerate(variables):
        at = f"{path}.env[{index}]"
        if not variable.name or "=" in variable.name or not variable.name.isprintable():
            yield Problem(f"{at}.name", f"is {variable.name!r}; name the variable, without '='")
        source = variable.value_from
        if source is None:
            continue
        if variable.value:
            yield Problem(f"{at}.valueFrom", "excludes value; remove one of them")
        set_sources = [name for name in source.__struct_fields__ if getattr(source, name) is not None]
        if len(set_sources) != 1:
            yield Problem(f"{at}.valueFrom", f"has {len(set_sources)} sources; name exactly one")


def _mounts(path: str, container: AnyContainer, volumes: set[str]) -> Iterator[Problem]:
    paths: set[str] = set()
    for index, mount in enumerate(container.volume_mounts):
        at = f"{path}.volumeMounts[{index}]"
        if mount.name not in volumes:
            known = ", ".join(sorted(volumes)) or "(none)"
            yield Problem(f"{at}.name", f"is {mount.name!r}, which is not in spec.volumes; known: {known}")
        if not mount.mount_path:
            yield Problem(f"{at}.mountPath", "is empty; name the path in the container")
        elif posixpath.normpath(mount.mount_path) in paths:
            yield Problem(f"{at}.mountPath", f"is {mount.mount_path!r} again; mount one volume there")
        paths.add(posixpath.normpath(mount.mount_path) if mount.mount_path else "")
        if mount.sub_path and mount.sub_path_expr:
            yield Problem(f"{at}.subPathExpr", "excludes subPath; remove one of them")
        for name, text in (("subPath", mount.sub_path), ("subPathExpr", mount.sub_path_expr)):
            if text:
                yield from _inside(f"{at}.{name}", text)
        yield from _choice(f"{at}.mountPropagation", mount.mount_propagation,
                           ("", "None", "HostToContainer", "Bidirectional"))
        security = container.security_context
        if mount.mount_propagation == "Bidirectional" and not (security and security.privileged):
            yield Problem(f"{at}.mountPropagation", "is Bidirectional, which only privileged containers may use")
        if mount.recursive_read_only in ("IfPossible", "Enabled") and not mount.read_only:
            yield Problem(f"{at}.recursiveReadOnly", "needs readOnly: true")


def _resources(path: str, resources: ResourceRequirements, claims: set[str], *,
               pod_level: bool = False) -> Iterator[Problem]:
    for field, amounts in (("limits", resources.limits), ("requests", resources.requests)):
        for name, amount in amounts.items():
            at = f"{path}.{field}.{name}"
            if name not in _NODE_RESOURCES and not name.startswith("hugepages-") and "/" not in name:
                yield Problem(at, f"is no resource; use one of: {', '.join(_NODE_RESOURCES)}, or a vendor's with its "
                                  "domain")
            elif pod_level and ("/" in name or name == "ephemeral-storage"):
                yield Problem(at, "cannot be set for a whole pod; use cpu, memory or hugepages")
            yield from _quantity(at, amount)
    for name, request in resources.requests.items():
        limit = resources.limits.get(name)
        try:
            if limit is not None and parse(request) > parse(limit):
                yield Problem(f"{path}.requests.{name}", f"is {request}, more than its limit, {limit}; raise the limit")
        except InvalidQuantityError:
            continue  # said above
    for index, claim in enumerate(resources.claims):
        if claim.name not in claims:
            yield Problem(f"{path}.claims[{index}].name", f"is {claim.name!r}, which is not in spec.resourceClaims")


def _quantity(path: str, amount: str | int | float) -> Iterator[Problem]:
    try:
        if parse(amount) < 0:
            yield Problem(path, f"is {amount}; write 0 or more")
    except InvalidQuantityError as error:
        yield Problem(path, str(error))


def _probes(path: str, kind: ContainerKind, container: Container) -> Iterator[Problem]:
    sidecar = kind is ContainerKind.INIT and container.restart_policy == "Always"
    for name, probe in (("livenessProbe", container.liveness_probe), ("readinessProbe", container.readiness_probe),
                        ("startupProbe", container.startup_probe)):
        if probe is None:
            continue
        if kind is ContainerKind.INIT and not sidecar:
            yield Problem(f"{path}.{name}", "has no place in an init container that ends; set restartPolicy: Always")
        yield from _probe(f"{path}.{name}", probe, container.ports, only_one_success=name != "readinessProbe")


def _probe(path: str, probe: Probe, ports: tuple[ContainerPort, ...], *, only_one_success: bool) -> Iterator[Problem]:
    handlers = [name for name in ("exec", "http_get", "tcp_socket", "grpc") if getattr(probe, name) is not None]
    if len(handlers) != 1:
        yield Problem(path, f"has {len(handlers)} handlers; write one of: exec, httpGet, tcpSocket, grpc")
    if probe.exec is not None and not probe.exec.command:
        yield Problem(f"{path}.exec.command", "is empty; name the program")
    if probe.grpc is not None:
        yield from _port_number(f"{path}.grpc.port", probe.grpc.port)
    yield from _actions(path, probe.http_get, probe.tcp_socket, ports)
    for name, number, least in (
            ("initialDelaySeconds", probe.initial_delay_seconds, 0), ("timeoutSeconds", probe.timeout_seconds, 1),
            ("periodSeconds", probe.period_seconds, 1), ("successThreshold", probe.success_threshold, 1),
            ("failureThreshold", probe.failure_threshold, 1),
            ("terminationGracePeriodSeconds", probe.termination_grace_period_seconds, 1)):
        if number is not None and number < least:
            yield Problem(f"{path}.{name}", f"is {number}; write {least} or more")
    if only_one_success and probe.success_threshold not in (None, 1):
        yield Problem(f"{path}.successThreshold", f"is {probe.success_threshold}; only 1 is possible here")


def _actions(path: str, http: HTTPGetAction | None, tcp: TCPSocketAction | None,
             ports: tuple[ContainerPort, ...]) -> Iterator[Problem]:
    for name, action in (("httpGet", http), ("tcpSocket", tcp)):
        if action is None:
            continue
        if isinstance(action.port, int):
            yield from _port_number(f"{path}.{name}.port", action.port)
        elif not action.port.isdigit() and action.port not in {port.name for port in ports}:
            yield Problem(f"{path}.{name}.port", f"is {action.port!r}, which no port of this container is named")
    if http is not None:
        yield from _choice(f"{path}.httpGet.scheme", http.scheme, ("HTTP", "HTTPS"))


def _lifecycle(path: str, kind: ContainerKind, container: Container) -> Iterator[Problem]:
    lifecycle: Lifecycle | None = container.lifecycle
    if lifecycle is None:
        return
    if kind is ContainerKind.INIT and container.restart_policy != "Always":
        yield Problem(f"{path}.lifecycle", "has no place in an init container that ends; set restartPolicy: Always")
    for name, hook in (("postStart", lifecycle.post_start), ("preStop", lifecycle.pre_stop)):
        if hook is not None:
            yield from _hook(f"{path}.lifecycle.{name}", hook, container.ports)


def _hook(path: str, hook: LifecycleHandler, ports: tuple[ContainerPort, ...]) -> Iterator[Problem]:
    handlers = [name for name in LifecycleHandler.__struct_fields__ if getattr(hook, name) is not None]
    if len(handlers) != 1:
        yield Problem(path, f"has {len(handlers)} handlers; write one of: exec, httpGet, sleep")
    if hook.exec is not None and not hook.exec.command:
        yield Problem(f"{path}.exec.command", "is empty; name the program")
    if hook.sleep is not None and hook.sleep.seconds < 0:
        yield Problem(f"{path}.sleep.seconds", f"is {hook.sleep.seconds}; write 0 or more")
    yield from _actions(path, hook.http_get, hook.tcp_socket, ports)
