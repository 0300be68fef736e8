"""Thresholds and what a look at the node says about them. Pure.

    met now, or met before and not yet reclaimed beyond its minimum ─▶ first met at … ─▶ grace over: act
                                                                  └─▶ node condition, kept for a while after its end

Source: pkg/kubelet/eviction/helpers.go, eviction_manager.go synchronize.
"""

import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from kubelet.api.quantity import format_bytes, parse
from kubelet.config import KubeletConfiguration
from kubelet.config.duration import Duration
from kubelet.eviction.signals import Layout, Observation, Observations, Signal
from kubelet.resources import canonical

DEFAULT_HARD: Mapping[str, str] = MappingProxyType({
    "memory.available": "100Mi", "nodefs.available": "10%", "nodefs.inodesFree": "5%", "imagefs.available": "15%",
    "imagefs.inodesFree": "5%",
})
"""pkg/kubelet/eviction/defaults_linux.go."""
_OFF = ("0%", "100%")
_COPIED = {
    Signal.NODE_FS: Signal.CONTAINER_FS, Signal.NODE_FS_INODES: Signal.CONTAINER_FS_INODES,
    Signal.IMAGE_FS: Signal.CONTAINER_FS, Signal.IMAGE_FS_INODES: Signal.CONTAINER_FS_INODES,
}


@dataclass(frozen=True, slots=True)
class Amount:
    """A quantity, or a percentage of what there is, as configured."""

    text: str

    def of(self, capacity: int) -> int:
        if not self.text.endswith("%"):
            return math.ceil(parse(self.text))
        # Upstream keeps shares in single precision; whoever compares figures sees the difference.
        return int(float(capacity) * _single(_single(float(self.text[:-1])) / 100))

    def written(self, capacity: int) -> str:
        return format_bytes(self.of(capacity)) if self.text.endswith("%") else canonical(self.text)


def _single(value: float) -> float:
    return float(struct.unpack("f", struct.pack("f", value))[0])


@dataclass(frozen=True, slots=True)
class Threshold:
    """Met while less than `least` is available. Without grace it is a hard one: pods get a second to end."""

    signal: Signal
    least: Amount
    grace_seconds: float = 0.0
    minimum_reclaim: Amount | None = None
    soft: bool = False

    @property
    def is_hard(self) -> bool:
        return self.grace_seconds == 0

    def is_met(self, seen: Observation, *, reclaimed: bool = False) -> bool:
        """`reclaimed`: not before the minimum reclaim is available besides."""
        least = self.least.of(seen.capacity)
        if reclaimed and self.minimum_reclaim is not None:
            least += self.minimum_reclaim.of(seen.capacity)
        return seen.available < least


def effective_hard(config: KubeletConfiguration, *, given: bool) -> Mapping[str, str]:
    """The hard thresholds in force: what is configured replaces the defaults, unless it is to be merged with them."""
    configured = config.eviction_hard or {}
    if not given:
        return DEFAULT_HARD
    return {**DEFAULT_HARD, **configured} if config.merge_default_eviction_settings else configured


def parse_thresholds(config: KubeletConfiguration, hard: Mapping[str, str]) -> tuple[Threshold, ...]:
    """Of a configuration that has been validated, in the order in which they are acted upon. What holds for the
    machine's memory holds for what all pods together may use of it, too, where that is enforced."""
    found: list[Threshold] = []
    for source, soft in ((hard, False), (config.eviction_soft, True)):
        for name, text in source.items():
            if text in _OFF:
                continue
            minimum = config.eviction_minimum_reclaim.get(name)
            grace = float(Duration.parse(config.eviction_soft_grace_period[name])) if soft else 0.0
            found.append(Threshold(
                Signal(name), Amount(text), grace, Amount(minimum) if minimum is not None else None, soft
            ))
    if "pods" in config.enforce_node_allocatable:
        found += [replace(one, signal=Signal.ALLOCATABLE_MEMORY) for one in found
                  if one.signal is Signal.MEMORY and one.is_hard]
    return ordered(found)


def ordered(thresholds: Iterable[Threshold]) -> tuple[Threshold, ...]:
    return tuple(sorted(thresholds, key=lambda threshold: (threshold.signal.rank, threshold.soft)))


def on_layout(thresholds: Iterable[Threshold], layout: Layout) -> tuple[Threshold, ...]:
    """With those of containerfs, which always are those of the file system that it is: what is configured for it does
    not count."""
    kept = [threshold for threshold in thresholds if threshold.signal not in _COPIED.values()]
    source = (Signal.IMAGE_FS, Signal.IMAGE_FS_INODES) if layout is Layout.IMAGES else (
        Signal.NODE_FS, Signal.NODE_FS_INODES)
    copies = [
        replace(threshold, signal=_COPIED[threshold.signal]) for threshold in kept if threshold.signal in source
    ]
    return ordered([*kept, *copies])


def met(
    thresholds: Iterable[Threshold], seen: Observations, *, reclaimed: bool = False
) -> tuple[Threshold, ...]:
    return tuple(
        threshold for threshold in thresholds
        if threshold.signal in seen and threshold.is_met(seen[threshold.signal], reclaimed=reclaimed)
    )


@dataclass(frozen=True, slots=True)
class PressureState:
    """What is remembered from one look to the next; times are the clock's seconds."""

    first_met: Mapping[Threshold, float] = field(default_factory=dict)
    last_seen: Mapping[str, float] = field(default_factory=dict)
    """By node condition."""
    acted_upon: tuple[Threshold, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    state: PressureState
    conditions: frozenset[str]
    act: tuple[Threshold, ...]
    """Whose grace is over, the most urgent first."""


def judge(
    state: PressureState, thresholds: Sequence[Threshold], seen: Observations, now: float, transition_seconds: float
) -> Judgement:
    """`transition_seconds`: how long a node condition is kept after its cause was last seen."""
    unresolved = met(state.acted_upon, seen, reclaimed=True)
    all_met = ordered({*met(thresholds, seen), *unresolved})
    first_met = {threshold: state.first_met.get(threshold, now) for threshold in all_met}
    last_seen = {**state.last_seen, **dict.fromkeys((threshold.signal.condition for threshold in all_met), now)}
    last_seen = {
        condition: at for condition, at in last_seen.items() if at == now or now - at < transition_seconds
    }
    act = tuple(threshold for threshold, at in first_met.items() if now - at >= threshold.grace_seconds)
    return Judgement(PressureState(first_met, last_seen, act), frozenset(last_seen), act)
