"""Service-account tokens: what is asked for, when they are renewed, what happens while nobody answers."""

import asyncio
from typing import Any

import pytest

from kubelet.api.codec import convert
from kubelet.api.meta import PodUID, format_time
from kubelet.api.types import Pod, TokenRequest, TokenRequestSpec, TokenRequestStatus
from kubelet.apiclient.errors import ForbiddenError, UnreachableError
from kubelet.objects.errors import ObjectError
from kubelet.tokens import TokenManager, refresh_due

START = 1_800_000_000.0


class Api:
    """Issues numbered tokens; `granted` overrules the life that is asked for."""

    def __init__(self) -> None:
        self.now, self.issued, self.granted = START, 0, 0
        self.requests: list[tuple[str, TokenRequest]] = []
        self.error: Exception | None = None

    async def create(self, path: str, body: Any, cls: type[Any]) -> Any:
        await asyncio.sleep(0)
        self.requests.append((path, body))
        if self.error is not None:
            raise self.error
        self.issued += 1
        seconds = self.granted or body.spec.expiration_seconds
        return TokenRequest(
            spec=TokenRequestSpec(expiration_seconds=seconds),
            status=TokenRequestStatus(
                token=f"token-{self.issued}", expiration_timestamp=format_time(self.now + seconds)
            ),
        )


def make(api: Api) -> TokenManager:
    async def sleep(_: float) -> None:
        await asyncio.sleep(0)

    return TokenManager(api, now=lambda: api.now, jitter=lambda: 0.0, sleep=sleep)


def pod(uid: str = "u-1") -> Pod:
    return convert(
        {"metadata": {"name": "web", "namespace": "shop", "uid": uid}, "spec": {"serviceAccountName": "sa"}}, Pod
    )


async def test_the_request() -> None:
    api = Api()
    await make(api).token_for(pod(), "vault", 3607)
    await make(api).token_for(pod(), "", 600)
    (path, body), (_, plain) = api.requests
    assert path == "/api/v1/namespaces/shop/serviceaccounts/sa/token"
    assert (body.kind, body.spec.audiences, body.spec.expiration_seconds) == ("TokenRequest", ("vault",), 3607)
    bound = body.spec.bound_object_ref
    assert (bound.api_version, bound.kind, bound.name, bound.uid) == ("v1", "Pod", "web", "u-1")
    assert plain.spec.audiences == ()


async def test_a_token_serves_until_four_fifths_of_its_life() -> None:
    api = Api()
    tokens = make(api)
    assert await tokens.token_for(pod(), "", 1000) == "token-1"
    api.now += 800
    assert await tokens.token_for(pod(), "", 1000) == "token-1"
    api.now += 1
    assert await tokens.token_for(pod(), "", 1000) == "token-2"
    assert await tokens.token_for(pod(), "other", 1000) == "token-3"
    assert await tokens.token_for(pod("u-2"), "", 1000) == "token-4"
    tokens.forget(PodUID("u-1"))
    assert await tokens.token_for(pod(), "", 1000) == "token-5"


async def test_the_granted_life_counts() -> None:
    api = Api()
    api.granted = 365 * 24 * 3600
    tokens = make(api)
    await tokens.token_for(pod(), "", 3607)
    api.now += 24 * 3600 - 1
    assert await tokens.token_for(pod(), "", 3607) == "token-1"
    api.now += 2
    assert await tokens.token_for(pod(), "", 3607) == "token-2"


async def test_the_authorizer_gets_a_moment_to_hear_of_a_new_pod() -> None:
    class Late(Api):
        async def create(self, path: str, body: Any, cls: type[Any]) -> Any:
            self.error = ForbiddenError(403, "Forbidden", "not bound") if len(self.requests) < 2 else None
            return await super().create(path, body, cls)

    api = Late()
    assert await make(api).token_for(pod(), "", 1000) == "token-1"
    assert len(api.requests) == 3


async def test_an_old_token_serves_while_nobody_answers() -> None:
    api = Api()
    tokens = make(api)
    api.error = ForbiddenError(403, "Forbidden", "not allowed")
    with pytest.raises(ObjectError, match=r"^failed to fetch token: not allowed$"):
        await tokens.token_for(pod(), "", 1000)
    api.error = None
    await tokens.token_for(pod(), "", 1000)
    api.error = UnreachableError("connection refused")
    api.now += 999
    assert await tokens.token_for(pod(), "", 1000) == "token-1"
    api.now += 2
    with pytest.raises(ObjectError, match=r"^token shop/sa expired and refresh failed: connection refused$"):
        await tokens.token_for(pod(), "", 1000)


async def test_volumes_that_ask_at_once_share_one_request() -> None:
    api = Api()
    tokens = make(api)
    assert set(await asyncio.gather(*(tokens.token_for(pod(), "", 1000) for _ in range(5)))) == {"token-1"}


def test_jitter_brings_renewal_forward() -> None:
    assert not refresh_due(START + 1000, 1000, START + 795, 0)
    assert refresh_due(START + 1000, 1000, START + 795, 10)
