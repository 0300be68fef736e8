"""What a collection would do: one decision per thing looked at, with the reason, before anything is touched.

Every plan of this room is a tuple of Decisions: `podwright gc plan` prints it, tests read it, the executor carries out
those that say remove, and nothing else.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    IMAGE = "image"
    CONTAINER = "container"
    SANDBOX = "sandbox"
    LOG_DIRECTORY = "log directory"
    LOG_LINK = "log link"
    POD_DIRECTORY = "pod directory"


@dataclass(frozen=True, slots=True)
class Decision:
    """`subject` is an id or a path, `name` what people call it; `size` in bytes where it is known."""

    kind: Kind
    subject: str
    remove: bool
    reason: str
    name: str = ""
    size: int = 0


Plan = tuple[Decision, ...]


def removals(plan: Iterable[Decision]) -> list[Decision]:
    return [decision for decision in plan if decision.remove]


def go_duration(seconds: float) -> str:
    """Whole seconds as Go prints them: 2m0s, 168h0m0s."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
