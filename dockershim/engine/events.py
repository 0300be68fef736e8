"""The engine's event stream: `GET /events`, one JSON object per line, for as long as the engine lives.

    ┌ connect ─ fails ─▶ back-off ─┐
    ▼                              │
    CONNECTED ── stream ends ──────┘      every CONNECTED is followed by the owner's resync, since events were missed
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from dockershim.engine.client import EngineClient
from dockershim.engine.connection import Connection
from dockershim.engine.errors import EngineError, EngineUnavailableError

logger = logging.getLogger(__name__)

_BACKOFF_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)
_FILTERS = msgspec.json.encode(
    {
        "type": ["container", "image"],
        "event": [
            "create", "start", "die", "destroy", "oom", "rename", "update", "pause", "unpause", "exec_die",
            "pull", "delete", "tag", "untag", "load", "import",
        ],
    }
).decode()


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """`kind` is `container` or `image`; `action` without details (`exec_die`); `time_ns` since the epoch."""

    kind: str
    action: str
    actor_id: str
    attributes: Mapping[str, str]
    time_ns: int


def parse_event(line: bytes) -> EngineEvent | None:
    """The event in one line; None for what is none."""
    try:
        raw: dict[str, Any] = msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError:
        logger.warning("engine event cannot be read line=%r", line[:200])
        return None
    actor = raw.get("Actor") or {}
    return EngineEvent(
        kind=str(raw.get("Type") or ""),
        action=str(raw.get("Action") or "").partition(":")[0],
        actor_id=str(actor.get("ID") or ""),
        attributes=actor.get("Attributes") or {},
        time_ns=int(raw.get("timeNano") or 0),
    )


class EventStream:
    """Follows the events until cancelled. `on_connect` runs before any event of that connection is delivered.

    Events that happen while `on_connect` lists the engine's state wait in the socket, so none is lost between both.
    """

    def __init__(
        self,
        engine: EngineClient,
        on_connect: Callable[[], Awaitable[None]],
        on_event: Callable[[EngineEvent], Awaitable[None]],
        on_disconnect: Callable[[EngineError], None],
    ) -> None:
        self._engine = engine
        self._failures = 0
        self._connection: Connection | None = None
        self._on_connect, self._on_event, self._on_disconnect = on_connect, on_event, on_disconnect

    async def run(self) -> None:
        while True:
            try:
                await self._follow()
                error: EngineError = EngineUnavailableError(f"Docker engine at {self._engine.endpoint}: events ended")
            except EngineError as caught:
                error = caught
            self._engine.disconnected()
            self._on_disconnect(error)
            await asyncio.sleep(_BACKOFF_SECONDS[min(self._failures, len(_BACKOFF_SECONDS) - 1)])
            self._failures += 1

    def give_up(self) -> None:
        """End this connection, if there is one, and make another: what it tells of cannot be looked at any more."""
        if self._connection is not None:
            self._connection.abort()

    async def _follow(self) -> None:
        await self._engine.negotiate()
        rest = b""
        # The engine flushes the response head at once, so a deadline on it is right.
        async with self._engine.stream("GET", "/events", {"filters": _FILTERS}, head_timeout=10.0) as (_, connection):
            await self._on_connect()
            self._failures = 0
            self._connection = connection
            try:
                async for chunk in connection.chunks():
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        if line.strip() and (event := parse_event(line)) is not None:
                            await self._on_event(event)
            finally:
                self._connection = None
