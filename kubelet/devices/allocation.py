"""Which devices a container gets: a pure decision (manager.go devicesToAllocate). Texts are upstream's.

    has them already ─▶ nothing to do          its pod's init containers left some ─▶ those first
    unregistered, none healthy, not enough ─▶ AllocationError
    the plugin has preferences ─▶ AskPlugin, then those, then the rest by id

The topology manager's policy is none, so that no device is better aligned than another.
"""

from dataclasses import dataclass, field


class AllocationError(Exception):
    """The container cannot have its devices; the text follows "Allocate failed due to"."""


@dataclass(frozen=True, slots=True)
class Request:
    pod: str
    container: str
    resource: str
    count: int


@dataclass(frozen=True, slots=True)
class View:
    """What the decision depends on. `healthy` None: not registered; `has` None: nothing was given to it yet;
    `running`: the container has been running since before the agent started, so it has its devices."""

    healthy: frozenset[str] | None
    in_use: frozenset[str] = frozenset()
    has: frozenset[str] | None = None
    reusable: frozenset[str] = frozenset()
    running: bool = False
    prefers: bool = False
    """The plugin wants to be asked for the devices it would rather give."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Devices to ask the plugin for; none: nothing is left to do."""

    devices: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class AskPlugin:
    """The plugin chooses `size` of `available`, among them all of `must_include`."""

    available: frozenset[str]
    must_include: frozenset[str]
    size: int


def choose(request: Request, view: View, preferred: frozenset[str] | None = None) -> Settled | AskPlugin:
    """`preferred`: the plugin's answer to AskPlugin. Raises AllocationError."""
    resource, needed = request.resource, request.count
    if view.has is not None:
        if len(view.has) != request.count:
            raise AllocationError(
                f'pod "{request.pod}" container "{request.container}" changed request for resource "{resource}" '
                f"from {len(view.has)} to {request.count}"
            )
        needed = 0
    if view.running:
        return Settled()
    _require_healthy(request, view)
    if needed == 0:
        return Settled()
    chosen = frozenset(sorted(view.reusable)[:needed])
    needed -= len(chosen)
    if needed == 0:
        return Settled(chosen)
    available = (view.healthy or frozenset()) - view.in_use - chosen
    if len(available) < needed:
        raise AllocationError(
            f"requested number of devices unavailable for {resource}. Requested: {needed}, Available: {len(available)}"
        )
    if view.prefers and preferred is None:
        return AskPlugin(available | chosen, chosen, request.count)
    wanted = sorted(available & (preferred or frozenset())) + sorted(available - (preferred or frozenset()))
    return Settled(chosen | frozenset(wanted[:needed]))


def _require_healthy(request: Request, view: View) -> None:
    if view.healthy is None:
        raise AllocationError(f"cannot allocate unregistered device {request.resource}")
    if not view.healthy:
        raise AllocationError(
            f"no healthy devices present; cannot allocate unhealthy devices {request.resource}"
        )
    if not view.healthy >= (view.has or frozenset()):
        raise AllocationError(
            "previously allocated devices are no longer healthy; cannot allocate unhealthy devices "
            f"{request.resource}"
        )
