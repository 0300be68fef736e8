"""A Pod as CRI's PodSandboxConfig (pkg/kubelet/kuberuntime/kuberuntime_sandbox*.go). Pure."""

from cri.v1 import api_pb2 as cri
from kubelet import paths
from kubelet.api.types import Container, Pod
from kubelet.containerspec.context import NodeContext
from kubelet.containerspec.dns import ResolvConf, pod_dns
from kubelet.containerspec.errors import ContainerConfigError, SandboxConfigError, SpecWarning
from kubelet.containerspec.hostname import kernel_hostname
from kubelet.containerspec.labels import sandbox_labels
from kubelet.containerspec.linux_resources import sandbox_resources
from kubelet.containerspec.security import sandbox_security

_PROTOCOLS = {"": cri.TCP, "TCP": cri.TCP, "UDP": cri.UDP, "SCTP": cri.SCTP}


def sandbox_config(
    pod: Pod, attempt: int, context: NodeContext, *, host_dns: ResolvConf, cgroup_parent: str = "",
    users: cri.UserNamespace | None = None,
) -> tuple[cri.PodSandboxConfig, tuple[SpecWarning, ...]]:
    """The request and the events that it deserves. `attempt` counts the pod's sandboxes from 0, `host_dns` is the
    node's resolv.conf, `cgroup_parent` the pod's cgroup ("" with cgroupsPerQOS off), `users` the user namespace of a
    pod with `hostUsers: false`. Raises SandboxConfigError."""
    if pod.spec.host_users is False and users is None:
        raise SandboxConfigError("can't set `spec.hostUsers: false`, the pod was given no user namespace")
    meta = pod.metadata
    dns, warnings = pod_dns(pod, host_dns, context)
    try:
        security = sandbox_security(pod, users)
    except ContainerConfigError as error:
        raise SandboxConfigError(error.message) from None
    resources, overhead = sandbox_resources(pod, context)
    sysctls = pod.spec.security_context.sysctls if pod.spec.security_context is not None else ()
    config = cri.PodSandboxConfig(
        metadata=cri.PodSandboxMetadata(name=meta.name, namespace=meta.namespace, uid=meta.uid, attempt=attempt),
        hostname="" if pod.spec.host_network else kernel_hostname(pod, context.cluster_domain),
        log_directory=str(paths.pod_log_dir(context.pod_logs_dir, pod)), dns_config=dns,
        port_mappings=[mapping for container in pod.spec.containers for mapping in _port_mappings(container)],
        labels=sandbox_labels(pod), annotations=meta.annotations,
        linux=cri.LinuxPodSandboxConfig(
            cgroup_parent=cgroup_parent, security_context=security,
            sysctls={dotted_sysctl(sysctl.name): sysctl.value for sysctl in sysctls},
            resources=resources, overhead=overhead,
        ),
    )
    return config, warnings


def dotted_sysctl(name: str) -> str:
    """`net/ipv4/x` -> `net.ipv4.x`. Where the first separator is a slash, dots and slashes change places."""
    first = next((char for char in name if char in "./"), ".")
    return name if first == "." else name.translate(str.maketrans("./", "/."))


def _port_mappings(container: Container) -> list[cri.PortMapping]:
    """A port that is named or described twice counts once (container.MakePortMappings)."""
    seen = set()
    mappings = []
    for port in container.ports:
        family = "any" if not port.host_ip else ("v6" if ":" in port.host_ip else "v4")
        key = port.name or f"{family}-{port.protocol}-{port.host_ip}:{port.container_port}:{port.host_port or 0}"
        if key in seen:
            continue
        seen.add(key)
        mappings.append(cri.PortMapping(
            protocol=_PROTOCOLS.get(port.protocol, cri.TCP), container_port=port.container_port,
            host_port=port.host_port or 0, host_ip=port.host_ip))
    return mappings
