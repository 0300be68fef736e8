"""The /etc/hosts that the containers of a pod share (pkg/kubelet/kubelet_pods.go; tests of others read the texts)."""

from collections.abc import Sequence

from kubelet.api.types import HostAlias

_HEADER = "# Kubernetes-managed hosts file.\n"
_HEADER_HOST_NETWORK = "# Kubernetes-managed hosts file (host network).\n"
_LOCAL = (
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\n"
    "fe00::0\tip6-mcastprefix\n"
    "fe00::1\tip6-allnodes\n"
    "fe00::2\tip6-allrouters\n"
)


def managed_hosts(pod_ips: Sequence[str], hostname: str, domain: str, aliases: Sequence[HostAlias]) -> str:
    """For a pod with a network of its own: localhost, one line per pod IP, the aliases."""
    names = f"{hostname}.{domain}\t{hostname}" if domain else hostname
    return _HEADER + _LOCAL + "".join(f"{ip}\t{names}\n" for ip in pod_ips) + _alias_block(aliases)


def host_network_hosts(host_file: str, aliases: Sequence[HostAlias]) -> str:
    """For a pod on the host's network: the host's own file, then the aliases."""
    return _HEADER_HOST_NETWORK + host_file + _alias_block(aliases)


def _alias_block(aliases: Sequence[HostAlias]) -> str:
    if not aliases:
        return ""
    lines = "".join(f"{alias.ip}\t" + "\t".join(alias.hostnames) + "\n" for alias in aliases)
    return "\n# Entries added by HostAliases.\n" + lines
