"""A small real node for the servers, and certificates made on the spot."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from ssl import SSLContext
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cri.errors import UnimplementedError
from cri.v1 import api_pb2 as cri
from kubelet.api.types import (
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStatus,
    ObjectMeta,
    Pod,
    PodSpec,
    PodStatus,
)
from kubelet.metrics import KubeletMetrics
from kubelet.server.authentication import Authenticator
from kubelet.server.authorization import AlwaysAllow, Authorizer
from kubelet.server.handlers import Handlers
from kubelet.server.server import KubeletServer
from kubelet.server.settings import ServerSettings
from kubelet.server.stats import StatsProvider
from kubelet.server.tls import ReloadingContext


def web_pod(log_id: str = "docker://c1") -> Pod:
    return Pod(
        api_version="v1", kind="Pod", metadata=ObjectMeta(name="web", namespace="default", uid="u1"),
        spec=PodSpec(containers=(Container(name="c", image="example/web:1"),)),
        status=PodStatus(phase="Running", start_time="2026-01-01T00:00:00Z", container_statuses=(ContainerStatus(
            name="c", image="example/web:1", image_id="", ready=True, restart_count=1, container_id=log_id,
            state=ContainerState(running=ContainerStateRunning(started_at="2026-01-01T00:00:05Z")),
            last_state=ContainerState(terminated=ContainerStateTerminated(exit_code=1, container_id="docker://c0"))),)),
    )


@dataclass
class Node:
    """What the server asks of a kubelet, as plain values."""

    all: list[Pod] = field(default_factory=lambda: [web_pod()])
    logs: dict[str, Path] = field(default_factory=dict)
    running: set[str] = field(default_factory=lambda: {"c1"})
    errors: dict[str, str] = field(default_factory=lambda: {"ping": "", "log": "", "syncloop": ""})

    def pods(self) -> Sequence[Pod]:
        return self.all

    def pod_by_name(self, namespace: str, name: str) -> Pod | None:
        return next((pod for pod in self.all if (pod.metadata.namespace, pod.metadata.name) == (namespace, name)), None)

    async def running_pods(self) -> Sequence[Pod]:
        return self.all

    async def log_path(self, pod: Pod, container_id: str) -> Path | None:
        return self.logs.get(container_id)

    async def is_running(self, container_id: str) -> bool:
        return container_id in self.running

    def checks(self) -> Mapping[str, str]:
        return self.errors

    def configz(self) -> Mapping[str, Any]:
        return {"kind": "KubeletConfiguration", "apiVersion": "kubelet.config.k8s.io/v1beta1", "port": 10250}

    def flags(self) -> Mapping[str, str]:
        return {"root-dir": "/var/lib/kubelet", "address": "0.0.0.0"}


class Runtime:
    """CRI statistics of one pod with one container, and a command runner that repeats its command."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.commands: list[list[str]] = []
        self.checkpoints: list[cri.CheckpointContainerRequest] = []
        self.exit_code = 0
        self.metrics: tuple[list[cri.MetricDescriptor], list[cri.PodSandboxMetrics]] | None = None

    async def ListMetricDescriptors(self, request):
        if self.failure is not None:
            raise self.failure
        if self.metrics is None:
            raise UnimplementedError("unknown method ListMetricDescriptors")
        return cri.ListMetricDescriptorsResponse(descriptors=self.metrics[0])

    async def ListPodSandboxMetrics(self, request):
        assert self.metrics is not None
        return cri.ListPodSandboxMetricsResponse(pod_metrics=self.metrics[1])

    async def CheckpointContainer(self, request):
        if self.failure is not None:
            raise self.failure
        self.checkpoints.append(request)
        return cri.CheckpointContainerResponse()

    async def ListPodSandboxStats(self, request):
        if self.failure is not None:
            raise self.failure
        labels = {"io.kubernetes.pod.name": "web", "io.kubernetes.pod.namespace": "default",
                  "io.kubernetes.pod.uid": "u1", "io.kubernetes.container.name": "c"}
        stamp = 1_767_225_700 * 10**9
        cpu = cri.CpuUsage(timestamp=stamp, usage_core_nano_seconds=cri.UInt64Value(value=5 * 10**9),
                           usage_nano_cores=cri.UInt64Value(value=250_000_000))
        memory = cri.MemoryUsage(timestamp=stamp, working_set_bytes=cri.UInt64Value(value=1 << 20),
                                 usage_bytes=cri.UInt64Value(value=2 << 20), rss_bytes=cri.UInt64Value(value=1 << 19))
        container = cri.ContainerStats(
            attributes=cri.ContainerAttributes(id="c1", metadata=cri.ContainerMetadata(name="c", attempt=1),
                                               labels=labels),
            cpu=cpu, memory=memory,
            writable_layer=cri.FilesystemUsage(timestamp=stamp, used_bytes=cri.UInt64Value(value=4096),
                                               inodes_used=cri.UInt64Value(value=3)))
        network = cri.NetworkUsage(timestamp=stamp, default_interface=cri.NetworkInterfaceUsage(
            name="eth0", rx_bytes=cri.UInt64Value(value=10), tx_bytes=cri.UInt64Value(value=20)))
        return cri.ListPodSandboxStatsResponse(stats=[cri.PodSandboxStats(
            attributes=cri.PodSandboxAttributes(id="s1", metadata=cri.PodSandboxMetadata(
                name="web", namespace="default", uid="u1"), labels=labels),
            linux=cri.LinuxPodSandboxStats(cpu=cpu, memory=memory, network=network, containers=[container]))])

    async def ImageFsInfo(self, request):
        return cri.ImageFsInfoResponse(image_filesystems=[cri.FilesystemUsage(
            fs_id=cri.FilesystemIdentifier(mountpoint="/"), used_bytes=cri.UInt64Value(value=7))])

    async def ExecSync(self, request):
        self.commands.append(list(request.cmd))
        return cri.ExecSyncResponse(stdout=" ".join(request.cmd).encode(), stderr=b"!", exit_code=self.exit_code)


@dataclass
class Serving:
    """A running server and a client of it."""

    server: KubeletServer
    session: aiohttp.ClientSession
    scheme: str = "http"
    ssl: SSLContext | None = None

    def url(self, path: str, server: str = "main") -> str:
        scheme = self.scheme if server == "main" else "http"
        return f"{scheme}://127.0.0.1:{self.server.bound_ports[server]}{path}"

    async def ask(self, path: str, method: str = "GET", server: str = "main", **options) -> tuple[int, str]:
        from yarl import URL

        url = URL(self.url(path, server), encoded=True)
        async with self.session.request(method, url, ssl=self.ssl or True, **options) as response:
            return response.status, await response.text()


@asynccontextmanager
async def serve(
    node: Node | None = None, *, authenticator: Authenticator | None = None, authorizer: Authorizer | None = None,
    tls: ReloadingContext | None = None, runtime: Runtime | None = None, metrics: KubeletMetrics | None = None,
    client_context: SSLContext | None = None, now: Callable[[], float] | None = None, **settings: Any,
) -> AsyncIterator[Serving]:
    chosen = ServerSettings(node_name="node-1", address="127.0.0.1", **{"port": 0, "healthz_port": 0, **settings})
    node, runtime, metrics = node or Node(), runtime or Runtime(), metrics or KubeletMetrics("node-1")
    stats = StatsProvider("node-1", runtime, runtime, Path("/"), node.pods)
    handlers = Handlers(chosen, node, node, node, metrics, stats, runtime, **({"now": now} if now else {}))
    server = KubeletServer(chosen, handlers, authenticator or Authenticator(None, anonymous=True),
                           authorizer or AlwaysAllow(), metrics, tls)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(server.run())
        await server.started.wait()
        async with aiohttp.ClientSession() as session:
            yield Serving(server, session, "https" if tls else "http", client_context)
        task.cancel()


@pytest.fixture
def serving():
    return serve


@pytest.fixture
def node() -> Node:
    return Node()


@pytest.fixture
def runtime() -> Runtime:
    return Runtime()


class Authority:
    """A certificate authority in a directory."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory, self.name = directory, name
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign(name, self.key, ca=True)
        self.file = directory / f"{name}.crt"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _sign(self, common_name: str, key, *, ca: bool = False, organizations: Sequence[str] = (),
              client: bool = False, expired: bool = False) -> x509.Certificate:
        now = datetime.now(UTC)
        names = [x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, name) for name in organizations]
        if common_name:
            names.append(x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name))
        issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, self.name)])
        usage = x509.oid.ExtendedKeyUsageOID
        builder = (
            x509.CertificateBuilder().subject_name(x509.Name(names)).issuer_name(issuer).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=2))
            .not_valid_after(now + timedelta(days=-1 if expired else 1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(_loopback())]), False)
        )
        if not ca:
            purpose = usage.CLIENT_AUTH if client else usage.SERVER_AUTH
            builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, common_name: str, *organizations: str, client: bool = True, expired: bool = False,
              file_name: str = "") -> tuple[Path, Path]:
        """(certificate file, key file)."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(common_name, key, organizations=organizations, client=client, expired=expired)
        stem = file_name or f"{self.name}-{common_name.replace(':', '-') or 'nobody'}"
        cert_file, key_file = self.directory / f"{stem}.pem", self.directory / f"{stem}.key"
        cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                               serialization.NoEncryption()))
        return cert_file, key_file

    def client_context(self, pair: tuple[Path, Path] | None = None) -> SSLContext:
        """A client that trusts this authority and shows `pair`."""
        context = ssl.create_default_context(cafile=str(self.file))
        if pair:
            context.load_cert_chain(*pair)
        return context


def _loopback():
    import ipaddress

    return ipaddress.ip_address("127.0.0.1")


@pytest.fixture
def authority(tmp_path: Path) -> Callable[[str], Authority]:
    return lambda name: Authority(tmp_path, name)
