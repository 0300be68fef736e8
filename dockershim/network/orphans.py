"""Plugins that outlive the process that ran them.

A dockershim that is killed leaves its plugins running, and one that is in the middle of an ADD may make an interface
after its successor has run DEL. So before a half-made network is taken down, they get a while to end, and are then
killed. They are known by their environment, which everything that they start inherits.
"""

import asyncio
import contextlib
import os
import select
import signal
import time
from pathlib import Path

GRACE_SECONDS = 5.0


async def end(sandbox_id: str, grace_seconds: float = GRACE_SECONDS) -> int:
    """See every process end that a plugin run for this sandbox has left; returns how many had to be killed."""
    return await asyncio.to_thread(_end, sandbox_id, grace_seconds)


def _end(sandbox_id: str, grace_seconds: float) -> int:
    deadline = time.monotonic() + grace_seconds
    held = _find(sandbox_id)
    killed = 0
    try:
        for pidfd in held:
            if _wait(pidfd, max(0.0, deadline - time.monotonic())):
                continue
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                killed += 1
            _wait(pidfd, grace_seconds)
    finally:
        for pidfd in held:
            os.close(pidfd)
    return killed


def _find(sandbox_id: str) -> list[int]:
    """Their pidfds. A process may end, and its id be another's, between two looks: the second is behind a pidfd."""
    entry = f"CNI_CONTAINERID={sandbox_id}".encode()
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 (names are all that is needed)
        if not name.isdigit() or int(name) == os.getpid() or not _has(name, entry):
            continue
        with contextlib.suppress(OSError):
            pidfd = os.pidfd_open(int(name))
            if _has(name, entry):
                found.append(pidfd)
            else:
                os.close(pidfd)
    return found


def _has(pid: str, entry: bytes) -> bool:
    try:
        return entry in Path("/proc", pid, "environ").read_bytes().split(b"\0")
    except OSError:  # ended, or a kernel thread
        return False


def _wait(pidfd: int, seconds: float) -> bool:
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    return bool(poller.poll(seconds * 1000))
