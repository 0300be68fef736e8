"""systemd-logind as the kubelet's shutdown manager sees it, for buses that have no real one: a process of its own.

    python standin_logind.py BUS_ADDRESS OVERRIDE_FILE

Serves org.freedesktop.login1 (Inhibit, InhibitDelayMaxUSec) and org.freedesktop.systemd1 (KillUnit, which reads
OVERRIDE_FILE anew). Standard output says what happens, a line each: `serving`, `inhibited WHAT WHO MODE`, `released`,
`reloaded SECONDS`. Standard input commands: `shutdown` and `cancel` announce a shutdown and its end.
"""

import asyncio
import os
import re
import sys
from pathlib import Path

from dbus_fast import BusType
from dbus_fast.aio import MessageBus
from dbus_fast.constants import PropertyAccess
from dbus_fast.service import ServiceInterface, dbus_property, method, signal

BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
  </policy>
</busconfig>
"""
"""Of a bus on which everybody may do everything; to be filled with the path of its socket."""
FIRST_DELAY_SECONDS = 5


def say(*words: object) -> None:
    print(*words, flush=True)


class Login(ServiceInterface):
    def __init__(self) -> None:
        super().__init__("org.freedesktop.login1.Manager")
        self.delay_seconds = FIRST_DELAY_SECONDS

    @method()
    async def Inhibit(self, what: "s", who: "s", why: "s", mode: "s") -> "h":  # noqa: F821
        ours, theirs = os.pipe()
        loop = asyncio.get_running_loop()

        def released() -> None:
            loop.remove_reader(ours)
            os.close(ours)
            say("released")

        loop.add_reader(ours, released)
        loop.call_later(1, os.close, theirs)  # once the bus has passed it on
        say("inhibited", what, who, mode)
        return theirs

    @dbus_property(access=PropertyAccess.READ)
    def InhibitDelayMaxUSec(self) -> "t":  # noqa: F821
        return self.delay_seconds * 1_000_000

    @signal()
    def PrepareForShutdown(self, begins) -> "b":  # noqa: F821
        return begins


class Systemd(ServiceInterface):
    def __init__(self, login: Login, override: Path) -> None:
        super().__init__("org.freedesktop.systemd1.Manager")
        self._login, self._override = login, override

    @method()
    async def KillUnit(self, unit: "s", who: "s", number: "i") -> None:  # noqa: F821
        found = re.search(r"^InhibitDelayMaxSec=(\d+)$", self._override.read_text(), re.MULTILINE)
        assert (unit, who, number) == ("systemd-logind.service", "all", 1) and found
        self._login.delay_seconds = int(found[1])
        say("reloaded", found[1])


async def main() -> None:
    address, override = sys.argv[1:]
    bus = await MessageBus(bus_address=address, bus_type=BusType.SYSTEM, negotiate_unix_fd=True).connect()
    login = Login()
    bus.export("/org/freedesktop/login1", login)
    bus.export("/org/freedesktop/systemd1", Systemd(login, Path(override)))
    await bus.request_name("org.freedesktop.login1")
    await bus.request_name("org.freedesktop.systemd1")
    say("serving")
    while line := await asyncio.to_thread(sys.stdin.readline):
        login.PrepareForShutdown(line.strip() == "shutdown")
    bus.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
