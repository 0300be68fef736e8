"""The one table of the servers' paths: what is answered, to which methods, and what the caller must be allowed to do.

A request is matched once, and the route that was found decides both its authorization and its handler: the two can
not disagree about a path. What matches no route needs `nodes/proxy` and is answered 404.

Source: pkg/kubelet/server/server.go, auth.go (v1.36). A path's attributes are tried in order, the narrow one first;
all are of the resource `nodes`, named like this node.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

PROXY = ("proxy",)
ANY = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_GET = frozenset({"GET"})
_GET_POST = frozenset({"GET", "POST"})
_POST = frozenset({"POST"})
VERBS: Mapping[str, str] = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
"""HTTP method to API verb; others have the verb ""."""


class Handler(Enum):
    HEALTHZ = auto()
    HEALTHZ_CHECK = auto()
    PODS = auto()
    RUNNING_PODS = auto()
    STATS_SUMMARY = auto()
    METRICS = auto()
    METRICS_CADVISOR = auto()
    METRICS_RESOURCE = auto()
    METRICS_PROBES = auto()
    METRICS_SLIS = auto()
    CONTAINER_LOGS = auto()
    EXEC = auto()
    ATTACH = auto()
    PORT_FORWARD = auto()
    RUN = auto()
    CHECKPOINT = auto()
    NODE_LOGS = auto()
    CONFIGZ = auto()
    PPROF = auto()
    FLAG_V = auto()
    FLAGZ = auto()
    STATUSZ = auto()


@dataclass(frozen=True, slots=True)
class Route:
    """`segments` of the path: a name in braces takes one segment, `{*}` at the end takes the rest (or nothing).

    `everywhere`: also on the read-only server and while debugging handlers are off. `closed`: with debugging handlers
    off it answers that they are; otherwise it is not there then.
    """

    segments: tuple[str, ...]
    methods: frozenset[str]
    handler: Handler
    subresources: tuple[str, ...]
    everywhere: bool = False
    closed: bool = False

    def match(self, segments: tuple[str, ...]) -> dict[str, str] | None:
        """The values of the names in braces, or None."""
        pattern = self.segments
        if pattern[-1] == "{*}":
            if len(segments) < len(pattern) - 1:
                return None
            rest = "/".join(segments[len(pattern) - 1:])
            pattern, segments = pattern[:-1], segments[:len(pattern) - 1]
        else:
            rest = ""
            if len(segments) != len(pattern):
                return None
        found = {"*": rest}
        for wanted, segment in zip(pattern, segments, strict=True):
            if wanted.startswith("{"):
                found[wanted[1:-1]] = segment
            elif wanted != segment:
                return None
        return found


def _route(
    path: str, methods: frozenset[str], handler: Handler, *subresources: str, everywhere: bool = False,
    closed: bool = False,
) -> Route:
    return Route(tuple(path.strip("/").split("/")), methods, handler, subresources, everywhere, closed)


_POD = "{namespace}/{pod}"
_CONTAINER = "{namespace}/{pod}/{container}"
_UID_CONTAINER = "{namespace}/{pod}/{uid}/{container}"

ROUTES: tuple[Route, ...] = (
    _route("/healthz", ANY, Handler.HEALTHZ, "healthz", "proxy", everywhere=True),
    _route("/healthz/{check}", ANY, Handler.HEALTHZ_CHECK, "healthz", "proxy", everywhere=True),
    _route("/pods", _GET, Handler.PODS, "pods", "proxy", everywhere=True),
    _route("/runningpods", _GET, Handler.RUNNING_PODS, "pods", "proxy", closed=True),
    _route("/stats/summary", _GET_POST, Handler.STATS_SUMMARY, "stats", everywhere=True),
    _route("/metrics", ANY, Handler.METRICS, "metrics", everywhere=True),
    _route("/metrics/cadvisor", ANY, Handler.METRICS_CADVISOR, "metrics", everywhere=True),
    _route("/metrics/resource", ANY, Handler.METRICS_RESOURCE, "metrics", everywhere=True),
    _route("/metrics/probes", ANY, Handler.METRICS_PROBES, "metrics", everywhere=True),
    _route("/metrics/slis", ANY, Handler.METRICS_SLIS, "metrics", everywhere=True),
    _route(f"/containerLogs/{_CONTAINER}", _GET, Handler.CONTAINER_LOGS, *PROXY, closed=True),
    _route(f"/exec/{_CONTAINER}", _GET_POST, Handler.EXEC, *PROXY, closed=True),
    _route(f"/exec/{_UID_CONTAINER}", _GET_POST, Handler.EXEC, *PROXY, closed=True),
    _route(f"/attach/{_CONTAINER}", _GET_POST, Handler.ATTACH, *PROXY, closed=True),
    _route(f"/attach/{_UID_CONTAINER}", _GET_POST, Handler.ATTACH, *PROXY, closed=True),
    _route(f"/portForward/{_POD}", _GET_POST, Handler.PORT_FORWARD, *PROXY, closed=True),
    _route(f"/portForward/{_POD}/{{uid}}", _GET_POST, Handler.PORT_FORWARD, *PROXY, closed=True),
    _route(f"/run/{_CONTAINER}", _POST, Handler.RUN, *PROXY, closed=True),
    _route(f"/run/{_UID_CONTAINER}", _POST, Handler.RUN, *PROXY, closed=True),
    _route(f"/checkpoint/{_CONTAINER}", _POST, Handler.CHECKPOINT, "checkpoint"),
    _route("/logs/{*}", _GET, Handler.NODE_LOGS, "log", closed=True),
    _route("/configz", ANY, Handler.CONFIGZ, "configz", "proxy"),
    _route("/debug/pprof/{*}", _GET_POST, Handler.PPROF, *PROXY, closed=True),
    _route("/debug/flags/v", ANY, Handler.FLAG_V, *PROXY),
    _route("/flagz", ANY, Handler.FLAGZ, "configz"),
    _route("/statusz", ANY, Handler.STATUSZ, "statusz"),
)
_NARROW = {
    "pods": ("pods", "proxy"), "runningpods": ("pods", "proxy"), "healthz": ("healthz", "proxy"),
    "configz": ("configz", "proxy"), "stats": ("stats",), "metrics": ("metrics",), "logs": ("log",),
    "checkpoint": ("checkpoint",), "statusz": ("statusz",), "flagz": ("configz",),
}
_CLOSED_PREFIXES = frozenset({"run", "exec", "attach", "portForward", "containerLogs", "runningpods", "logs"})
_BY_FIRST: dict[str, list[Route]] = {}
for _known in ROUTES:
    _BY_FIRST.setdefault(_known.segments[0], []).append(_known)
_BUCKETS = frozenset({"healthz", "pods", "stats", "metrics", "metrics/cadvisor", "metrics/probes", "metrics/resource",
                      "run", "exec", "attach", "portForward", "containerLogs", "configz", "runningpods", "checkpoint",
                      "flagz", "statusz", "logs", "debug", "pprof"})
_METHOD_BUCKETS = (ANY | {"TRACE", "CONNECT"}) - {"PATCH"}
_LONG_RUNNING = frozenset({"exec", "attach", "portforward", "debug"})


@dataclass(frozen=True, slots=True)
class Match:
    """A path's route (None: there is no such path) with the values in it, and what authorizes a request for it."""

    route: Route | None
    values: Mapping[str, str]
    subresources: tuple[str, ...]


def find(path: str) -> Match:
    """The route of a decoded URL path. A trailing slash does not matter; empty, `.` and `..` segments match nothing."""
    segments = tuple(path.strip("/").split("/")) if not path.startswith("//") else ("",)
    if any(segment in ("", ".", "..") for segment in segments):
        return Match(None, {}, PROXY)
    for route in _BY_FIRST.get(segments[0], ()):
        values = route.match(segments)
        if values is not None:
            return Match(route, values, route.subresources)
    return Match(None, {}, _NARROW.get(segments[0], PROXY))


def is_closed_path(path: str) -> bool:
    """Whether `path` says that debug endpoints are disabled when they are, although it may have no route."""
    first, _, rest = path.strip("/").partition("/")
    return first in _CLOSED_PREFIXES or (first == "debug" and rest.startswith("pprof"))


def metric_labels(method: str, path: str, server_type: str) -> tuple[str, str, str, str]:
    """(method, path, server_type, long_running) of kubelet_http_requests_*: bounded whatever callers send."""
    first, _, rest = path.removeprefix("/").partition("/")
    bucket = f"metrics/{rest.partition('/')[0]}" if first == "metrics" and rest else first
    bucket = bucket if bucket in _BUCKETS else "other"
    long_running = "true" if bucket in _LONG_RUNNING else "false"
    return method if method in _METHOD_BUCKETS else "other", bucket, server_type, long_running
