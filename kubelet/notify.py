"""Telling systemd that the service is ready, and that it is alive (sd_notify(3), WatchdogSec)."""

import asyncio
import os
import socket
from collections.abc import Callable


def notify(state: str) -> bool:
    """Send `READY=1`, `STOPPING=1`, `WATCHDOG=1`…; False when no service manager listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        try:
            sock.connect("\0" + address[1:] if address.startswith("@") else address)
            sock.sendall(state.encode())
        except OSError:
            return False
    return True


def watchdog_seconds() -> float:
    """Half of the time within which systemd wants to hear from this process; 0 when it does not ask for that."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    return int(os.environ.get("WATCHDOG_USEC", "0") or 0) / 1e6 / 2


async def keep_watchdog_fed(healthy: Callable[[], bool]) -> None:
    """Notify at half the watchdog's period for as long as the agent is healthy (KEP-4680)."""
    period = watchdog_seconds()
    while period:
        if healthy():
            notify("WATCHDOG=1")
        await asyncio.sleep(period)
