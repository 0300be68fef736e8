"""What a soak will do: a list of steps with their times, made from a seed. Pure.

The plan knows what it has asked for, never what has become of it: which pods it made, what it took down. It keeps to
what can be asked at all: nothing of the API while the API server is stopped, nothing of the engine while that is away.
"""

import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from conformance.soak.pods import KINDS, STATIC_KINDS

GAP_SECONDS = 0.7
"""The mean time between two steps."""
QUIET_EVERY_SECONDS = 100.0
MOST_PODS = 22
MOST_STATIC_PODS = 3


class Verb(StrEnum):
    CREATE = "create"
    EDIT = "edit"
    DELETE = "delete"
    KILL_CONTAINER = "kill container"
    KILL_PROCESS = "kill process"
    KILL_SANDBOX = "kill sandbox"
    REMOVE_CONTAINER = "remove container"
    STREAM = "stream"
    WRITE_MANIFEST = "write manifest"
    BREAK_MANIFEST = "break manifest"
    REMOVE_MANIFEST = "remove manifest"
    DELETE_MIRROR = "delete mirror"
    TAKE_DOWN = "take down"
    BRING_BACK = "bring back"
    KILL_LOG_PROCESS = "kill log process"
    QUIET = "quiet"


class Part(StrEnum):
    """What can be taken down."""

    KUBELET = "kubelet"
    DOCKERSHIM = "dockershim"
    ENGINE = "engine"
    API_SERVER = "api server"
    API_WAY = "way to the api server"


NEEDS_API = frozenset({Verb.CREATE, Verb.EDIT, Verb.DELETE, Verb.STREAM, Verb.DELETE_MIRROR})
NEEDS_ENGINE = frozenset({Verb.KILL_CONTAINER, Verb.KILL_PROCESS, Verb.KILL_SANDBOX, Verb.REMOVE_CONTAINER})
WEIGHTS = {
    Verb.CREATE: 30, Verb.DELETE: 18, Verb.EDIT: 7, Verb.KILL_CONTAINER: 6, Verb.KILL_PROCESS: 5, Verb.KILL_SANDBOX: 3,
    Verb.REMOVE_CONTAINER: 2, Verb.STREAM: 4, Verb.WRITE_MANIFEST: 3, Verb.BREAK_MANIFEST: 1, Verb.REMOVE_MANIFEST: 2,
    Verb.DELETE_MIRROR: 1, Verb.TAKE_DOWN: 5, Verb.KILL_LOG_PROCESS: 2,
}  # fmt: skip
HOW = {
    Part.KUBELET: ("kill", "kill", "term"), Part.DOCKERSHIM: ("kill", "kill", "term"),
    Part.ENGINE: ("term", "term", "kill"), Part.API_SERVER: ("freeze",), Part.API_WAY: ("drop", "reject"),
}  # fmt: skip
PART_WEIGHTS = {Part.KUBELET: 5, Part.DOCKERSHIM: 4, Part.ENGINE: 2, Part.API_SERVER: 1, Part.API_WAY: 3}
LONGEST_DOWN_SECONDS = {Part.KUBELET: 6.0, Part.DOCKERSHIM: 6.0, Part.ENGINE: 8.0, Part.API_SERVER: 12.0,
                        Part.API_WAY: 20.0}  # fmt: skip
EDITS = ("image", "label", "deadline", "debug", "size", "size")
"""`size`: of a pod that has one, changed in place."""
DELETIONS = ("usual", "usual", "usual", "short", "short", "force", "replace", "evict")
"""How a pod is deleted: with its own grace; with one second; at once, whatever the node says; and made anew at once;
by an eviction, which marks it first."""
STREAMS = ("logs", "exec", "forward")


@dataclass(frozen=True, slots=True)
class Step:
    """`at`: seconds after the start. `pod`: the pod's (or manifest's) name. `kind`: of the pod, or the part that is
    taken down. `how`: the way it is done. `pick`: which of several containers, modulo their number."""

    at: float
    verb: Verb
    pod: str = ""
    kind: str = ""
    how: str = ""
    pick: int = 0

    def plain(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value or name == "at"}

    def __str__(self) -> str:
        return " ".join(word for word in (f"{self.at:7.1f} {self.verb}", self.pod, self.kind, self.how) if word)


@dataclass(slots=True)
class _World:
    """What has been asked for so far."""

    random: random.Random
    parts: tuple[Part, ...]
    pods: dict[str, str] = field(default_factory=dict)
    manifests: dict[str, str] = field(default_factory=dict)
    down: dict[Part, float] = field(default_factory=dict)
    made: int = 0

    def possible(self) -> list[Verb]:
        verbs = list(WEIGHTS)
        if Part.API_SERVER in self.down:
            verbs = [verb for verb in verbs if verb not in NEEDS_API]
        if Part.ENGINE in self.down:
            verbs = [verb for verb in verbs if verb not in NEEDS_ENGINE]
        if not self.pods:
            without = {Verb.EDIT, Verb.DELETE, Verb.STREAM} | NEEDS_ENGINE
            verbs = [verb for verb in verbs if verb not in without]
        if not self.manifests:
            without = {Verb.BREAK_MANIFEST, Verb.REMOVE_MANIFEST, Verb.DELETE_MIRROR}
            verbs = [verb for verb in verbs if verb not in without]
        if len(self.pods) >= MOST_PODS:
            verbs = [verb for verb in verbs if verb is not Verb.CREATE]
        if not [part for part in self.parts if part not in self.down]:
            verbs = [verb for verb in verbs if verb is not Verb.TAKE_DOWN]
        return verbs


def make_plan(seed: int, seconds: float, parts: tuple[Part, ...] = tuple(Part)) -> tuple[Step, ...]:
    """The steps of a soak of `seconds`, ordered by time. `parts` may be taken down. The last step is a quiet point."""
    return tuple(_steps(_World(random.Random(seed), parts), seconds))


def _steps(world: _World, seconds: float) -> Iterator[Step]:
    at, quiet_at = 0.0, QUIET_EVERY_SECONDS
    while True:
        at += world.random.expovariate(1 / GAP_SECONDS)
        yield from _heal(world, min(at, seconds))
        if at >= min(quiet_at, seconds):
            yield from _heal(world, float("inf"), at)
            yield Step(round(at, 2), Verb.QUIET)
            quiet_at += QUIET_EVERY_SECONDS
            if at >= seconds:
                return
            continue
        verbs = world.possible()
        verb = world.random.choices(verbs, [WEIGHTS[verb] for verb in verbs])[0]
        yield from _step(world, round(at, 2), verb)


def _heal(world: _World, until: float, at: float | None = None) -> Iterator[Step]:
    """Bring back what was to be away until `until` at most; `at`: the steps' time, by default when each is due."""
    for part, due in sorted(world.down.items(), key=lambda item: item[1]):
        if due <= until:
            del world.down[part]
            yield Step(round(due if at is None else at, 2), Verb.BRING_BACK, kind=part)


def _step(world: _World, at: float, verb: Verb) -> Iterator[Step]:
    rng = world.random
    match verb:
        case Verb.CREATE:
            world.made += 1
            name = f"pod-{world.made}"
            world.pods[name] = rng.choice(KINDS)
            yield Step(at, verb, name, world.pods[name])
        case Verb.DELETE:
            name, how = rng.choice(list(world.pods)), rng.choice(DELETIONS)
            kind = world.pods.pop(name)
            yield Step(at, verb, name, how="force" if how == "replace" else how)
            if how == "replace":
                world.pods[name] = kind
                yield Step(at, Verb.CREATE, name, kind, how)
        case Verb.EDIT:
            yield Step(at, verb, rng.choice(list(world.pods)), how=rng.choice(EDITS), pick=rng.randrange(12))
        case Verb.STREAM:
            yield Step(at, verb, rng.choice(list(world.pods)), how=rng.choice(STREAMS), pick=rng.randrange(12))
        case Verb.WRITE_MANIFEST:
            number = rng.randrange(MOST_STATIC_PODS)
            name = f"static-{number}"
            world.manifests[name] = rng.choice(STATIC_KINDS)
            yield Step(at, verb, name, world.manifests[name], how=rng.choice(("rename", "write", "write")))
        case Verb.BREAK_MANIFEST:
            yield Step(at, verb, rng.choice(list(world.manifests)))
        case Verb.REMOVE_MANIFEST:
            name = rng.choice(list(world.manifests))
            del world.manifests[name]
            yield Step(at, verb, name)
        case Verb.DELETE_MIRROR:
            yield Step(at, verb, rng.choice(list(world.manifests)))
        case Verb.TAKE_DOWN:
            yield _take_down(world, at)
        case Verb.KILL_LOG_PROCESS:
            yield Step(at, verb)
        case _:
            yield Step(at, verb, rng.choice(list(world.pods)), pick=rng.randrange(12))


def _take_down(world: _World, at: float) -> Step:
    rng = world.random
    parts = [part for part in world.parts if part not in world.down]
    part = rng.choices(parts, [PART_WEIGHTS[part] for part in parts])[0]
    world.down[part] = at + rng.choice((0.0, rng.uniform(0.1, 1.0), rng.uniform(1.0, LONGEST_DOWN_SECONDS[part])))
    return Step(at, Verb.TAKE_DOWN, kind=part, how=rng.choice(HOW[part]))
