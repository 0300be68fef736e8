"""systemd without a message bus: the greeting, calls and signals on its own socket, on a stand-in that speaks D-Bus."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator
from pathlib import Path

import dbus_fast
import pytest
from dbus_fast._private.unmarshaller import Unmarshaller
from hypothesis import given
from hypothesis import strategies as st

from kubelet.cgroups import CgroupValues, SystemdSlices
from kubelet.cgroups.bus import BusError, BusLost, JobRemoved
from kubelet.cgroups.systembus import SystemBus, connect
from kubelet.cgroups.systempeer import whole_messages

NO_BUS = "unix:path=/nonexistent/bus"
MANAGER = "org.freedesktop.systemd1.Manager"


class Systemd:
    """Ends every job at once, refuses StopUnit, and hangs up on Kill. `greeting` is its answer to AUTH."""

    def __init__(self, greeting: bytes = b"OK 0123456789abcdef0123456789abcdef\r\n") -> None:
        self.greeting = greeting
        self.said: list[bytes] = []
        self.called: list[str] = []
        self._serial = 0
        self._ended = asyncio.Event()

    @contextlib.asynccontextmanager
    async def serve(self, socket: Path) -> AsyncIterator[None]:
        server = await asyncio.start_unix_server(self._serve_one, socket)
        try:
            yield
        finally:
            server.close()
            async with asyncio.timeout(30):
                await self._ended.wait()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self._ended.set()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.said.append(await reader.readline())
        self.said.append(await reader.readline())
        for byte in self.greeting:  # in pieces, as a stream may be
            writer.write(bytes([byte]))
            await writer.drain()
        received = bytearray()
        while data := await reader.read(7):
            received += data
            for raw in whole_messages(received):
                message = Unmarshaller(io.BytesIO(raw)).unmarshall()
                self.called.append(message.member)
                if message.member == "Kill":
                    return
                for answer in self._answers(message):
                    self._serial += 1
                    answer.serial = self._serial
                    writer.write(bytes(answer._marshall(False)))

    def _answers(self, call: dbus_fast.Message) -> list[dbus_fast.Message]:
        if call.member == "StopUnit":
            return [dbus_fast.Message.new_error(call, "org.freedesktop.DBus.Error.AccessDenied", "Permission denied")]
        if call.member == "Get":
            return [dbus_fast.Message.new_method_return(call, "v", [dbus_fast.Variant("s", "252.38-1")])]
        if call.member != "StartTransientUnit":
            return [dbus_fast.Message.new_method_return(call)]
        job = "/org/freedesktop/systemd1/job/7"
        removed = dbus_fast.Message.new_signal(
            "/org/freedesktop/systemd1", MANAGER, "JobRemoved", "uoss", [7, job, call.body[0], "done"]
        )
        return [dbus_fast.Message.new_method_return(call, "o", [job]), removed]


def slices_at(socket: Path) -> SystemdSlices:
    async def peer(removed: JobRemoved) -> SystemBus:
        return await connect(removed, NO_BUS, socket)

    return SystemdSlices(unified=False, connect=peer)


async def test_a_slice_is_started_on_systemds_own_socket(tmp_path: Path) -> None:
    systemd = Systemd()
    async with systemd.serve(tmp_path / "private"):
        slices = slices_at(tmp_path / "private")
        await slices.ensure("/kubelet.slice/kubelet-kubepods.slice", CgroupValues(shares=2))
        slices.close()
    assert systemd.said[0].startswith(b"\0AUTH EXTERNAL ") and systemd.said[1] == b"BEGIN\r\n"
    assert systemd.called == ["Subscribe", "Get", "StartTransientUnit"]  # and no bus is asked for matches


async def test_what_systemd_refuses_and_a_lost_connection(tmp_path: Path) -> None:
    async with Systemd().serve(tmp_path / "private"):
        bus = await connect(lambda _job, _result: None, NO_BUS, tmp_path / "private")
        with pytest.raises(BusError, match="Permission denied"):
            await bus.call("StopUnit", "ss", "kubepods.slice", "replace")
        with pytest.raises(BusLost, match="the connection was closed"):
            await bus.call("Kill", "")
        assert not bus.connected
        with pytest.raises(BusLost, match="the connection was closed"):
            await bus.call("Subscribe", "")


async def test_nobody_there_and_nobody_who_lets_us_in(tmp_path: Path) -> None:
    with pytest.raises(BusLost, match=r"no system bus: .*; nor does systemd answer at .*No such file"):
        await connect(lambda _job, _result: None, NO_BUS, tmp_path / "private")
    async with Systemd(b"REJECTED EXTERNAL\r\n").serve(tmp_path / "private"):
        with pytest.raises(BusLost, match="it answered 'REJECTED EXTERNAL'"):
            await connect(lambda _job, _result: None, NO_BUS, tmp_path / "private")


@given(st.lists(st.text("ab\u00e9", max_size=40), max_size=5), st.integers(1, 50))
def test_messages_come_whole_however_the_stream_is_cut(texts: list[str], size: int) -> None:
    sent = [
        bytes(dbus_fast.Message(path="/a", interface="a.b", member="M", signature="s", body=[text], serial=7)
              ._marshall(False))
        for text in texts
    ]  # fmt: skip
    stream, received, heard = b"".join(sent), bytearray(), []
    for at in range(0, len(stream), size):
        received += stream[at : at + size]
        heard += whole_messages(received)
    assert heard == sent and not received
