"""What the servers are told at the start, in plain values (from KubeletConfiguration and flags)."""

from dataclasses import dataclass
from pathlib import Path

AUTHORIZATION_ALWAYS_ALLOW = "AlwaysAllow"
AUTHORIZATION_WEBHOOK = "Webhook"


@dataclass(frozen=True, slots=True)
class TLSSettings:
    """Files of the serving certificate (PEM), and what is demanded of clients. `client_ca_file` "": no certificates.
    `issued_file` holds a certificate of the cluster and its key, and counts as soon as it exists; without other files
    nobody is served until then.

    `min_version`, `cipher_suites` and `curves` are those of the configuration: VersionTLS12, TLS_ECDHE_…, 29.
    """

    cert_file: Path | None
    key_file: Path | None
    client_ca_file: str = ""
    min_version: str = ""
    cipher_suites: tuple[str, ...] = ()
    curves: tuple[int, ...] = ()
    issued_file: Path | None = None


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """authentication and authorization of KubeletConfiguration; times in seconds."""

    anonymous: bool = False
    webhook_authentication: bool = True
    token_ttl: float = 120.0
    authorization_mode: str = AUTHORIZATION_WEBHOOK
    authorized_ttl: float = 300.0
    unauthorized_ttl: float = 30.0


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """A port of 0 switches its server off, but for `port`, which tests let the kernel choose.

    `enable_*` are the fields of the same name in KubeletConfiguration; `split_log_streams` is the gate
    PodLogsQuerySplitStreams.
    """

    node_name: str
    enable_server: bool = True
    address: str = "0.0.0.0"
    port: int = 10250
    read_only_port: int = 0
    healthz_address: str = "127.0.0.1"
    healthz_port: int = 10248
    enable_debugging_handlers: bool = True
    enable_profiling_handler: bool = True
    enable_debug_flags_handler: bool = True
    enable_system_log_handler: bool = True
    enable_system_log_query: bool = False
    split_log_streams: bool = False
    log_root: Path = Path("/var/log")
    checkpoints: Path = Path("/var/lib/kubelet/checkpoints")
    runtime_request_timeout: int = 120
    """Seconds."""
