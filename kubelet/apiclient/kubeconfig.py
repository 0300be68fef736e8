"""Reads a kubeconfig: who the API server is, and how this node proves who it is.

`parse` is pure: text in, `ClusterAccess` out, or one line that names the file and the field. Nothing is opened here
but the kubeconfig itself; certificate and token files are read by `credentials` at the time of use, since others
rotate them. Why not the loader of the `kubernetes` package: docs/decisions/kubeconfig-loader.md.

Source: client-go/tools/clientcmd/api/v1/types.go. Relative paths in a kubeconfig start at its own directory.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from kubelet.api import yamljson
from kubelet.api.codec import InvalidObjectError, convert


class KubeconfigError(Exception):
    """A kubeconfig that cannot be used: one line with the file, the path to the field, and what to do."""

    def __init__(self, file: str, path: str, problem: str) -> None:
        super().__init__(f"kubeconfig {file}: {path}: {problem}" if path else f"kubeconfig {file}: {problem}")
        self.file, self.path, self.problem = file, path, problem


@dataclass(frozen=True, slots=True)
class Material:
    """Bytes that stand in the kubeconfig (`inline`), or in a file that may change under us."""

    file: Path | None = None
    inline: bytes = field(default=b"", repr=False)
    where: str = ""
    """The field that names it, for errors."""


@dataclass(frozen=True, slots=True)
class ExecPlugin:
    """A program that prints credentials (client.authentication.k8s.io ExecCredential)."""

    command: str
    api_version: str
    arguments: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    install_hint: str = ""
    provide_cluster_info: bool = False


@dataclass(frozen=True, slots=True)
class ClusterAccess:
    """Everything that a connection to the API server needs. `source` is the kubeconfig it came from."""

    source: str
    server: str
    certificate_authority: Material | None = None
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""
    namespace: str = ""
    client_certificate: Material | None = None
    client_key: Material | None = None
    token: Material | None = None
    basic: tuple[str, str] | None = field(default=None, repr=False)
    exec_plugin: ExecPlugin | None = None
    impersonate: str = ""


class _EnvVar(msgspec.Struct):
    name: str
    value: str = ""


class _Exec(msgspec.Struct, rename="camel"):
    command: str
    api_version: str
    args: tuple[str, ...] = ()
    env: tuple[_EnvVar, ...] = ()
    install_hint: str = ""
    provide_cluster_info: bool = False


class _Cluster(msgspec.Struct, rename="kebab"):
    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""


class _User(msgspec.Struct, rename={
    "client_certificate": "client-certificate", "client_certificate_data": "client-certificate-data",
    "client_key": "client-key", "client_key_data": "client-key-data", "token_file": "tokenFile",
    "auth_provider": "auth-provider", "impersonate": "as",
}):
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    token: str = ""
    token_file: str = ""
    username: str = ""
    password: str = ""
    impersonate: str = ""
    exec: _Exec | None = None
    auth_provider: dict[str, Any] = {}


class _Context(msgspec.Struct):
    cluster: str
    user: str = ""
    namespace: str = ""


class _NamedCluster(msgspec.Struct):
    name: str
    cluster: _Cluster = msgspec.field(default_factory=_Cluster)


class _NamedUser(msgspec.Struct):
    name: str
    user: _User = msgspec.field(default_factory=_User)


class _NamedContext(msgspec.Struct):
    name: str
    context: _Context


class _Kubeconfig(msgspec.Struct, rename={"current_context": "current-context"}):
    kind: str = "Config"
    current_context: str = ""
    clusters: tuple[_NamedCluster, ...] = ()
    users: tuple[_NamedUser, ...] = ()
    contexts: tuple[_NamedContext, ...] = ()


def read(file: Path, flag: str = "--kubeconfig") -> ClusterAccess:
    """The access of the file's current context; `flag` named the file. Raises KubeconfigError."""
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise KubeconfigError(str(file), "", f"no such file; check {flag}") from None
    except OSError as error:
        raise KubeconfigError(str(file), "", f"cannot be read: {error.strerror or error}; check {flag} and the "
                                             "file's mode") from None
    return parse(data, file)


def parse(data: bytes, file: Path) -> ClusterAccess:
    """As `read`, from the file's bytes; `file` is for errors and relative paths."""
    name = str(file)
    try:
        value = yamljson.load(data, name)
        if not isinstance(value, dict):
            raise KubeconfigError(name, "", "holds no kubeconfig; write a mapping with clusters, users and contexts")
        config = convert(value, _Kubeconfig, name)
    except InvalidObjectError as error:
        raise KubeconfigError(name, error.path.removeprefix("$."), error.problem) from None
    if config.kind != "Config":
        raise KubeconfigError(name, "kind", f"is {config.kind!r}, not 'Config'; is this a kubeconfig?")
    return _access(config, file)


def _access(config: _Kubeconfig, file: Path) -> ClusterAccess:
    name = str(file)
    if not config.current_context:
        raise KubeconfigError(name, "current-context", "is not set; name one of: " + _names(config.contexts))
    context = next((item for item in config.contexts if item.name == config.current_context), None)
    if context is None:
        raise KubeconfigError(name, "current-context", f"names {config.current_context!r}, which is not in contexts; "
                                                       f"known: {_names(config.contexts)}")
    where = f"contexts[name={context.name}].context"
    cluster = next((item.cluster for item in config.clusters if item.name == context.context.cluster), None)
    if cluster is None:
        raise KubeconfigError(name, f"{where}.cluster", f"names {context.context.cluster!r}, which is not in clusters; "
                                                        f"known: {_names(config.clusters)}")
    user = next((item.user for item in config.users if item.name == context.context.user), None)
    if user is None and context.context.user:
        raise KubeconfigError(name, f"{where}.user", f"names {context.context.user!r}, which is not in users; "
                                                     f"known: {_names(config.users)}")
    reader = _Reader(file)
    at = f"clusters[name={context.context.cluster}].cluster"
    server = _server(reader, cluster, at)
    credentials = _credentials(reader, user or _User(), f"users[name={context.context.user}].user")
    return ClusterAccess(
        source=name, server=server, namespace=context.context.namespace,
        certificate_authority=reader.material(cluster.certificate_authority, cluster.certificate_authority_data,
                                              f"{at}.certificate-authority"),
        insecure_skip_tls_verify=cluster.insecure_skip_tls_verify, tls_server_name=cluster.tls_server_name,
        proxy_url=_proxy(reader, cluster, at), **credentials,
    )


def _names(items: Sequence[_NamedCluster | _NamedUser | _NamedContext]) -> str:
    return ", ".join(item.name for item in items) or "(none)"


@dataclass(frozen=True)
class _Reader:
    file: Path

    def error(self, path: str, problem: str) -> KubeconfigError:
        return KubeconfigError(str(self.file), path, problem)

    def path(self, text: str) -> Path:
        return (self.file.absolute().parent / text).absolute()

    def material(self, path: str, data: str, where: str) -> Material | None:
        """Inline data wins over the file, as in client-go."""
        if data:
            try:
                inline = base64.b64decode("".join(data.split()), validate=True)
            except (binascii.Error, ValueError):
                problem = "is not base64; write the PEM file's content as one base64 line"
                raise self.error(f"{where}-data", problem) from None
            if b"-----BEGIN" not in inline:
                raise self.error(f"{where}-data", "holds no PEM block; encode the whole PEM file")
            return Material(inline=inline, where=f"{where}-data")
        return Material(file=self.path(path), where=where) if path else None


def _server(reader: _Reader, cluster: _Cluster, at: str) -> str:
    parts = urlsplit(cluster.server if "://" in cluster.server else f"https://{cluster.server}")
    try:
        usable = bool(cluster.server) and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise reader.error(f"{at}.server", f"is {cluster.server!r}; write an address like https://host:6443")
    if cluster.insecure_skip_tls_verify and (cluster.certificate_authority or cluster.certificate_authority_data):
        raise reader.error(f"{at}.insecure-skip-tls-verify", "cannot be true together with certificate-authority; "
                                                             "remove one of them")
    return parts.geturl().rstrip("/")


def _proxy(reader: _Reader, cluster: _Cluster, at: str) -> str:
    if cluster.proxy_url and urlsplit(cluster.proxy_url).scheme not in ("http", "https"):
        raise reader.error(f"{at}.proxy-url", f"is {cluster.proxy_url!r}; name an http:// or https:// proxy")
    return cluster.proxy_url


def _credentials(reader: _Reader, user: _User, at: str) -> dict[str, Any]:
    certificate = reader.material(user.client_certificate, user.client_certificate_data, f"{at}.client-certificate")
    key = reader.material(user.client_key, user.client_key_data, f"{at}.client-key")
    if (certificate is None) != (key is None):
        missing = "client-key" if key is None else "client-certificate"
        raise reader.error(f"{at}.{missing}", "is missing; a client certificate and its key go together")
    if user.auth_provider:
        raise reader.error(f"{at}.auth-provider", "is not supported (upstream removed it too); use exec instead")
    plugin = user.exec
    if plugin is not None and not plugin.command:
        raise reader.error(f"{at}.exec.command", "is empty; name the credential program")
    if plugin is not None and plugin.api_version not in EXEC_VERSIONS:
        raise reader.error(f"{at}.exec.apiVersion", f"is {plugin.api_version!r}; use {' or '.join(EXEC_VERSIONS)}")
    token = None
    if user.token_file:
        token = Material(file=reader.path(user.token_file), where=f"{at}.tokenFile")
    elif user.token:
        token = Material(inline=user.token.encode(), where=f"{at}.token")
    return {
        "client_certificate": certificate, "client_key": key, "token": token, "impersonate": user.impersonate,
        "basic": (user.username, user.password) if user.username else None,
        "exec_plugin": None if plugin is None else ExecPlugin(
            command=_command(reader, plugin.command), api_version=plugin.api_version, arguments=plugin.args,
            environment=tuple((item.name, item.value) for item in plugin.env), install_hint=plugin.install_hint,
            provide_cluster_info=plugin.provide_cluster_info,
        ),
    }


EXEC_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


def _command(reader: _Reader, command: str) -> str:
    """A bare name is looked up in PATH; a path with a slash starts at the kubeconfig's directory."""
    return command if "/" not in command else str(reader.path(command))
