"""The host name that a pod sees (pkg/kubelet/kubelet_pods.go GeneratePodHostNameAndDomain; KEP-4762 hostnameOverride).

    hostnameOverride  >  hostname  >  pod name; at most 63 characters, never ending in `-` or `.`
"""

import re

from kubelet.api.types import Pod
from kubelet.containerspec.errors import SandboxConfigError

MAX_HOSTNAME = 63
MAX_FQDN = 64
"""The kernel's nodename field."""
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)


def hostname_and_domain(pod: Pod, cluster_domain: str) -> tuple[str, str]:
    """Short host name and domain ("" without subdomain). Raises SandboxConfigError for a name that is no DNS name."""
    spec = pod.spec
    if spec.hostname_override:
        name = spec.hostname_override
        if len(name) > 253 or not all(_LABEL.fullmatch(part) for part in name.split(".")):
            raise SandboxConfigError(f'pod HostnameOverride "{name}" is not a valid DNS subdomain')
        return _cut(pod, name), ""
    hostname = _cut(pod, _label("Hostname", spec.hostname) or pod.metadata.name)
    subdomain = _label("Subdomain", spec.subdomain)
    domain = f"{subdomain}.{pod.metadata.namespace}.svc.{cluster_domain}" if subdomain else ""
    return hostname, domain


def kernel_hostname(pod: Pod, cluster_domain: str) -> str:
    """What the sandbox's UTS namespace is named. Raises SandboxConfigError when the FQDN asked for is too long."""
    hostname, domain = hostname_and_domain(pod, cluster_domain)
    if not domain or not pod.spec.set_hostname_as_fqdn:
        return hostname
    fqdn = f"{hostname}.{domain}"
    if len(fqdn) > MAX_FQDN:
        raise SandboxConfigError(
            f"failed to construct FQDN from pod hostname and cluster domain, FQDN {fqdn} is too long "
            f"({MAX_FQDN} characters is the max, {len(fqdn)} characters requested)"
        )
    return fqdn


def _label(field: str, value: str) -> str:
    if value and (len(value) > MAX_HOSTNAME or not _LABEL.fullmatch(value)):
        raise SandboxConfigError(f'pod {field} "{value}" is not a valid DNS label: {_LABEL_RULE}')
    return value


def _cut(pod: Pod, hostname: str) -> str:
    if len(hostname) <= MAX_HOSTNAME:
        return hostname
    cut = hostname[:MAX_HOSTNAME].rstrip("-.")
    if not cut:
        raise SandboxConfigError(f'hostname for pod "{pod.metadata.name}" was invalid: "{hostname}"')
    return cut
