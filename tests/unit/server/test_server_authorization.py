"""The table of paths: what every path and verb demands, and that every identity gets exactly what it was granted."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelet.api.types import SubjectAccessReview, SubjectAccessReviewStatus
from kubelet.server import routes
from kubelet.server.authentication import User
from kubelet.server.authorization import (
    AlwaysAllow,
    AlwaysDeny,
    Attributes,
    AuthorizationFailedError,
    ForbiddenError,
    SubjectAccessReviews,
    authorize,
)
from kubelet.server.routes import Handler, find, is_closed_path, metric_labels

# The contract's endpoint table (3.1): path → handler and attributes, narrow ones first.
PATHS = {
    "/healthz": (Handler.HEALTHZ, ["healthz", "proxy"]),
    "/healthz/ping": (Handler.HEALTHZ_CHECK, ["healthz", "proxy"]),
    "/healthz/syncloop": (Handler.HEALTHZ_CHECK, ["healthz", "proxy"]),
    "/pods": (Handler.PODS, ["pods", "proxy"]),
    "/pods/": (Handler.PODS, ["pods", "proxy"]),
    "/runningpods/": (Handler.RUNNING_PODS, ["pods", "proxy"]),
    "/stats/summary": (Handler.STATS_SUMMARY, ["stats"]),
    "/metrics": (Handler.METRICS, ["metrics"]),
    "/metrics/cadvisor": (Handler.METRICS_CADVISOR, ["metrics"]),
    "/metrics/resource": (Handler.METRICS_RESOURCE, ["metrics"]),
    "/metrics/probes": (Handler.METRICS_PROBES, ["metrics"]),
    "/metrics/slis": (Handler.METRICS_SLIS, ["metrics"]),
    "/containerLogs/ns/pod/c": (Handler.CONTAINER_LOGS, ["proxy"]),
    "/exec/ns/pod/c": (Handler.EXEC, ["proxy"]),
    "/exec/ns/pod/uid/c": (Handler.EXEC, ["proxy"]),
    "/attach/ns/pod/c": (Handler.ATTACH, ["proxy"]),
    "/attach/ns/pod/uid/c": (Handler.ATTACH, ["proxy"]),
    "/portForward/ns/pod": (Handler.PORT_FORWARD, ["proxy"]),
    "/portForward/ns/pod/uid": (Handler.PORT_FORWARD, ["proxy"]),
    "/run/ns/pod/c": (Handler.RUN, ["proxy"]),
    "/run/ns/pod/uid/c": (Handler.RUN, ["proxy"]),
    "/checkpoint/ns/pod/c": (Handler.CHECKPOINT, ["checkpoint"]),
    "/logs/": (Handler.NODE_LOGS, ["log"]),
    "/logs/pods/x/0.log": (Handler.NODE_LOGS, ["log"]),
    "/configz": (Handler.CONFIGZ, ["configz", "proxy"]),
    "/debug/pprof/": (Handler.PPROF, ["proxy"]),
    "/debug/pprof/profile": (Handler.PPROF, ["proxy"]),
    "/debug/flags/v": (Handler.FLAG_V, ["proxy"]),
    "/flagz": (Handler.FLAGZ, ["configz"]),
    "/statusz": (Handler.STATUSZ, ["statusz"]),
    # Not there, but under a name that is.
    "/pods/web": (None, ["pods", "proxy"]), "/stats": (None, ["stats"]), "/metrics/x": (None, ["metrics"]),
    "/checkpoint/ns": (None, ["checkpoint"]), "/exec": (None, ["proxy"]),
    # Not there at all.
    "/": (None, ["proxy"]), "/podsx": (None, ["proxy"]), "/spec/": (None, ["proxy"]), "//pods": (None, ["proxy"]),
    "/metrics/../exec/ns/pod/c": (None, ["proxy"]), "/metrics//resource": (None, ["proxy"]),
    "/containerLogs/ns/pod": (None, ["proxy"]), "/containerLogs/ns/pod/c/d": (None, ["proxy"]),
}
VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "HEAD": "",
         "OPTIONS": ""}
SUBRESOURCES = ["healthz", "pods", "stats", "metrics", "log", "checkpoint", "configz", "statusz", "proxy"]


class Grants:
    """An authorizer that knows what each user was granted, and what it was asked."""

    def __init__(self, granted: set[tuple[str, str, str]]) -> None:
        self.granted, self.asked = granted, []

    async def allows(self, attributes: Attributes) -> bool:
        self.asked.append(attributes)
        return (attributes.user.name, attributes.verb, attributes.subresource) in self.granted


@pytest.mark.parametrize("path", PATHS)
def test_every_path_has_its_handler_and_attributes(path):
    handler, subresources = PATHS[path]
    match = find(path)
    assert (match.route.handler if match.route else None) is handler
    assert list(match.subresources) == subresources


def test_every_route_is_in_the_table():
    assert {route.handler for route in routes.ROUTES} == set(Handler)
    assert {handler for handler, _ in PATHS.values() if handler} == set(Handler)


async def test_path_by_verb_by_identity_only_what_was_granted_goes_through():
    for (path, (_, wanted)), (method, verb), subresource in itertools.product(
            PATHS.items(), VERBS.items(), SUBRESOURCES):
        authorizer = Grants({("alice", verb, subresource)})
        match = find(path)
        for name in ("alice", "bob"):
            allowed = name == "alice" and subresource in wanted
            try:
                await authorize(authorizer, User(name), routes.VERBS.get(method, ""), match.subresources, "node-1")
                assert allowed, (path, method, subresource, name)
            except ForbiddenError:
                assert not allowed, (path, method, subresource, name)
        assert all(asked.node_name == "node-1" and asked.verb == verb for asked in authorizer.asked)


async def test_a_refusal_names_what_was_tried_in_order():
    with pytest.raises(ForbiddenError) as caught:
        await authorize(AlwaysDeny(), User("bob"), "get", find("/pods").subresources, "node-1")
    assert str(caught.value) == "Forbidden (user=bob, verb=get, resource=nodes, subresource(s)=[pods proxy])\n"
    await authorize(AlwaysAllow(), User("bob"), "get", ("proxy",), "node-1")


async def test_no_answer_is_no():
    class Broken:
        async def allows(self, attributes: Attributes) -> bool:
            raise OSError("connection refused")

    with pytest.raises(AuthorizationFailedError, match=r"user=bob, verb=get, resource=nodes, subresource=pods"):
        await authorize(Broken(), User("bob"), "get", ("pods", "proxy"), "node-1")


async def test_nothing_to_ask_for_is_no():
    with pytest.raises(ForbiddenError):
        await authorize(AlwaysAllow(), User("bob"), "get", (), "node-1")


@given(st.text(alphabet="/.%abpodsmetricexlg\\ \0", max_size=40))
def test_a_path_never_gets_a_handler_that_its_attributes_do_not_fit(path: str):
    match = find("/" + path)
    if match.route is not None:
        assert match.subresources == match.route.subresources
        assert match.route.segments[0] == ("/" + path).strip("/").split("/")[0]


class Reviews:
    """The API server's side of SubjectAccessReview."""

    def __init__(self, *, allowed: bool = True, denied: bool | None = None) -> None:
        self.allowed, self.denied, self.reviews = allowed, denied, []

    async def create(self, path, body, cls):
        assert path == "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        self.reviews.append(body)
        return SubjectAccessReview(
            spec=body.spec, status=SubjectAccessReviewStatus(allowed=self.allowed, denied=self.denied))


async def test_reviews_carry_the_user_and_the_node():
    reviews = Reviews()
    user = User("alice", ("dev", "system:authenticated"), "7", {"scopes": ("a",)})
    assert await SubjectAccessReviews(reviews).allows(Attributes(user, "get", "metrics", "node-1"))
    (body,) = reviews.reviews
    spec, wanted = body.spec, body.spec.resource_attributes
    assert (spec.user, spec.groups, spec.uid, spec.extra) == (
        "alice", ("dev", "system:authenticated"), "7", {"scopes": ("a",)})
    assert (wanted.verb, wanted.resource, wanted.subresource, wanted.name, wanted.version) == (
        "get", "nodes", "metrics", "node-1", "v1")
    assert (body.kind, body.api_version) == ("SubjectAccessReview", "authorization.k8s.io/v1")


@pytest.mark.parametrize(("allowed", "seconds"), [(True, 300), (False, 30)])
async def test_answers_are_remembered_for_their_time(allowed, seconds):
    clock = [0.0]
    reviews = Reviews(allowed=allowed)
    authorizer = SubjectAccessReviews(reviews, now=lambda: clock[0])
    wanted = Attributes(User("alice"), "get", "metrics", "node-1")
    for moment, asked in ((0, 1), (seconds - 1, 1), (seconds, 2)):
        clock[0] = moment
        assert await authorizer.allows(wanted) is allowed
        assert len(reviews.reviews) == asked
    for other in (Attributes(User("alice"), "create", "metrics", "node-1"),
                  Attributes(User("alice", ("g",)), "get", "metrics", "node-1"),
                  Attributes(User("bob"), "get", "metrics", "node-1"),
                  Attributes(User("alice"), "get", "proxy", "node-1")):
        before = len(reviews.reviews)
        await authorizer.allows(other)
        assert len(reviews.reviews) == before + 1


async def test_an_explicit_denial_wins():
    assert not await SubjectAccessReviews(Reviews(allowed=True, denied=True)).allows(
        Attributes(User("alice"), "get", "metrics", "node-1"))


@pytest.mark.parametrize(("path", "closed"), [
    ("/run/a/b/c", True), ("/exec/", True), ("/logs/", True), ("/debug/pprof/", True), ("/runningpods/", True),
    ("/configz", False), ("/pods", False), ("/debug/flags/v", False), ("/unknown", False),
])
def test_paths_that_say_that_they_are_disabled(path, closed):
    assert is_closed_path(path) is closed


@pytest.mark.parametrize(("method", "path", "labels"), [
    ("GET", "/pods", ("GET", "pods", "x", "false")),
    ("GET", "/metrics/cadvisor", ("GET", "metrics/cadvisor", "x", "false")),
    ("POST", "/exec/a/b/c", ("POST", "exec", "x", "true")), ("GET", "/debug/pprof/", ("GET", "debug", "x", "true")),
    ("BREW", "/coffee", ("other", "other", "x", "false")), ("GET", "/metrics/anything", ("GET", "other", "x", "false")),
])
def test_metric_labels_are_bounded(method, path, labels):
    assert metric_labels(method, path, "x") == labels
