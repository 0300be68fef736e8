"""Who asks: certificates, tokens, and nobody."""

import pytest

from kubelet.api.types import AuthenticationUserInfo, TokenReview, TokenReviewStatus
from kubelet.server.authentication import ANONYMOUS, Authenticator, UnauthenticatedError, user_of_certificate


class Tokens:
    """The API server's side of TokenReview: knows the token "good"."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.failure: Exception | None = None

    async def create(self, path, body, cls):
        assert path == "/apis/authentication.k8s.io/v1/tokenreviews" and body.kind == "TokenReview"
        self.asked.append(body.spec.token)
        if self.failure is not None:
            raise self.failure
        user = AuthenticationUserInfo(username="sa", groups=("g",), uid="7", extra={"k": ("v",)})
        return TokenReview(spec=body.spec, status=TokenReviewStatus(
            authenticated=body.spec.token == "good", user=user))


SUBJECT = ((("organizationName", "system:masters"),), (("organizationName", "dev"),), (("commonName", "admin"),))


def test_subject_becomes_user_and_groups():
    user = user_of_certificate(SUBJECT)
    assert user is not None
    assert (user.name, user.groups) == ("admin", ("system:masters", "dev", "system:authenticated"))
    assert user_of_certificate(()) is None
    assert user_of_certificate(((("commonName", ""),),)) is None
    last = user_of_certificate(((("commonName", "a"), ("commonName", "b")),))
    assert last is not None and last.name == "b"


async def test_a_certificate_needs_no_token():
    tokens = Tokens()
    user = await Authenticator(tokens, anonymous=False).authenticate({"subject": SUBJECT}, "Bearer bad")
    assert user.name == "admin" and tokens.asked == []


@pytest.mark.parametrize("header", ["Bearer good", "bearer  good ", " BEARER good"])
async def test_a_known_token(header):
    user = await Authenticator(Tokens(), anonymous=False).authenticate(None, header)
    assert (user.name, user.groups, user.uid, user.extra) == ("sa", ("g", "system:authenticated"), "7", {"k": ("v",)})


@pytest.mark.parametrize("anonymous", [True, False])
async def test_a_refused_token_is_never_anonymous(anonymous):
    with pytest.raises(UnauthenticatedError):
        await Authenticator(Tokens(), anonymous=anonymous).authenticate(None, "Bearer bad")
    with pytest.raises(UnauthenticatedError):
        await Authenticator(None, anonymous=anonymous).authenticate(None, "Bearer good")


@pytest.mark.parametrize("header", ["", "Basic Z29vZA==", "Bearer", "Bearer  ", "good"])
async def test_without_a_token_only_anonymous_if_allowed(header):
    assert await Authenticator(Tokens(), anonymous=True).authenticate({}, header) == ANONYMOUS
    with pytest.raises(UnauthenticatedError):
        await Authenticator(Tokens(), anonymous=False).authenticate(None, header)


async def test_answers_are_remembered_for_two_minutes_and_failures_are_not():
    clock, tokens = [0.0], Tokens()
    authenticator = Authenticator(tokens, anonymous=False, now=lambda: clock[0])
    for moment, asked in ((0, 1), (119, 1), (120, 2)):
        clock[0] = moment
        await authenticator.authenticate(None, "Bearer good")
        assert len(tokens.asked) == asked
    for _ in range(2):
        with pytest.raises(UnauthenticatedError):
            await authenticator.authenticate(None, "Bearer bad")
    assert len(tokens.asked) == 3
    tokens.failure = OSError("connection refused")
    for asked in (4, 5):
        with pytest.raises(UnauthenticatedError):
            await authenticator.authenticate(None, "Bearer other")
        assert len(tokens.asked) == asked


async def test_a_token_that_could_not_be_one_is_not_sent_on():
    tokens = Tokens()
    with pytest.raises(UnauthenticatedError):
        await Authenticator(tokens, anonymous=False).authenticate(None, "Bearer " + "x" * 100_000)
    assert tokens.asked == []


async def test_a_token_is_not_looked_at_where_the_webhook_is_off() -> None:
    assert await Authenticator(None, anonymous=True, tokens=False).authenticate(None, "Bearer any") == ANONYMOUS
    with pytest.raises(UnauthenticatedError):
        await Authenticator(None, anonymous=False, tokens=False).authenticate(None, "Bearer any")
