"""What systemd hears: over a real socket, in virtual time."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubelet.notify import keep_watchdog_fed, notify, watchdog_seconds

pytestmark = pytest.mark.looptime


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        yield sock


def heard(systemd: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(systemd.recv(100).decode())
        except BlockingIOError:
            return found


async def fed_for(seconds: float, checks) -> None:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(keep_watchdog_fed(checks))
        await asyncio.sleep(seconds)
        task.cancel()


async def test_the_watchdog_is_fed_at_half_its_time_while_all_is_well(systemd, monkeypatch, caplog):
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    broken = {"ping": "", "syncloop": ""}
    await fed_for(61, lambda: broken)
    assert heard(systemd) == ["WATCHDOG=1"] * 3
    broken["syncloop"] = "sync Loop took longer than expected: 900s"
    await fed_for(61, lambda: broken)
    assert heard(systemd) == []
    assert "took longer than expected" in caplog.text
    broken["syncloop"] = ""
    await fed_for(1, lambda: broken)
    assert heard(systemd) == ["WATCHDOG=1"]


async def test_a_socket_that_was_away_for_a_moment_is_tried_again(systemd, monkeypatch, tmp_path):
    monkeypatch.setenv("WATCHDOG_USEC", "10000000")
    (tmp_path / "notify").rename(tmp_path / "away")
    asyncio.get_running_loop().call_later(0.1, (tmp_path / "away").rename, tmp_path / "notify")
    await fed_for(1, dict)
    assert heard(systemd) == ["WATCHDOG=1"]


async def test_nobody_is_told_who_did_not_ask(systemd, monkeypatch):
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    await keep_watchdog_fed(dict)
    monkeypatch.setenv("WATCHDOG_USEC", "10000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid() + 1))
    await keep_watchdog_fed(dict)
    assert heard(systemd) == []
    assert notify("READY=1")
    assert heard(systemd) == ["READY=1"]
    monkeypatch.delenv("NOTIFY_SOCKET")
    assert not notify("READY=1")


@pytest.mark.parametrize(("microseconds", "said"), [
    ("many", "not a number of microseconds"), ("0", "not a number"), ("-5", "not a number"),
    ("1000000", "timeout too small: 1 s"),
])
async def test_times_that_cannot_be_kept_are_refused(microseconds, said, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", microseconds)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    with pytest.raises(ValueError, match=said):
        watchdog_seconds()
