import asyncio
import contextlib
from pathlib import Path

import pytest
from fake_engine import FakeEngine
from hypothesis import given
from hypothesis import strategies as st

from dockershim.engine import (
    EngineClient,
    EngineConflictError,
    EngineDeadlineError,
    EngineFailedError,
    EngineNotFoundError,
    EngineUnavailableError,
)
from dockershim.engine.events import parse_event
from dockershim.engine.http1 import (
    Data,
    EndOfMessage,
    Event,
    Head,
    HTTPSyntaxError,
    ResponseDecoder,
    encode_request,
)
from dockershim.engine.multiplex import FrameDecoder


def feed_in_pieces(data: bytes, size: int) -> list[Event]:
    decoder = ResponseDecoder()
    return [event for at in range(0, len(data), size) for event in decoder.feed(data[at : at + size])]


def body_of(events: list[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Data))


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize(
    ("response", "status", "body", "keep_alive"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, b"hello", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, b"", True),
        (b"HTTP/1.1 204 No Content\r\nApi-Version: 1.41\r\n\r\n", 204, b"", True),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", 304, b"", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n", 200,
         b"hello world", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTrailer: x\r\n\r\n", 200, b"", True),
        (b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", 404, b"{}", False),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, b"x", True),
    ],
)
def test_responses(response: bytes, status: int, body: bytes, keep_alive: bool, size: int) -> None:
    events = feed_in_pieces(response, size)
    head = events[0]
    assert isinstance(head, Head)
    assert (head.status, head.keep_alive) == (status, keep_alive)
    assert body_of(events) == body
    assert events[-1] == EndOfMessage()


def test_a_hijacked_stream_runs_until_close() -> None:
    decoder = ResponseDecoder()
    events = decoder.feed(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nraw")
    assert isinstance(events[0], Head) and events[1:] == [Data(b"raw")] and not events[0].keep_alive
    assert decoder.feed(b"more") == [Data(b"more")]
    assert decoder.eof() == [EndOfMessage()]


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 OK\r\n\r\n", b"x" * 70_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxyz",
    ],
)
def test_garbage_is_an_error(garbage: bytes) -> None:
    with pytest.raises(HTTPSyntaxError):
        ResponseDecoder().feed(garbage)


def test_a_response_that_is_cut_off_is_an_error() -> None:
    decoder = ResponseDecoder()
    decoder.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    with pytest.raises(HTTPSyntaxError, match="closed in the length"):
        decoder.eof()


@given(st.binary(max_size=200), st.integers(1, 30))
def test_any_bytes_either_decode_or_raise(data: bytes, size: int) -> None:
    with contextlib.suppress(HTTPSyntaxError):
        feed_in_pieces(data, size)


def test_requests() -> None:
    assert encode_request("GET", "/x", None) == b"GET /x HTTP/1.1\r\nHost: docker\r\n\r\n"
    assert b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}" in encode_request("POST", "/x", b"{}")
    assert b"Content-Length: 0\r\n" in encode_request("POST", "/x", None)
    with pytest.raises(ValueError, match="line break"):
        encode_request("GET", "/x", None, {"X": "a\r\nEvil: b"})


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(min_size=1, max_size=40))), st.integers(1, 50))
def test_multiplexed_frames_in_any_pieces(frames: list[tuple[int, bytes]], size: int) -> None:
    wire = b"".join(bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data for stream, data in frames)
    decoder = FrameDecoder()
    pieces = [piece for at in range(0, len(wire), size) for piece in decoder.feed(wire[at : at + size])]
    for wanted in (1, 2):
        sent = b"".join(data for stream, data in frames if stream == wanted)
        assert b"".join(data for stream, data in pieces if stream == wanted) == sent


def test_events() -> None:
    line = (
        b'{"Type":"container","Action":"exec_die: x","Actor":{"ID":"c","Attributes":{"execID":"e"}},"timeNano":5}'
    )
    event = parse_event(line)
    assert event is not None
    assert (event.kind, event.action, event.actor_id, event.time_ns) == ("container", "exec_die", "c", 5)
    assert parse_event(b"not json") is None


async def test_the_client_keeps_its_connection_and_maps_statuses(short_path: Path) -> None:
    async with FakeEngine(short_path / "docker.sock").serve() as fake:
        engine = EngineClient(f"unix://{fake.socket}")
        container_id = await engine.create_container("one", {"Image": "i"})
        assert fake.calls[0] == "GET /version" and engine.api == (1, 41)
        assert (await engine.inspect_container("one"))["Id"] == container_id
        with pytest.raises(EngineConflictError):
            await engine.create_container("one", {})
        with pytest.raises(EngineNotFoundError, match="No such container: two"):
            await engine.inspect_container("two")
        assert len(fake._writers) == 1
        await engine.start_container(container_id)
        await engine.stop_container(container_id, 1)
        await engine.stop_container(container_id, 1)  # 304
        fake.drop_clients()
        await asyncio.sleep(0.01)
        await engine.remove_container(container_id)  # over a new connection, unseen by the caller
        await engine.close()


async def test_the_client_has_deadlines(short_path: Path) -> None:
    async with FakeEngine(short_path / "docker.sock").serve() as fake:
        fake.hold["/info"] = asyncio.Event()
        engine = EngineClient(str(fake.socket))
        with pytest.raises(EngineDeadlineError, match=r"GET /v1\.41/info"):
            await engine.call("GET", "/info", timeout=0.05)
        await engine.close()


async def test_an_engine_that_is_not_there_or_too_old(short_path: Path) -> None:
    engine = EngineClient(f"unix://{short_path}/none.sock")
    with pytest.raises(EngineUnavailableError, match="No such file"):
        await engine.info()
    async with FakeEngine(short_path / "docker.sock", api="1.40").serve() as fake:
        old = EngineClient(f"unix://{fake.socket}")
        with pytest.raises(EngineFailedError, match=r"1\.41 or newer is needed"):
            await old.negotiate()
        fake.api = "1.99"
        await old.negotiate()
        assert old.api == (1, 52)
        await old.close()
    for endpoint in ("nowhere", "tcp://host", "ssh://host"):
        with pytest.raises(ValueError, match="is not a Docker endpoint"):
            EngineClient(endpoint)
