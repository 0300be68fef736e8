"""Follows the kernel's log and tells of processes outside all containers that were killed: the event SystemOOM.

A container that exceeds its own limit is no such thing: its status says OOMKilled.
"""

import asyncio
import contextlib
import errno
import logging
import os
from collections.abc import Callable
from pathlib import Path

from kubelet.api.types import ObjectReference
from kubelet.events import EventRecorder
from kubelet.oom.kmsg import ROOT, OomKill, OomReader

logger = logging.getLogger(__name__)

KMSG = Path("/dev/kmsg")
RECORD_BYTES = 8192
"""The kernel hands out whole records, none longer than this (CONSOLE_EXT_LOG_MAX)."""


class OomWatcher:
    """`node`: what events point to."""

    def __init__(self, recorder: EventRecorder, node: Callable[[], ObjectReference], log: Path = KMSG) -> None:
        self._recorder, self._node, self._log = recorder, node, log
        self._reader = OomReader()

    async def run(self) -> None:
        """Follow what is logged from now on. Returns where there is no kernel log to be read."""
        try:
            descriptor = os.open(self._log, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            logger.warning("The kernel's log cannot be read, nobody is told of processes that it kills log=%s error=%s",
                           self._log, error.strerror)
            return
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        try:
            with contextlib.suppress(OSError):  # a pipe in the log's place has no past
                os.lseek(descriptor, 0, os.SEEK_END)
            loop.add_reader(descriptor, self._read, descriptor, ended)
            await ended.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)

    def _read(self, descriptor: int, ended: asyncio.Event) -> None:
        """All records that are there."""
        while True:
            try:
                record = os.read(descriptor, RECORD_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno == errno.EPIPE:  # the kernel has overwritten some; what is left comes next
                    continue
                logger.warning("The kernel's log is not followed any more error=%s", error.strerror)
                record = b""
            if not record:
                asyncio.get_running_loop().remove_reader(descriptor)
                ended.set()
                return
            if (kill := self._reader.feed(record.decode(errors="replace"))) is not None:
                self._killed(kill)

    def _killed(self, kill: OomKill) -> None:
        if kill.cgroup != ROOT:
            return
        logger.warning("The kernel killed a process for want of memory process=%s pid=%d", kill.process, kill.pid)
        self._recorder.event(
            self._node(), "Warning", "SystemOOM",
            f"System OOM encountered, victim process: {kill.process}, pid: {kill.pid}",
        )
