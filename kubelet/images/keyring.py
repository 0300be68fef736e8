"""Which credentials to try for an image: pull secrets of the pod first, then the node's own files.

    docker config (`auths`) or legacy dockercfg ─▶ entries by registry[/path] ─▶ lookup(repository) ─▶ credentials

Matching is upstream's (pkg/credentialprovider/keyring.go): host labels may be globs, ports must be equal, a path
must be a prefix; the most specific entry comes first. Pure, except `read_node_config`. Secrets never show in a repr.
"""

import base64
import binascii
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from kubelet.api.types import Secret

logger = logging.getLogger(__name__)

_DEFAULT_REGISTRY: Final = "index.docker.io"
_CONFIG_JSON_TYPE, _CONFIG_JSON_KEY = "kubernetes.io/dockerconfigjson", ".dockerconfigjson"
_DOCKERCFG_TYPE, _DOCKERCFG_KEY = "kubernetes.io/dockercfg", ".dockercfg"
MAX_CONFIG_BYTES: Final = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Credential:
    """One login. `source` says where it came from, for records and logs."""

    username: str
    password: str = field(repr=False)
    source: str = ""


class InvalidDockerConfigError(ValueError):
    """A docker config that cannot be read; says what is wrong without showing it."""


class Keyring:
    """Credentials by registry, in the order in which they are to be tried."""

    def __init__(self) -> None:
        self._entries: dict[str, list[Credential]] = {}

    def add(self, auths: Mapping[str, Credential]) -> None:
        """Add the logins of one docker config, keyed by its registry names."""
        for location, credential in auths.items():
            try:
                key = _key(location)
            except ValueError:
                logger.warning("ignoring an entry of a docker config that names no registry entry=%s", location)
                continue
            self._entries.setdefault(key, []).append(credential)

    def lookup(self, repository: str) -> list[Credential]:
        """What to try for `repository` (registry/path, no tag); empty means anonymous."""
        found = [credential for key in sorted(self._entries, reverse=True) if _matches(key, repository)
                 for credential in self._entries[key]]
        if not found and _is_default_registry(repository):
            found = self._entries.get(_DEFAULT_REGISTRY, [])
        return list(found)


def _key(location: str) -> str:
    """`https://index.docker.io/v1/` -> `index.docker.io`. Raises ValueError."""
    url = location if location.startswith(("https://", "http://")) else f"https://{location}"
    parsed = urlsplit(url)
    path = parsed.path[3:] if parsed.path.startswith(("/v1/", "/v2/")) else parsed.path
    return parsed.netloc + (path if path not in ("", "/") else "")


def location_matches(pattern: str, repository: str) -> bool:
    """Whether a registry, or part of one, as configuration files write them (globs, perhaps a scheme) is that of
    `repository`."""
    try:
        return _matches(_key(pattern), repository)
    except ValueError:
        return False


def _matches(glob: str, target: str) -> bool:
    glob_host, _, glob_path = glob.partition("/")
    host, _, path = target.partition("/")
    glob_name, _, glob_port = glob_host.partition(":")
    name, _, port = host.partition(":")
    glob_labels, labels = glob_name.split("."), name.split(".")
    return (glob_port == port and len(glob_labels) == len(labels) and f"/{path}".startswith(f"/{glob_path}")
            and all(fnmatchcase(label, pattern) for pattern, label in zip(glob_labels, labels, strict=True)))


def _is_default_registry(repository: str) -> bool:
    first, slash, _ = repository.partition("/")
    return bool(first) and (not slash or first in ("docker.io", _DEFAULT_REGISTRY)
                            or not any(char in first for char in ".:"))


def parse_docker_config(data: bytes, source: str, *, legacy: bool = False) -> dict[str, Credential]:
    """The logins in a docker config; `legacy`: the form without `auths` around it. Raises InvalidDockerConfigError."""
    try:
        document: Any = msgspec.json.decode(data)
    except msgspec.DecodeError:
        raise InvalidDockerConfigError(f"{source} is not valid JSON") from None
    auths = document if legacy else document.get("auths", {}) if isinstance(document, dict) else None
    if not isinstance(auths, dict):
        raise InvalidDockerConfigError(f"{source} holds no registry entries")
    return {location: _credential(entry, f"{source}: {location}", source) for location, entry in auths.items()}


def _credential(entry: Any, where: str, source: str) -> Credential:
    if not isinstance(entry, dict):
        raise InvalidDockerConfigError(f"{where} is not a mapping")
    username, password = str(entry.get("username", "")), str(entry.get("password", ""))
    if auth := entry.get("auth"):
        try:
            username, colon, password = base64.b64decode(str(auth)).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise InvalidDockerConfigError(f"{where} has an auth that is not base64") from None
        if not colon:
            raise InvalidDockerConfigError(f"{where} has an auth without a colon")
    return Credential(username, password, source)


def keyring_of(secrets: Iterable[Secret], node: Mapping[str, Credential]) -> tuple[Keyring, Keyring]:
    """The pod's keyring and the node's, in the order of use. Raises InvalidDockerConfigError for a bad pull secret."""
    pods, nodes = Keyring(), Keyring()
    for secret in secrets:
        source = f"secret {secret.metadata.namespace}/{secret.metadata.name}"
        if secret.type == _CONFIG_JSON_TYPE and (encoded := secret.data.get(_CONFIG_JSON_KEY)):
            pods.add(parse_docker_config(base64.b64decode(encoded), source))
        elif secret.type == _DOCKERCFG_TYPE and (encoded := secret.data.get(_DOCKERCFG_KEY)):
            pods.add(parse_docker_config(base64.b64decode(encoded), source, legacy=True))
    nodes.add(node)
    return pods, nodes


def node_config_paths(root_dir: Path, home: Path) -> list[tuple[Path, bool]]:
    """Where a node's own credentials may be, with whether the file is of the legacy form; the first one counts."""
    here = Path()
    return ([(directory / "config.json", False) for directory in (root_dir, here, home / ".docker", Path("/.docker"))]
            + [(directory / ".dockercfg", True) for directory in (root_dir, here, home, Path("/"))])


def read_node_config(root_dir: Path, home: Path | None = None) -> dict[str, Credential]:
    """The first node file that can be read, else nothing. Blocking: a few small reads."""
    for path, legacy in node_config_paths(root_dir, home or Path(os.environ.get("HOME") or "/")):
        try:
            with path.open("rb") as file:
                return parse_docker_config(file.read(MAX_CONFIG_BYTES), str(path), legacy=legacy)
        except FileNotFoundError:
            continue
        except (OSError, InvalidDockerConfigError) as error:
            logger.warning("cannot use a file with registry credentials: %s", error)
    return {}
