"""The body of the engine's create call for a pause container. Pure."""

from typing import Any

from cri.errors import InvalidArgumentError
from cri.v1 import api_pb2 as cri
from dockershim import naming, resources, security
from dockershim.facts import EngineFacts
from dockershim.network import DNSConfig, PodNetwork, PortMapping, ports_to_text

JSON = dict[str, Any]
_PROTOCOLS = {cri.TCP: "tcp", cri.UDP: "udp", cri.SCTP: "sctp"}


def check(config: cri.PodSandboxConfig) -> None:
    metadata = config.metadata
    for field, value in (("name", metadata.name), ("namespace", metadata.namespace), ("uid", metadata.uid)):
        if not value:
            raise InvalidArgumentError(f"sandbox config: metadata.{field} is empty")


def engine_runtime(handler: str, facts: EngineFacts) -> str:
    """The engine's name of a RuntimeClass handler, empty for its default."""
    if handler in ("", "docker"):
        return ""
    if handler not in facts.runtimes:
        known = ", ".join(facts.runtimes)
        raise InvalidArgumentError(f"no runtime for {handler!r} is configured in the Docker engine, which has {known}")
    return handler


def create_body(config: cri.PodSandboxConfig, handler: str, image: str, facts: EngineFacts) -> JSON:
    check(config)
    linux = config.linux
    context = linux.security_context
    namespaces = context.namespace_options
    security.refuse_user_namespace(namespaces)
    return {
        "Image": image,
        "Hostname": config.hostname,
        "NetworkDisabled": namespaces.network != cri.NODE,  # a namespace of its own, and the rest is CNI's
        "User": security.user(context),
        "Labels": naming.sandbox_labels(
            config, naming.config_hash(config, handler), handler, ports_to_text(_port_mappings(config))
        ),
        "HostConfig": {
            **security.sandbox_host_config(context, facts),
            "Runtime": engine_runtime(handler, facts),
            "NetworkMode": "host" if namespaces.network == cri.NODE else "none",
            "PidMode": "host" if namespaces.pid == cri.NODE else "",
            "IpcMode": "host" if namespaces.ipc == cri.NODE else "shareable",
            "Sysctls": dict(linux.sysctls),
            "CgroupParent": resources.cgroup_parent(linux.cgroup_parent, facts),
            "CpuShares": resources.SANDBOX_CPU_SHARES,
            "OomScoreAdj": resources.oom_score_adj(resources.SANDBOX_OOM_SCORE_ADJ, facts),
            "LogConfig": {"Type": "none"},
            "RestartPolicy": {"Name": "no"},
        },
    }


def resolv_conf(dns: cri.DNSConfig) -> str:
    """Empty when the pod leaves it to the engine, that is to the node."""
    lines = [f"nameserver {server}" for server in dns.servers]
    if dns.searches:
        lines.append(f"search {' '.join(dns.searches)}")
    if dns.options:
        lines.append(f"options {' '.join(dns.options)}")
    return "".join(f"{line}\n" for line in lines)


def pod_network(sandbox_id: str, netns: str, config: cri.PodSandboxConfig) -> PodNetwork:
    """What the network is told at set-up; only mapped ports concern it."""
    dns = config.dns_config
    return PodNetwork(
        sandbox_id=sandbox_id,
        name=config.metadata.name,
        namespace=config.metadata.namespace,
        uid=config.metadata.uid,
        netns=netns,
        port_mappings=_port_mappings(config),
        annotations=dict(config.annotations),
        labels=dict(config.labels),
        cgroup_parent=config.linux.cgroup_parent,
        dns=DNSConfig(tuple(dns.servers), tuple(dns.searches), tuple(dns.options)),
    )


def _port_mappings(config: cri.PodSandboxConfig) -> tuple[PortMapping, ...]:
    return tuple(
        PortMapping(_PROTOCOLS.get(port.protocol, "tcp"), port.container_port, port.host_port, port.host_ip)
        for port in config.port_mappings
        if port.host_port > 0
    )
