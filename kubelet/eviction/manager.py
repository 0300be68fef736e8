"""The loop of eviction: look, judge, and end at most one pod at a time for the node's sake.

    every 10 s ─▶ node conditions ─▶ pods over their own limits ─▶ thresholds ─▶ reclaim, look again ─▶ one pod
    a pod was evicted ─▶ wait until it is cleaned up, 30 s at most ─▶ look again at once
    kernelMemcgNotification ─▶ in between, the kernel tells when memory runs short (kubelet.eviction.memory)

Reclaim is judged by the thresholds that caused it: another that waits for its grace costs no pod its life.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from nodegc import CollectionError

from cri.errors import CriError
from kubelet.api.meta import formatted, is_critical, pod_reference
from kubelet.api.types import ObjectReference, Pod
from kubelet.events import EventRecorder
from kubelet.eviction import limits, messages
from kubelet.eviction.ranking import Reclaim, rank, remedy
from kubelet.eviction.signals import Layout, Observations
from kubelet.eviction.thresholds import PressureState, Threshold, judge, met, on_layout
from kubelet.eviction.usage import PodUsage
from kubelet.node.conditions import Pressure
from kubelet.podworkers import Verdict
from kubelet.resources import MEMORY

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 10.0
CLEANUP_SECONDS = 30.0
HARD_GRACE_SECONDS = 1
WALK_COST_FACTOR = 20.0
"""Measuring pods that took one second is not repeated for twenty."""
DISRUPTION_REASON = "TerminationByKubelet"


class Meter(Protocol):
    """What there is and what pods use; each raises CriError and OSError."""

    async def layout(self) -> Layout: ...

    async def observe(self) -> Observations: ...

    async def until_short_of_memory(self, thresholds: Sequence[Threshold], seconds: float) -> None:
        """Until one of these thresholds of memory is met, and so many seconds at most; costs next to nothing."""

    async def usages(self, pods: Iterable[Pod], *, one_by_one: bool = False) -> Mapping[str, PodUsage]: ...


class Collector(Protocol):
    """Gives back what no pod needs; each raises CollectionError, CriError, OSError."""

    async def delete_unused_containers(self) -> object: ...

    async def delete_unused_images(self) -> object: ...


class Pods(Protocol):
    def active(self) -> list[Pod]:
        """Those that use the node's resources."""

    async def until_cleaned_up(self, pods: Sequence[Pod]) -> None:
        """Nothing of them is left on the node but what dead pods leave."""


class Ender(Protocol):
    async def end(self, pod: Pod, verdict: Verdict, grace_seconds: int | None = None, *, evict: bool = False) -> bool:
        """End a pod for the node's sake."""


@dataclass(frozen=True, slots=True)
class EvictionSettings:
    """Of KubeletConfiguration; times in seconds."""

    thresholds: tuple[Threshold, ...] = ()
    transition_seconds: float = 300.0
    max_pod_grace_seconds: int = 0
    """For soft thresholds."""
    local_storage: bool = True
    """Whether pods' own storage limits are enforced."""
    watch_memory: bool = False
    """kernelMemcgNotification."""


_PRESSURES = frozenset(Pressure().by_type())


def _pressure_of(conditions: Iterable[str]) -> Pressure:
    names = frozenset(conditions)
    return Pressure(memory="MemoryPressure" in names, disk="DiskPressure" in names, pid="PIDPressure" in names)


class EvictionManager:
    """Run `run`; ask `pressure`."""

    def __init__(
        self, settings: EvictionSettings, meter: Meter, collector: Collector, pods: Pods, ender: Ender,
        recorder: EventRecorder, node: Callable[[], ObjectReference], *,
        on_pressure: Callable[[], None] = lambda: None, on_evicted: Callable[[str], None] = lambda _signal: None,
        on_stats_age: Callable[[str, float], None] = lambda _signal, _seconds: None,
        believed: Callable[[], Iterable[str]] = lambda: (), clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`believed`: node conditions that hold as far as the API server knows; they do until the first look, and
        count as just seen then, so that a restart shortens no transition. `on_pressure`: node conditions have changed.
        `on_evicted(signal)`, `on_stats_age(signal, seconds)`: for kubelet_evictions and
        kubelet_eviction_stats_age_seconds."""
        self._on_stats_age = on_stats_age
        self._settings, self._meter, self._collector, self._pods = settings, meter, collector, pods
        self._ender, self._recorder, self._node = ender, recorder, node
        self._on_pressure, self._on_evicted, self._clock = on_pressure, on_evicted, clock
        self._state = PressureState()
        self._limits_due = 0.0
        self._problem = self._usage_problem = ""
        self._believed = believed
        self._pressure: Pressure | None = None

    @property
    def pressure(self) -> Pressure:
        """What the last look said."""
        return _pressure_of(self._believed()) if self._pressure is None else self._pressure

    async def run(self) -> None:
        if not self._settings.thresholds and not self._settings.local_storage:
            return
        while True:
            evicted: Sequence[Pod] = ()
            try:
                evicted = await self.synchronize()
                self._problem = ""
            except (CriError, OSError) as error:
                if str(error) != self._problem:
                    logger.warning("Eviction cannot measure the node, will be tried again error=%s", error)
                self._problem = str(error)
            except Exception:
                # A defect that some pod or file brings out must not end the agent, which keeps all other pods.
                logger.exception("A look at the node failed unexpectedly")
            if evicted:
                await self._until_cleaned_up(evicted)
            else:
                await self._rest()

    async def _rest(self) -> None:
        """Until the next look; with an eye on memory if that is wanted."""
        unmet = [one for one in self._settings.thresholds
                 if one.signal.resource == MEMORY and one not in self._state.first_met]
        if self._settings.watch_memory and unmet:
            await self._meter.until_short_of_memory(unmet, INTERVAL_SECONDS)
        else:
            await asyncio.sleep(INTERVAL_SECONDS)

    async def synchronize(self) -> Sequence[Pod]:
        """One pass; returns the pods that it evicted. Raises CriError, OSError."""
        layout = await self._meter.layout()
        thresholds = on_layout(self._settings.thresholds, layout)
        seen_at, seen = self._clock(), await self._meter.observe()
        if self._pressure is None:
            self._state = PressureState(last_seen=dict.fromkeys(_PRESSURES.intersection(self._believed()), seen_at))
        judgement = judge(self._state, thresholds, seen, self._clock(), self._settings.transition_seconds)
        self._state = judgement.state
        self._set_pressure(judgement.conditions)
        if self._settings.local_storage and (evicted := await self._enforce_limits(layout)):
            return evicted
        if not judgement.act:
            return ()
        cause = judgement.act[0]
        resource = cause.signal.resource
        logger.warning("The node runs short of %s signal=%s", resource, cause.signal)
        self._recorder.event(self._node(), "Warning", "EvictionThresholdMet", f"Attempting to reclaim {resource}")
        if await self._reclaim(cause, layout, judgement.act):
            logger.info("Enough was reclaimed without ending pods resource=%s", resource)
            return ()
        for threshold in judgement.act:
            self._on_stats_age(threshold.signal, self._clock() - seen_at)
        return await self._evict_one(cause, layout, judgement.act, seen)

    def _set_pressure(self, conditions: Iterable[str]) -> None:
        before, self._pressure = self.pressure, _pressure_of(conditions)
        if self._pressure != before:
            self._on_pressure()

    # --- pods' own limits ---

    async def _enforce_limits(self, layout: Layout) -> Sequence[Pod]:
        """All pods that are over what they may use of local storage end."""
        began = self._clock()
        limited = [pod for pod in self._pods.active() if limits.has_limits(pod)]
        if not limited or began < self._limits_due:
            return ()
        usages = await self._usages(limited, one_by_one=True)
        self._limits_due = self._clock() + (self._clock() - began) * WALK_COST_FACTOR
        found = [
            (pod, violation) for pod in limited if (usage := usages.get(pod.metadata.uid)) is not None
            and (violation := limits.violation(pod, usage, dedicated_image_fs=layout.has_image_fs)) is not None
        ]
        evicted = []
        for pod, violation in found:
            if await self._evict(pod, violation.message, HARD_GRACE_SECONDS):
                self._on_evicted(violation.signal)
                evicted.append(pod)
        return evicted

    async def _usages(self, pods: Iterable[Pod], *, one_by_one: bool = False) -> Mapping[str, PodUsage]:
        """Nothing while the runtime cannot tell: the node is judged all the same, and priorities still rank pods."""
        try:
            found = await self._meter.usages(pods, one_by_one=one_by_one)
        except (CriError, OSError) as error:
            if not self._usage_problem:
                logger.warning("What pods use cannot be measured error=%s", error)
            self._usage_problem = str(error)
            return {}
        self._usage_problem = ""
        return found

    # --- the node's distress ---

    async def _reclaim(self, cause: Threshold, layout: Layout, act: Sequence[Threshold]) -> bool:
        """Give back what no pod needs; True if that is enough."""
        steps = remedy(cause.signal, layout).reclaim
        for step in steps:
            try:
                if step is Reclaim.CONTAINERS:
                    await self._collector.delete_unused_containers()
                else:
                    await self._collector.delete_unused_images()
            except (CollectionError, CriError, OSError) as error:
                logger.warning("Reclaim failed what=%s error=%s", step.name.lower(), error)
        return bool(steps) and not met(act, await self._meter.observe(), reclaimed=True)

    async def _evict_one(
        self, cause: Threshold, layout: Layout, act: Sequence[Threshold], seen: Observations
    ) -> Sequence[Pod]:
        active = self._pods.active()
        if not active:
            logger.error("Eviction thresholds are met, but no pods are active to evict signal=%s", cause.signal)
            return ()
        usages = await self._usages(active)
        ranked = rank(active, usages, cause.signal, layout)
        logger.info("Pods are ranked for eviction signal=%s pods=%s", cause.signal, " ".join(map(formatted, ranked)))
        for pod in ranked:
            told = messages.explain(cause.signal.resource, pod, usages.get(pod.metadata.uid), act, seen)
            grace = HARD_GRACE_SECONDS if cause.is_hard else self._soft_grace(pod)
            if await self._evict(pod, told.message, grace, told.annotations, DISRUPTION_REASON):
                self._on_evicted(cause.signal)
                return [pod]
        logger.error("No pod can be evicted signal=%s", cause.signal)
        return ()

    def _soft_grace(self, pod: Pod) -> int:
        own, most = pod.spec.termination_grace_period_seconds, self._settings.max_pod_grace_seconds
        return most if own is None else min(own, most)

    async def _evict(
        self, pod: Pod, message: str, grace_seconds: int, annotations: Mapping[str, str] | None = None,
        disruption_reason: str = "",
    ) -> bool:
        """False for a critical pod: static ones would not come back (kubernetes#40573)."""
        if is_critical(pod):
            logger.error("A critical pod cannot be evicted pod=%s", formatted(pod))
            return False
        self._recorder.event(pod_reference(pod), "Warning", messages.REASON, message, annotations)
        logger.warning("Pod is evicted pod=%s message=%s", formatted(pod), message)
        verdict = Verdict(reason=messages.REASON, message=message, disruption_reason=disruption_reason)
        await self._ender.end(pod, verdict, grace_seconds, evict=True)
        return True

    async def _until_cleaned_up(self, pods: Sequence[Pod]) -> None:
        """Only then is it seen what their end has given back."""
        try:
            async with asyncio.timeout(CLEANUP_SECONDS):
                await self._pods.until_cleaned_up(pods)
        except TimeoutError:
            logger.warning("Evicted pods are not cleaned up yet pods=%s", " ".join(map(formatted, pods)))
