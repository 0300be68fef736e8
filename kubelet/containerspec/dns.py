"""The resolver settings of a pod (pkg/kubelet/network/dns).

    None                       only what dnsConfig says
    ClusterFirst               the cluster's DNS; on the host's network: as Default
    ClusterFirstWithHostNet    the cluster's DNS
    Default                    the node's resolv.conf

dnsConfig is merged on top; what exceeds the resolver's limits is cut off and reported. Pure: the node's resolv.conf
comes in as text.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from cri.v1 import api_pb2 as cri
from kubelet.api.meta import formatted
from kubelet.api.types import Pod, PodDNSConfig
from kubelet.containerspec.context import NodeContext
from kubelet.containerspec.errors import SpecWarning

MAX_NAMESERVERS = 3
MAX_SEARCH_PATHS = 32
MAX_SEARCH_CHARS = 2048
MAX_SEARCH_PATH_CHARS = 253
"""Some resolvers abort on a longer one."""
MAX_RESOLV_CONF_BYTES = 10 * 1024 * 1024
DEFAULT_OPTIONS = ("ndots:5",)


class ResolvConfError(ValueError):
    """The node's resolv.conf cannot be used."""


@dataclass(frozen=True, slots=True)
class ResolvConf:
    """nameserver lines accumulate, the last search line wins, options are merged by name."""

    servers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def parse_resolv_conf(text: str) -> ResolvConf:
    """Raises ResolvConfError for a nameserver line without an address."""
    servers: list[str] = []
    searches: list[str] = []
    options: dict[str, str] = {}
    for line in text.split("\n"):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "nameserver":
            if len(words) < 2:
                raise ResolvConfError("nameserver list is empty ")
            servers.append(words[1])
        elif words[0] == "search":
            # `example.org.` and `example.org` are one path, and must count once.
            searches = [word.removesuffix(".") for word in words[1:] if word != "."]
        elif words[0] == "options":
            options.update((word.split(":")[0], word) for word in words[1:])
    return ResolvConf(tuple(servers), tuple(searches), tuple(options.values()))


def pod_dns(pod: Pod, host: ResolvConf, context: NodeContext) -> tuple[cri.DNSConfig, tuple[SpecWarning, ...]]:
    """The pod's settings, and the events that they deserve."""
    warnings: list[SpecWarning] = []
    policy = _effective_policy(pod)
    if policy == "ClusterFirst" and not context.cluster_dns:
        text = ('kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy. '
                'Falling back to "Default" policy.')
        warnings += [SpecWarning("MissingClusterDNS", text, about_node=True),
                     SpecWarning("MissingClusterDNS", f'pod: "{formatted(pod)}". {text}')]
        policy = "Default"
    if policy == "None":
        settings = ResolvConf()
    elif policy == "ClusterFirst":
        settings = ResolvConf(context.cluster_dns, _cluster_searches(pod, host.searches, context.cluster_domain),
                              DEFAULT_OPTIONS)
    elif context.resolv_conf is None:
        settings = ResolvConf(_loopback_servers(context.node_ips), (".",), ())
    else:
        settings = host
    if pod.spec.dns_config is not None:
        settings = _merge(settings, pod.spec.dns_config)
    servers = _cut_servers(settings.servers, warnings)
    searches = _cut_searches(settings.searches, warnings)
    return cri.DNSConfig(servers=servers, searches=searches, options=settings.options), tuple(warnings)


def _effective_policy(pod: Pod) -> str:
    match pod.spec.dns_policy:
        case "None" | "Default" as policy:
            return policy
        case "ClusterFirst" | "" if pod.spec.host_network:
            return "Default"
    return "ClusterFirst"


def _cluster_searches(pod: Pod, host: tuple[str, ...], domain: str) -> tuple[str, ...]:
    if not domain:
        return host
    return _unique((f"{pod.metadata.namespace}.svc.{domain}", f"svc.{domain}", domain, *host))


def _loopback_servers(node_ips: tuple[str, ...]) -> tuple[str, ...]:
    """`--resolv-conf ""`: a resolver on the machine itself, which switches look-ups off where there is none."""
    return tuple("::1" if ":" in ip else "127.0.0.1" for ip in node_ips) or ("127.0.0.1",)


def _unique(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))


def _merge(settings: ResolvConf, extra: PodDNSConfig) -> ResolvConf:
    options = dict(_split_option(option) for option in settings.options)
    options.update((option.name, option.value) for option in extra.options)
    return ResolvConf(
        _unique((*settings.servers, *extra.nameservers)), _unique((*settings.searches, *extra.searches)),
        tuple(f"{name}:{value}" if value else name for name, value in options.items()),
    )


def _split_option(option: str) -> tuple[str, str]:
    name, _, value = option.partition(":")
    return name, value


def _cut_servers(servers: tuple[str, ...], warnings: list[SpecWarning]) -> tuple[str, ...]:
    if len(servers) <= MAX_NAMESERVERS:
        return servers
    kept = servers[:MAX_NAMESERVERS]
    warnings.append(SpecWarning(
        "DNSConfigForming", "Nameserver limits were exceeded, some nameservers have been omitted, the applied "
        f"nameserver line is: {' '.join(kept)}"))
    return kept


def _cut_searches(searches: tuple[str, ...], warnings: list[SpecWarning]) -> tuple[str, ...]:
    kept = [path for path in searches[:MAX_SEARCH_PATHS] if len(path) <= MAX_SEARCH_PATH_CHARS]
    while len(" ".join(kept)) > MAX_SEARCH_CHARS:
        kept.pop()
    if len(kept) < len(searches):
        warnings.append(SpecWarning(
            "DNSConfigForming", "Search Line limits were exceeded, some search paths have been omitted, the applied "
            f"search line is: {' '.join(kept)}"))
    return tuple(kept)


def check_host_limits(context: NodeContext, text: str) -> SpecWarning | None:
    """The node's own resolv.conf against the limits, once when the sync loop starts (CheckLimitsForResolvConf)."""
    try:
        searches = parse_resolv_conf(text).searches
    except ResolvConfError as error:
        return _host_warning(str(error))
    limit = MAX_SEARCH_PATHS - (3 if context.cluster_domain else 0)
    name = context.resolv_conf
    if len(searches) > limit:
        return _host_warning(f"Resolv.conf file '{name}' contains search line consisting of more than {limit} domains!")
    if any(len(path) > MAX_SEARCH_PATH_CHARS for path in searches):
        return _host_warning(f'Resolv.conf file "{name}" contains a search path which length is more than allowed '
                             f"{MAX_SEARCH_PATH_CHARS} chars!")
    if len(" ".join(searches)) > MAX_SEARCH_CHARS:
        return _host_warning(f"Resolv.conf file '{name}' contains search line which length is more than allowed "
                             f"{MAX_SEARCH_CHARS} chars!")
    return None


def _host_warning(message: str) -> SpecWarning:
    return SpecWarning("CheckLimitsForResolvConf", message, about_node=True)
