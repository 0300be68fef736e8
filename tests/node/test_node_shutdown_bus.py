"""The shutdown manager over a real message bus: the lock as a file descriptor that crosses it, the delay, the news.

The bus is a dbus-daemon of the test's own on a private socket, logind is a process that stands in for it.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kubelet.nodeshutdown.logind import Logind, LogindError
from tests.node.standin_logind import BUS_CONFIG

STANDIN = Path(__file__).with_name("standin_logind.py")


class LoginService:
    """The stand-in's process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def hears(self, words: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{words}\n".encode())
        await self._process.stdin.drain()

    async def says(self) -> str:
        assert self._process.stdout is not None
        async with asyncio.timeout(20):
            return (await self._process.stdout.readline()).decode().strip()


@asynccontextmanager
async def process_of(*words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    config = tmp_path / "bus.conf"
    config.write_text(BUS_CONFIG.format(socket=tmp_path / "bus"))
    async with process_of("dbus-daemon", f"--config-file={config}", "--nofork", "--print-address") as daemon:
        assert daemon.stdout is not None
        yield (await daemon.stdout.readline()).decode().strip(), daemon


@asynccontextmanager
async def serving(address: str, override: Path) -> AsyncIterator[LoginService]:
    async with process_of(sys.executable, str(STANDIN), address, str(override)) as process:
        service = LoginService(process)
        assert await service.says() == "serving"
        yield service


async def test_a_shutdown_waits_for_the_lock(bus, tmp_path: Path) -> None:
    address, _ = bus
    override = tmp_path / "logind.conf.d" / "99-kubelet.conf"
    async with serving(address, override) as service:
        logind = await Logind.connect(address, override)
        await logind.ensure_delay(3)
        assert not override.exists()  # what there is is enough
        await logind.ensure_delay(30)
        assert await service.says() == "reloaded 30"
        assert override.read_text() == "# Kubelet logind override\n[Login]\nInhibitDelayMaxSec=30\n"
        assert await logind.delay_seconds() == 30
        await logind.inhibit()
        assert await service.says() == "inhibited shutdown kubelet delay"
        await service.hears("shutdown")
        assert await logind.shutdowns.get() is True
        assert logind.holds_lock
        logind.release()
        assert await service.says() == "released"
        # Called off: the lock is taken anew, and the one before is not held besides.
        await service.hears("cancel")
        assert await logind.shutdowns.get() is False
        await logind.inhibit()
        assert await service.says() == "inhibited shutdown kubelet delay"
        await logind.inhibit()
        assert await service.says() == "inhibited shutdown kubelet delay"
        assert await service.says() == "released"
        logind.close()
        assert await service.says() == "released"


async def test_a_machine_without_logind_or_bus_says_what_is_missing(bus, tmp_path: Path) -> None:
    address, daemon = bus
    with pytest.raises(LogindError, match="no system bus"):
        await Logind.connect(f"unix:path={tmp_path}/absent")
    logind = await Logind.connect(address)
    with pytest.raises(LogindError, match=r"Get: org\.freedesktop\.DBus\.Error\.ServiceUnknown"):
        await logind.ensure_delay(1)
    async with asyncio.TaskGroup() as group:
        group.create_task(logind.run())
        daemon.kill()
        async with asyncio.timeout(10):
            assert await logind.shutdowns.get() is None
