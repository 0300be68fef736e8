"""What the slices need of a connection to systemd, and how one fails. `kubelet.cgroups.systembus` is the real one."""

from collections.abc import Callable, Sequence
from typing import Protocol


class BusError(Exception):
    """The other side answered with an error; `name` is D-Bus's."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text or name)
        self.name = name


class BusLost(Exception):
    """No connection to the bus: none could be made, or it broke."""


JobRemoved = Callable[[str, str], None]
"""Told of each job's end: its path, and `done`, `failed`, `canceled`, `timeout`, `dependency` or `skipped`."""


class Bus(Protocol):
    """A connection to systemd's manager object. Raises BusError and BusLost."""

    @property
    def connected(self) -> bool: ...

    async def call(self, member: str, signature: str, *arguments: object) -> Sequence[object]: ...

    async def version(self) -> str: ...

    def close(self) -> None: ...
