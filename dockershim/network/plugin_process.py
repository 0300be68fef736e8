"""Runs a CNI plugin's executable: the only place where the network room starts processes.

A pod waits for this, so it is written for few steps: `subprocess` with nothing that keeps it from `vfork`, the
configuration handed over as a memory file (nothing to feed), the end learned from a pidfd (no watcher thread).
The plugin leads a process group of its own, so that a plugin that hangs or fails dies with all that it started; what a
plugin that succeeded leaves running is its own affair.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from dockershim.network.errors import PluginDeadlineError, PluginError
from dockershim.network.invocation import MAX_OUTPUT_BYTES, Invocation, Outcome, Verb

_READ_BYTES = 65536
_DEATH_SECONDS = 10.0
"""How long a killed plugin may take to end."""


def find_plugin(plugin_type: str, bin_dirs: Sequence[Path]) -> Path | None:
    """The executable of that name in the first directory that has one."""
    for directory in bin_dirs:
        path = directory / plugin_type
        if path.is_file() and os.access(path, os.X_OK):
            return path
    return None


async def run_plugin(invocation: Invocation, executable: Path, deadline_seconds: float) -> Outcome:
    """Run to the end, or kill the process group when the deadline passes or the caller is cancelled.

    A DEL is let end when its caller is cancelled for the first time, which is raised after that: a DEL that was cut off
    cannot always be repeated (`bridge` 1.1 finds its masquerading rules by the link that it removes first).
    PluginDeadlineError for the deadline; PluginError when the executable cannot be started.
    """
    stdin = os.memfd_create("cni-config")
    try:
        os.write(stdin, invocation.stdin)
        os.lseek(stdin, 0, os.SEEK_SET)
        process = subprocess.Popen(  # noqa: ASYNC220 (vfork and exec: under a millisecond, and it needs the GIL anyway)
            [str(executable)],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **invocation.env},
            process_group=0,
            bufsize=0,
        )
    except OSError as error:
        problem = f"cannot start {executable}: {error.strerror}"
        raise PluginError(invocation.plugin, invocation.verb.value, invocation.sandbox_id, problem) from None
    finally:
        os.close(stdin)
    running = _Running(process)
    try:
        async with asyncio.timeout(deadline_seconds) as deadline:
            try:
                return await running.finish()
            except asyncio.CancelledError:
                if invocation.verb is not Verb.DEL or deadline.expired():
                    raise
                await running.finish()
                raise
    except TimeoutError:
        problem = f"did not end within {deadline_seconds:g} s and was killed"
        raise PluginDeadlineError(invocation.plugin, invocation.verb.value, invocation.sandbox_id, problem) from None
    finally:
        await running.close()


class _Running:
    """A plugin's process under way: its end (pidfd) and its two outputs, on the event loop."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        if process.stdout is None or process.stderr is None:
            raise ValueError("the process has no pipes")
        self._process = process
        self._outputs = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
        self._truncated = False
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._pidfd = os.pidfd_open(process.pid)
        self._loop.add_reader(self._pidfd, self._ended.set)
        for fd in self._outputs:
            os.set_blocking(fd, False)
            self._loop.add_reader(fd, self._read, fd)

    async def finish(self) -> Outcome:
        await self._ended.wait()
        for fd in self._outputs:  # what was printed last; a grandchild that keeps the pipe open is not waited for
            self._read_all(fd)
        if self._failed():
            self._kill()  # what it has started must not go on making things that nobody takes down
        status = self._process.wait()
        stdout, stderr = self._outputs.values()
        return Outcome(status, bytes(stdout), bytes(stderr), self._truncated)

    async def close(self) -> None:
        """Stop listening; if the process has not ended, kill its group and see it end: what it has begun can be taken
        down only after that. One that even then does not end hangs in the kernel, and is left to it."""
        for fd in self._outputs:
            self._loop.remove_reader(fd)
        try:
            if self._process.returncode is None:
                self._kill()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_DEATH_SECONDS):
                        await self._ended.wait()
        finally:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._process.poll()
            for pipe in (self._process.stdout, self._process.stderr):
                if pipe is not None:
                    pipe.close()

    def _failed(self) -> bool:
        """Looks without reaping, so that the process id, which names the group, is still the plugin's."""
        ending = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOWAIT)
        return ending is None or (ending.si_code, ending.si_status) != (os.CLD_EXITED, 0)

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _read(self, fd: int) -> bool:
        """One read; False when there is nothing more (now)."""
        try:
            data = os.read(fd, _READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._loop.remove_reader(fd)
            return False
        output = self._outputs[fd]
        output += data
        if len(output) > MAX_OUTPUT_BYTES:
            self._truncated = True
            self._loop.remove_reader(fd)
            self._kill()
            return False
        return True

    def _read_all(self, fd: int) -> None:
        while not self._truncated and self._read(fd):
            pass
