"""The dockershim as a child of the kubelet: the default when no --container-runtime-endpoint is given.

The child is started again whenever it ends, soon at first and then ever more slowly; it dies with the kubelet, so that
two of them never serve one socket. What it runs goes on without it: pods belong to the engine, not to the dockershim.
"""

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

logger = logging.getLogger(__name__)

RESTART_MIN_SECONDS = 0.2
RESTART_MAX_SECONDS = 10.0
HEALTHY_SECONDS = 30.0
"""A child that lived this long starts the back-off over."""
STOP_SECONDS = 5.0
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent() -> None:
    """Between fork and exec: the kernel ends the child when the kubelet is gone, however it went."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


class EmbeddedDockershim:
    """`endpoint` is the child's CRI socket; `run` keeps the child alive until cancelled."""

    def __init__(self, socket: Path, flags: Sequence[str] = ()) -> None:
        self.socket = socket
        self.endpoint = f"unix://{socket}"
        self.last_exit = ""
        """How the child ended last; empty while it has not."""
        self._flags = tuple(flags)

    def command(self) -> list[str]:
        return [
            sys.executable, "-m", "dockershim", f"--container-runtime-endpoint={self.endpoint}", *self._flags,
        ]

    async def run(self) -> None:
        delay = RESTART_MIN_SECONDS
        self.socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        while True:
            began = time.monotonic()
            code = await self._run_once()
            self.last_exit = describe_exit(code)
            delay = RESTART_MIN_SECONDS if time.monotonic() - began > HEALTHY_SECONDS else delay
            logger.error("The dockershim ended and will be started again exit=%s delay_seconds=%.1f",
                         self.last_exit, delay)
            await asyncio.sleep(delay)
            delay = min(2 * delay, RESTART_MAX_SECONDS)

    async def _run_once(self) -> int:
        process = await asyncio.create_subprocess_exec(
            *self.command(), stdin=asyncio.subprocess.DEVNULL, preexec_fn=_die_with_parent,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        logger.info("Started the dockershim pid=%d endpoint=%s", process.pid, self.endpoint)
        try:
            return await process.wait()
        except asyncio.CancelledError:
            await _stop(process)
            raise


async def _stop(process: asyncio.subprocess.Process) -> None:
    """SIGTERM, and SIGKILL for one that does not listen."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        logger.warning("The dockershim did not stop in time and is killed pid=%d", process.pid)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def describe_exit(code: int) -> str:
    """`exit code 1`, or the signal's name."""
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
