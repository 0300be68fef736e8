"""Pod → CRI: what RunPodSandbox and CreateContainer are asked for.

    Pod + NodeContext + ResolvConf          ─▶ sandbox_config   ─▶ PodSandboxConfig + warnings   (pure)
    Pod + container + ContainerInputs + …   ─▶ container_config ─▶ ContainerConfig               (makes its files)

`hostname`, `dns`, `hosts`, `fields`, `expansion`, `envfile`, `labels`, `security` and `linux_resources` are pure;
`environment` reads objects, `mounts` writes files. Failures are ContainerConfigError and SandboxConfigError.
"""

from kubelet.containerspec.container import ContainerInputs, ServiceEnvironment, container_config
from kubelet.containerspec.context import NodeContext
from kubelet.containerspec.dns import ResolvConf, parse_resolv_conf
from kubelet.containerspec.environment import ReferencedObjects
from kubelet.containerspec.errors import ContainerConfigError, SandboxConfigError, SpecWarning
from kubelet.containerspec.hostfacts import HostFacts, learn_host_facts
from kubelet.containerspec.labels import container_hash
from kubelet.containerspec.sandbox import sandbox_config
from kubelet.containerspec.security import ImageUser

__all__ = [
    "ContainerConfigError", "ContainerInputs", "HostFacts", "ImageUser", "NodeContext", "ReferencedObjects",
    "ResolvConf", "SandboxConfigError", "ServiceEnvironment", "SpecWarning", "container_config", "container_hash",
    "learn_host_facts", "parse_resolv_conf", "sandbox_config",
]
