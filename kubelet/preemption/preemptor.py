"""Carries a preemption out: ends its victims side by side, so that the critical pod waits for the slowest and not for
all of them in turn."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from kubelet.api.meta import formatted, pod_reference
from kubelet.api.types import Pod
from kubelet.events import EventRecorder
from kubelet.podworkers import Verdict
from kubelet.preemption.plan import Preemption

logger = logging.getLogger(__name__)

REASON = "Preempting"
MESSAGE = "Preempted in order to admit critical pod"
CONDITION_MESSAGE = "Pod was preempted by Kubelet to accommodate a critical pod."
VERDICT = Verdict(
    reason=REASON, message=MESSAGE, disruption_reason="TerminationByKubelet", disruption_message=CONDITION_MESSAGE
)


class Ender(Protocol):
    async def end(self, pod: Pod, verdict: Verdict, grace_seconds: int | None = None, *, evict: bool = False) -> bool:
        """End a pod for the node's sake; False when it did not end in time."""


class Preemptor:
    def __init__(
        self, ender: Ender, recorder: EventRecorder, on_preempted: Callable[[str], None] = lambda _resource: None,
    ) -> None:
        """`on_preempted(resource)`: for kubelet_preemptions; the first resource that was short."""
        self._ender, self._recorder, self._on_preempted = ender, recorder, on_preempted

    async def make_room(self, preemption: Preemption) -> None:
        """End the victims, each with its own grace. One that does not end in time stops nothing: the kubelet goes on
        trying, and the critical pod waits no longer for it."""
        async with asyncio.TaskGroup() as group:
            for victim in preemption.victims:
                group.create_task(self._end(victim, preemption), name=f"preemption of {victim.metadata.name}")

    async def _end(self, victim: Pod, preemption: Preemption) -> None:
        short_of = [shortage.resource for shortage in preemption.shortages]
        logger.info(
            "Pod is preempted pod=%s for=%s short_of=%s", formatted(victim), formatted(preemption.pod),
            ",".join(short_of),
        )
        self._recorder.event(pod_reference(victim), "Warning", REASON, MESSAGE)
        if await self._ender.end(victim, VERDICT, evict=True):
            self._on_preempted(short_of[0] if short_of else "")
