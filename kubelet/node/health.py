"""What the container runtime says of itself, polled: the reasons for a node that is not ready.

    CRI Status every 5 s (every 100 ms until it is well for the first time) ─▶ runtime_errors, network_error, features

Runtime errors and the network's are kept apart: without a network, pods on the host's network still run.
Texts: pkg/kubelet/runtime.go, kubelet.go updateRuntimeUp.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from cri.errors import CriError
from cri.v1 import api_pb2 as cri
from kubelet.api.types import NodeFeatures, NodeRuntimeHandler, NodeRuntimeHandlerFeatures

logger = logging.getLogger(__name__)

POLL_SECONDS = 5.0
FIRST_POLL_SECONDS = 0.1
TOLERANCE_SECONDS = 30.0
"""How long a runtime that was well may not answer before it counts as down (maxWaitForContainerRuntime)."""
CALL_SECONDS = 10.0

NOT_CHECKED = "container runtime status check may not have completed yet"
DOWN = "container runtime is down"
NO_ANSWER = "container runtime does not answer"
NETWORK_UNKNOWN = "network state unknown"


class RuntimeStatusClient(Protocol):
    """The part of cri.client.RuntimeClient that is asked here."""

    @property
    def Status(self) -> Callable[[cri.StatusRequest], Awaitable[cri.StatusResponse]]: ...

    @property
    def Version(self) -> Callable[[cri.VersionRequest], Awaitable[cri.VersionResponse]]: ...


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Something else that the node's health depends on; `problem` gives its error, or nothing."""

    name: str
    problem: Callable[[], str | None]


class RuntimeHealth:
    def __init__(
        self, client: RuntimeStatusClient, *, checks: tuple[HealthCheck, ...] = (),
        changed: Callable[[], None] = lambda: None, became_ready: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`changed` hears of every change of what is said here; `became_ready` once, when all is well first."""
        self._client, self._checks, self._monotonic = client, checks, monotonic
        self.changed, self._became_ready = changed, became_ready
        self._last_well: float | None = None
        self._runtime_error = self._call_error = ""
        self._network_error = NETWORK_UNKNOWN
        self._was_ready = False
        self.ill_since: float | None = None
        self.network_ill_since: float | None = None
        """Monotonic time from which on the runtime, or the network, has had an error; None while it has none."""
        self.checked = asyncio.Event()
        """Set once the runtime has answered, well or not."""
        self.runtime_name = ""
        self.runtime_version = ""
        self.handlers: tuple[NodeRuntimeHandler, ...] = ()
        self.features: NodeFeatures | None = None

    @property
    def version(self) -> str:
        """`<name>://<version>`, as nodeInfo says it."""
        return f"{self.runtime_name or 'unknown'}://{self.runtime_version or 'Unknown'}"

    def network_error(self) -> str:
        """Why pods cannot be given a network now; empty when they can."""
        return self._network_error

    def first_signs(self) -> tuple[str, ...]:
        """As `runtime_errors`, and also a runtime that only just stopped answering: for people, not for conditions."""
        return self.runtime_errors() or ((f"{NO_ANSWER}: {self._call_error}",) if self._call_error else ())

    def runtime_errors(self) -> tuple[str, ...]:
        errors: list[str] = []
        if self._last_well is None:
            errors.append(NOT_CHECKED)
        elif self._monotonic() - self._last_well >= TOLERANCE_SECONDS:
            errors.append(f"{DOWN}: {self._call_error}" if self._call_error else DOWN)
        for check in self._checks:
            problem = check.problem()
            if problem:
                errors.append(f"{check.name} is not healthy: {problem}")
        if self._runtime_error:
            errors.append(self._runtime_error)
        return tuple(errors)

    def errors(self) -> tuple[str, ...]:
        """All that makes the node not ready, the runtime's first."""
        network = (self._network_error,) if self._network_error else ()
        return self.runtime_errors() + network

    async def run(self) -> None:
        """Poll for ever."""
        while True:
            before = self._outline()
            await self.poll()
            if self._outline() != before:
                self.changed()
            if not self._was_ready and not self.errors():
                self._was_ready = True
                self._became_ready()
            await asyncio.sleep(POLL_SECONDS if self._was_ready else FIRST_POLL_SECONDS)

    def _outline(self) -> tuple[object, ...]:
        return self.errors(), self.version, self.handlers, self.features

    async def poll(self) -> None:
        """Ask once. A runtime that does not answer is down once the tolerance is over."""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                response = await self._client.Status(cri.StatusRequest())
                if not self.runtime_version or self._runtime_error or self._call_error:
                    version = await self._client.Version(cri.VersionRequest())
                    self.runtime_name, self.runtime_version = version.runtime_name, version.runtime_version
        except (CriError, TimeoutError) as error:
            text = str(error) or f"no answer within {CALL_SECONDS:.0f}s"
            if text != self._call_error:
                logger.warning("Container runtime does not answer: %s", text)
            self._call_error = text
            self._note_times()
            return
        finally:
            self.checked.set()
        if self._call_error:
            logger.info("Container runtime answers again")
        self._call_error = ""
        self._take(response)
        self._note_times()

    def _note_times(self) -> None:
        now = self._monotonic()
        self.ill_since = (self.ill_since or now) if self.first_signs() else None
        self.network_ill_since = (self.network_ill_since or now) if self._network_error else None

    def _take(self, response: cri.StatusResponse) -> None:
        conditions = {condition.type: condition for condition in response.status.conditions}
        network, runtime = conditions.get("NetworkReady"), conditions.get("RuntimeReady")
        self._network_error = "" if network is not None and network.status else \
            f"container runtime network not ready: {_condition_text(network)}"
        self._runtime_error = "" if runtime is not None and runtime.status else \
            f"container runtime not ready: {_condition_text(runtime)}"
        if self._runtime_error:
            return
        self._last_well = self._monotonic()
        self.handlers = tuple(sorted((_handler(found) for found in response.runtime_handlers),
                                     key=lambda handler: handler.name))
        self.features = NodeFeatures(
            supplemental_groups_policy=response.features.supplemental_groups_policy
        ) if response.HasField("features") else None


def _condition_text(condition: cri.RuntimeCondition | None) -> str:
    if condition is None:
        return "<nil>"
    holds = "true" if condition.status else "false"
    return f"{condition.type}={holds} reason:{condition.reason} message:{condition.message}"


def _handler(handler: cri.RuntimeHandler) -> NodeRuntimeHandler:
    return NodeRuntimeHandler(name=handler.name, features=NodeRuntimeHandlerFeatures(
        recursive_read_only_mounts=handler.features.recursive_read_only_mounts,
        user_namespaces=handler.features.user_namespaces,
    ))
