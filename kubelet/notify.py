"""Telling systemd that the service is ready, and that it is alive (sd_notify(3), WatchdogSec)."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping

logger = logging.getLogger(__name__)

LEAST_SECONDS, RETRY_SECONDS = 1.0, 0.5


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
    """Half of the time within which systemd wants to hear from this process; 0 when it does not ask for that.

    Raises ValueError, as the upstream kubelet refuses it, when the time is none or too short to keep."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    text = os.environ.get("WATCHDOG_USEC", "")
    if not text:
        return 0.0
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ValueError(f"WATCHDOG_USEC is {text!r}, not a number of microseconds; mend WatchdogSec of the unit")
    seconds = int(text) / 1e6
    if seconds <= LEAST_SECONDS:
        raise ValueError(f"timeout too small: {seconds:g} s; set WatchdogSec of the unit above {LEAST_SECONDS:g} s")
    return seconds / 2


async def keep_watchdog_fed(checks: Callable[[], Mapping[str, str]]) -> None:
    """Notify at half the watchdog's period for as long as every health check passes (KEP-4680).

    `checks`: name to what is wrong, "" for nothing. A socket that does not take it is tried once more."""
    period = watchdog_seconds()
    while period:
        failed = {name: reason for name, reason in checks().items() if reason}
        if failed:
            logger.error("Do not notify watchdog this iteration as the kubelet is reportedly not healthy checks=%s",
                         failed)
        elif not notify("WATCHDOG=1"):
            await asyncio.sleep(RETRY_SECONDS)
            notify("WATCHDOG=1")
        await asyncio.sleep(period)
