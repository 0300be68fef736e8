"""Ends pods for the node's sake, not for their owners': eviction, preemption, shutdown.

The pod's own worker does it; here is only the waiting, which has an end (pkg/kubelet/pod_workers.go killPodNow).
"""

import logging
from typing import Protocol

from kubelet.api.meta import formatted, pod_reference
from kubelet.api.types import Pod
from kubelet.events import EventRecorder
from kubelet.podworkers import KillOptions, PodUpdate, UpdateKind, Verdict

logger = logging.getLogger(__name__)

LEAST_WAIT_SECONDS = 10.0
EXCEEDED_MESSAGE = "Container runtime did not kill the pod within specified grace period."


class Workers(Protocol):
    async def kill_and_wait(self, update: PodUpdate, timeout: float) -> bool: ...


class PodEnder:
    def __init__(self, workers: Workers, recorder: EventRecorder) -> None:
        self._workers, self._recorder = workers, recorder

    async def end(self, pod: Pod, verdict: Verdict, grace_seconds: int | None = None, *, evict: bool = False) -> bool:
        """Returns once nothing of the pod runs; False when that takes longer than half as long again as its grace.

        `grace_seconds` None: the pod's own. `verdict`: what its status says from then on."""
        grace = grace_seconds if grace_seconds is not None else pod.spec.termination_grace_period_seconds or 0
        update = PodUpdate(
            UpdateKind.KILL, pod, KillOptions(evict=evict, grace_seconds=grace_seconds, verdict=verdict)
        )
        if await self._workers.kill_and_wait(update, max(LEAST_WAIT_SECONDS, grace * 1.5)):
            return True
        logger.warning("Pod did not end in time pod=%s reason=%s", formatted(pod), verdict.reason)
        self._recorder.event(pod_reference(pod), "Warning", "ExceededGracePeriod", EXCEEDED_MESSAGE)
        return False
