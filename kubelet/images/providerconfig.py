"""The file, or the directory of files, that names credential provider plugins: --image-credential-provider-config.

    apiVersion: kubelet.config.k8s.io/v1
    kind: CredentialProviderConfig
    providers:
      - {name: ecr-credential-provider, matchImages: ["*.dkr.ecr.*.amazonaws.com"], defaultCacheDuration: 12h,
         apiVersion: credentialprovider.kubelet.k8s.io/v1}

Read once, at the start: what is wrong in it is the operator's to mend (pkg/credentialprovider/plugin/config.go).
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from kubelet.api import yamljson
from kubelet.api.codec import InvalidObjectError
from kubelet.config.duration import Duration

CONFIG_GROUP: Final = "kubelet.config.k8s.io/"
GROUP: Final = "credentialprovider.kubelet.k8s.io/"
VERSIONS: Final = (f"{GROUP}v1", f"{GROUP}v1alpha1", f"{GROUP}v1beta1")
CACHE_TYPES: Final = ("ServiceAccount", "Token")


class ProviderConfigError(Exception):
    """The plugins cannot be used as they are configured; says what is wrong where."""


class TokenAttributes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """For plugins that want a token of the pod's service account."""

    service_account_token_audience: str = ""
    cache_type: str = ""
    require_service_account: bool | None = None
    required_service_account_annotation_keys: tuple[str, ...] = ()
    optional_service_account_annotation_keys: tuple[str, ...] = ()


class EnvVar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    value: str = ""


class Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """One plugin: a program of the plugins' directory, called `name`."""

    name: str
    api_version: str = ""
    match_images: tuple[str, ...] = ()
    default_cache_duration: str | None = None
    args: tuple[str, ...] = ()
    env: tuple[EnvVar, ...] = ()
    token_attributes: TokenAttributes | None = None

    @property
    def cache_seconds(self) -> float:
        return float(Duration.parse(self.default_cache_duration or "0s"))


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    api_version: str
    kind: str
    providers: tuple[Provider, ...] = ()


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """`digest` is what kubelet_credential_provider_config_info shows."""

    providers: tuple[Provider, ...]
    digest: str
    directory: Path


def read_provider_config(path: str, directory: str) -> ProviderConfig:
    """`directory`: where the programs are. Blocking. Raises ProviderConfigError."""
    if not Path(directory).is_dir():
        raise ProviderConfigError(f"plugin binary directory {directory or '(none)'} did not exist")
    providers: list[Provider] = []
    hashed = hashlib.sha256()
    for file in _files(Path(path)):
        try:
            data = file.read_bytes()
        except OSError as error:
            raise ProviderConfigError(f'unable to read file "{file}": {error.strerror}') from None
        hashed.update(len(data).to_bytes(8, "big") + data)
        providers += _decoded(data, file)
    if problems := [*_problems(providers)]:
        raise ProviderConfigError(f"failed to validate credential provider config: {'; '.join(problems)}")
    for provider in providers:
        if not os.access(program := Path(directory, provider.name), os.X_OK) or not program.is_file():
            raise ProviderConfigError(f"plugin binary executable {program} did not exist")
    return ProviderConfig(tuple(providers), f"sha256:{hashed.hexdigest()}", Path(directory))


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix in (".json", ".yaml", ".yml") and not file.is_dir())
    if not found:
        raise ProviderConfigError(f'no configuration files found in directory "{path}"')
    return found


def _decoded(data: bytes, file: Path) -> tuple[Provider, ...]:
    try:
        plain: Any = yamljson.load(data, str(file))
        document = msgspec.convert(plain, _Document)
    except (InvalidObjectError, msgspec.ValidationError) as error:
        raise ProviderConfigError(f'error decoding config "{file}": {error}') from None
    if document.kind != "CredentialProviderConfig" or not document.api_version.startswith(CONFIG_GROUP):
        raise ProviderConfigError(
            f'error decoding config "{file}": it is a {document.api_version} {document.kind}, and should be a '
            f"{CONFIG_GROUP}v1 CredentialProviderConfig"
        )
    return document.providers


def _problems(providers: list[Provider]) -> Iterator[str]:
    if not providers:
        yield "providers: at least 1 item in plugins is required"
    seen: set[str] = set()
    for provider in providers:
        name, where = provider.name, f'provider "{provider.name}"'
        if not name or name in (".", "..") or "/" in name or " " in name:
            yield f"{where}: the name is that of a program in the plugins' directory, without '/' and spaces"
        if name in seen:
            yield f"{where}: duplicate provider name"
        seen.add(name)
        if provider.api_version not in VERSIONS:
            yield f"{where}: apiVersion is {provider.api_version!r}; use one of {', '.join(VERSIONS)}"
        if not provider.match_images:
            yield f"{where}: matchImages: at least 1 item in matchImages is required"
        try:
            if provider.default_cache_duration is None or provider.cache_seconds < 0:
                yield f"{where}: defaultCacheDuration must be given, and greater than or equal to 0"
        except ValueError as error:
            yield f"{where}: defaultCacheDuration {error}"
        if provider.token_attributes is not None:
            yield from (f"{where}: tokenAttributes {problem}"
                        for problem in _token_problems(provider.token_attributes, provider.api_version))


def _token_problems(attributes: TokenAttributes, version: str) -> Iterator[str]:
    required, optional = (
        attributes.required_service_account_annotation_keys, attributes.optional_service_account_annotation_keys)
    if version != VERSIONS[0]:
        yield f"is only supported for {VERSIONS[0]} API version"
    if not attributes.service_account_token_audience:
        yield "needs serviceAccountTokenAudience"
    if attributes.require_service_account is None:
        yield "needs requireServiceAccount"
    if attributes.cache_type not in CACHE_TYPES:
        yield f"needs cacheType. Supported values are: {', '.join(CACHE_TYPES)}"
    if attributes.require_service_account is False and required:
        yield "requireServiceAccount cannot be false when requiredServiceAccountAnnotationKeys is set"
    if len({*required, *optional}) < len(required) + len(optional):
        yield "annotation keys may be named only once, as required or as optional"
