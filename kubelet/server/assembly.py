"""From the agent's configuration to servers that can run: settings, certificates, who may ask."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from kubelet.certificates import SERVING_PREFIX, PairStore
from kubelet.config import KubeletConfiguration, KubeletFlags, enabled
from kubelet.metrics import KubeletMetrics
from kubelet.metrics.storage import DiskFigures
from kubelet.server.authentication import Authenticator, ReviewClient
from kubelet.server.authorization import AlwaysAllow, AlwaysDeny, Authorizer, SubjectAccessReviews
from kubelet.server.handlers import Handlers
from kubelet.server.nodestats import NodeUsage
from kubelet.server.podstorage import PodStorage, pod_figures
from kubelet.server.selfsigned import ensure_self_signed_apart
from kubelet.server.server import KubeletServer
from kubelet.server.settings import AUTHORIZATION_ALWAYS_ALLOW, ServerSettings, TLSSettings
from kubelet.server.stats import StatsProvider
from kubelet.server.streaming import StreamingProxy, StreamingRuntime
from kubelet.server.tls import ReloadingContext
from kubelet.server.view import ConfigView, HealthView, NodeView, StatsImages, StatsRuntime

logger = logging.getLogger(__name__)

class ServerRuntime(StatsRuntime, StreamingRuntime, Protocol):
    """All that the servers ask of the CRI's RuntimeService."""


def server_settings(config: KubeletConfiguration, node_name: str, root_dir: Path) -> ServerSettings:
    return ServerSettings(
        node_name=node_name, enable_server=config.enable_server, address=config.address, port=config.port,
        read_only_port=config.read_only_port, healthz_address=config.healthz_bind_address,
        healthz_port=config.healthz_port, enable_debugging_handlers=config.enable_debugging_handlers,
        enable_profiling_handler=config.enable_profiling_handler,
        enable_debug_flags_handler=config.enable_debug_flags_handler,
        enable_system_log_handler=config.enable_system_log_handler,
        enable_system_log_query=config.enable_system_log_query,
        split_log_streams=enabled("PodLogsQuerySplitStreams", config.feature_gates),
        checkpoints=root_dir / "checkpoints", runtime_request_timeout=int(config.runtime_request_timeout),
    )


def tls_settings(
    config: KubeletConfiguration, flags: KubeletFlags, hostname: str, addresses: Sequence[str]
) -> TLSSettings:
    """Which files to serve with: the one that the cluster issues, else those configured; with neither, our own, made if
    need be.

    Blocking. Raises OSError when a certificate has to be made and cannot be written.
    """
    issued = PairStore(SERVING_PREFIX, Path(flags.cert_dir)).current_path if config.server_tls_bootstrap else None
    pair: tuple[Path | None, Path | None] = None, None
    if config.tls_cert_file or config.tls_private_key_file:
        pair = Path(config.tls_cert_file), Path(config.tls_private_key_file)
    elif issued is None:
        pair = ensure_self_signed_apart(Path(flags.cert_dir), hostname, addresses)
    elif not issued.exists():
        logger.warning("serverTLSBootstrap: port %d refuses connections until the cluster has signed a certificate: "
                       "kubectl get csr, kubectl certificate approve missing=%s", config.port, issued)
    return TLSSettings(
        *pair, issued_file=issued, client_ca_file=config.authentication.x509.client_ca_file,
        min_version=config.tls_min_version, cipher_suites=config.tls_cipher_suites,
        curves=config.tls_curve_preferences,
    )


def make_authenticator(config: KubeletConfiguration, client: ReviewClient | None) -> Authenticator:
    authentication = config.authentication
    return Authenticator(
        client if authentication.webhook.enabled else None, anonymous=authentication.anonymous.enabled,
        token_ttl=float(authentication.webhook.cache_ttl), tokens=authentication.webhook.enabled,
    )


def make_authorizer(config: KubeletConfiguration, client: ReviewClient | None) -> Authorizer:
    """Webhook without an API server to ask lets nobody in, and says so once."""
    if config.authorization.mode == AUTHORIZATION_ALWAYS_ALLOW:
        return AlwaysAllow()
    if client is None:
        logger.warning("authorization.mode is Webhook and there is no API server to ask: port %d refuses everybody",
                       config.port)
        return AlwaysDeny()
    webhook = config.authorization.webhook
    return SubjectAccessReviews(
        client, authorized_ttl=float(webhook.cache_authorized_ttl),
        unauthorized_ttl=float(webhook.cache_unauthorized_ttl),
    )


async def make_server(
    config: KubeletConfiguration, flags: KubeletFlags, *, node_name: str, hostname: str, addresses: Sequence[str],
    node: NodeView, health: HealthView, shown: ConfigView, metrics: KubeletMetrics, runtime: ServerRuntime,
    images: StatsImages, api: ReviewClient | None, pods_cgroup: Callable[[], str] = lambda: "",
) -> KubeletServer:
    """Everything of the servers, ready to `run`. Raises TLSError and OSError: one clear line for the operator.

    `pods_cgroup` is asked when it is needed: its driver is known only once the runtime has told it."""
    settings = server_settings(config, node_name, Path(flags.root_dir))
    tls = None
    if config.enable_server:
        files = await asyncio.to_thread(tls_settings, config, flags, hostname, addresses)
        tls = await asyncio.to_thread(ReloadingContext, files)
    storage = PodStorage(Path(flags.root_dir), Path(config.pod_logs_dir), float(config.volume_stats_agg_period))
    stats = StatsProvider(
        node_name, runtime, images, Path(flags.root_dir), node.pods, usage=NodeUsage(pods_cgroup),
        storage=storage)
    await asyncio.to_thread(stats.begin)
    metrics.show(DiskFigures(lambda: pod_figures(node.pods(), storage.known())))
    handlers = Handlers(settings, node, health, shown, metrics, stats, runtime, streaming=StreamingProxy(
        runtime, lambda subresource: metrics.websocket_streaming_requests_total.labels(subresource).inc()))
    return KubeletServer(
        settings, handlers, make_authenticator(config, api), make_authorizer(config, api), metrics, tls
    )
