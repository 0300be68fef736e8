"""Credential provider plugins: programs that know how to log in at a registry (KEP-2133, KEP-4412).

    image ─▶ matchImages? ─▶ (token of the pod's service account) ─▶ known? ─▶ program: request on stdin, response on
    stdout ─▶ kept for as long as it says, for the image, its registry or all images ─▶ logins

A plugin that fails gives no logins: the pull is tried without them, and says itself what it lacks. One program at a
time runs for the same question (pkg/credentialprovider/plugin/plugin.go).
"""

import asyncio
import hashlib
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from kubelet.api.types import Pod, ServiceAccount
from kubelet.apiclient import ApiError
from kubelet.config.duration import Duration
from kubelet.images.keyring import Credential, Keyring, location_matches
from kubelet.images.providerconfig import Provider, ProviderConfig
from kubelet.objects.errors import ObjectError

logger = logging.getLogger(__name__)

EXEC_SECONDS = 60.0
TOKEN_SECONDS = 3600
"""How long a service account's token is asked for: the API server's own default."""
_EVERYWHERE = "<global>"
Key = tuple[str, ...]


class PluginError(Exception):
    """A plugin gave no answer that can be used. Never holds what it wrote to stdout, where logins may be."""


class Tokens(Protocol):
    async def token_for(self, pod: Pod, audience: str, expiration_seconds: int) -> str:
        """Raises ObjectError."""


class _Auth(msgspec.Struct, frozen=True):
    username: str = ""
    password: str = ""


class _Response(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str = ""
    kind: str = ""
    cache_key_type: str = ""
    cache_duration: str | None = None
    auth: dict[str, _Auth] = {}


@dataclass(frozen=True, slots=True)
class Identity:
    """What a plugin is told of the pod: nothing, unless it asks for tokens."""

    token: str = field(default="", repr=False)
    annotations: Mapping[str, str] = field(default_factory=dict)
    key: Key = ()
    """Tells apart whose logins are kept."""


@dataclass(frozen=True, slots=True)
class _Kept:
    logins: Mapping[str, Credential]
    until: float


Run = Callable[[Provider, bytes], Awaitable[bytes]]
"""Gives a plugin its request, and returns what it wrote. Raises PluginError."""


class CredentialProviders:
    """`tokens` and `account` (namespace, name) are None on a node without an API server. `observe(plugin, seconds,
    failed)`: of each run."""

    def __init__(
        self, config: ProviderConfig, tokens: Tokens | None = None,
        account: Callable[[str, str], Awaitable[ServiceAccount]] | None = None, *,
        observe: Callable[[str, float, bool], None] = lambda _plugin, _seconds, _failed: None,
        clock: Callable[[], float] = time.monotonic, run: Run | None = None,
    ) -> None:
        self._config, self._tokens, self._account = config, tokens, account
        self._observe, self._clock, self._run = observe, clock, run or self._execute
        self._kept: dict[Key, _Kept] = {}
        self._locks: dict[Key, asyncio.Lock] = {}

    async def lookup(self, pod: Pod, repository: str) -> list[Credential]:
        """The logins of all plugins for an image (registry/path, no tag), in the order of the configuration."""
        found: list[Credential] = []
        for provider in self._config.providers:
            if not any(location_matches(pattern, repository) for pattern in provider.match_images):
                continue
            try:
                logins = await self._logins(provider, pod, repository)
            except (PluginError, ObjectError, ApiError) as error:
                logger.error("Failed to provide credentials for image provider=%s image=%s pod=%s/%s error=%s",
                             provider.name, repository, pod.metadata.namespace, pod.metadata.name, error)
                continue
            keyring = Keyring()
            keyring.add(logins)
            found += keyring.lookup(repository)
        return found

    async def _logins(self, provider: Provider, pod: Pod, repository: str) -> Mapping[str, Credential]:
        identity = await self._identity(provider, pod)
        if identity is None:
            return {}
        question = (provider.name, repository, *identity.key)
        lock = self._locks.setdefault(question, asyncio.Lock())
        try:
            async with lock:
                kept = self._known(provider, repository, identity)
                return kept if kept is not None else await self._ask(provider, repository, identity)
        finally:
            if not lock.locked():
                self._locks.pop(question, None)

    async def _identity(self, provider: Provider, pod: Pod) -> Identity | None:
        """None: this pod has not what the plugin asks for, which is no error. Raises ObjectError, ApiError."""
        wanted = provider.token_attributes
        if wanted is None or (not pod.spec.service_account_name and not wanted.require_service_account):
            return Identity()
        if not pod.spec.service_account_name or self._tokens is None or self._account is None:
            return None
        account = await self._account(pod.metadata.namespace, pod.spec.service_account_name)
        has = account.metadata.annotations
        if any(key not in has for key in wanted.required_service_account_annotation_keys):
            return None
        keys = (*wanted.required_service_account_annotation_keys, *wanted.optional_service_account_annotation_keys)
        annotations = {key: has[key] for key in sorted(keys) if key in has}
        token = await self._tokens.token_for(pod, wanted.service_account_token_audience, TOKEN_SECONDS)
        own = (hashlib.sha256(token.encode()).hexdigest(),) if wanted.cache_type == "Token" else ()
        whose = (pod.metadata.namespace, pod.spec.service_account_name, account.metadata.uid)
        return Identity(token, annotations, (*whose, *(f"{key}={value}" for key, value in annotations.items()), *own))

    def _known(self, provider: Provider, repository: str, identity: Identity) -> Mapping[str, Credential] | None:
        now = self._clock()
        self._kept = {key: kept for key, kept in self._kept.items() if kept.until >= now}
        for scope in (repository, _registry(repository), _EVERYWHERE):
            if (kept := self._kept.get((provider.name, scope, *identity.key))) is not None:
                return kept.logins
        return None

    async def _ask(self, provider: Provider, repository: str, identity: Identity) -> Mapping[str, Credential]:
        request: dict[str, Any] = {
            "kind": "CredentialProviderRequest", "apiVersion": provider.api_version, "image": repository}
        if identity.token:
            request["serviceAccountToken"] = identity.token
        if identity.annotations:
            request["serviceAccountAnnotations"] = dict(identity.annotations)
        response = _decoded(await self._timed(provider, msgspec.json.encode(request)), provider)
        attributes = provider.token_attributes
        if identity.token and attributes is not None and attributes.cache_type != "Token" and any(
            auth.password == identity.token for auth in response.auth.values()
        ):
            raise PluginError(
                "credential provider plugin returned the service account token as the password which is not allowed "
                "when service account cache type is not set to 'Token'"
            )
        scope = {"Image": repository, "Registry": _registry(repository), "Global": _EVERYWHERE}.get(
            response.cache_key_type)
        if scope is None:
            raise PluginError(
                f"credential provider plugin did not return a valid cacheKeyType: {response.cache_key_type}")
        source = f"credential provider {provider.name}"
        logins = {where: Credential(auth.username, auth.password, source) for where, auth in response.auth.items()}
        seconds = _cache_seconds(response, provider)
        if seconds > 0:
            self._kept[(provider.name, scope, *identity.key)] = _Kept(logins, self._clock() + seconds)
        return logins

    async def _timed(self, provider: Provider, request: bytes) -> bytes:
        began, failed = self._clock(), True
        try:
            answer = await self._run(provider, request)
            failed = False
            return answer
        finally:
            self._observe(provider.name, self._clock() - began, failed)

    async def _execute(self, provider: Provider, request: bytes) -> bytes:
        program = self._config.directory / provider.name
        what = f"error execing credential provider plugin {provider.name}"
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                str(program), *provider.args, stdin=pipe, stdout=pipe, stderr=pipe,
                env={**os.environ, **{variable.name: variable.value for variable in provider.env}},
            )
        except OSError as error:
            raise PluginError(f"{what}: {error.strerror}") from None
        try:
            async with asyncio.timeout(EXEC_SECONDS):
                out, err = await process.communicate(request)
        except TimeoutError:
            raise PluginError(f"{what}: it did not end within {EXEC_SECONDS:.0f} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await asyncio.shield(process.wait())
        if process.returncode:
            raise PluginError(f"{what}: exit status {process.returncode}: {err.decode(errors='replace').strip()}")
        return out


def _registry(repository: str) -> str:
    return repository.partition("/")[0]


def _decoded(data: bytes, provider: Provider) -> _Response:
    """Raises PluginError."""
    try:
        response = msgspec.json.decode(data, type=_Response)
    except msgspec.MsgspecError:
        raise PluginError("error decoding credential provider plugin response from stdout") from None
    if response.api_version != provider.api_version:
        raise PluginError(
            "apiVersion from credential plugin response did not match expected "
            f"apiVersion:{provider.api_version}, actual apiVersion:{response.api_version}"
        )
    if response.kind != "CredentialProviderResponse":
        raise PluginError(f'failed to decode CredentialProviderResponse, unexpected Kind: "{response.kind}"')
    return response


def _cache_seconds(response: _Response, provider: Provider) -> float:
    """Raises PluginError."""
    if response.cache_duration is None:
        return provider.cache_seconds
    try:
        return float(Duration.parse(response.cache_duration))
    except ValueError:
        raise PluginError("error decoding credential provider plugin response from stdout") from None
