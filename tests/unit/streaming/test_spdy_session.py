"""Whole conversations between two SPDY sessions, and between a session and a peer that breaks the rules."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cri.streaming import spdy
from cri.streaming import spdy_frames as frames
from cri.streaming.mux import (
    GoingAway,
    SessionFailed,
    StreamAccepted,
    StreamData,
    StreamEnded,
    StreamOpened,
    StreamReset,
    WindowOpened,
)
from cri.streaming.spdy import Session


def without_windows(events):
    return [event for event in events if not isinstance(event, WindowOpened)]


class Pair:
    """A client and a server, and what each has seen."""

    def __init__(self):
        self.client, self.server = Session(client=True), Session(client=False)
        self.seen_by_client, self.seen_by_server = [], []

    def settle(self):
        while True:
            up, down = self.client.output(), self.server.output()
            if not up and not down:
                return
            self.seen_by_server += without_windows(self.server.feed(up))
            self.seen_by_client += without_windows(self.client.feed(down))

    def open(self, **headers):
        stream_id = self.client.open(headers)
        self.settle()
        self.server.accept(stream_id)
        self.settle()
        return stream_id


def spdystream():
    """A peer like Kubernetes' own: it encodes frames and has no windows."""
    return frames.FrameEncoder()


def test_a_conversation_from_open_to_gone():
    pair = Pair()
    first, second = pair.client.open({"streamType": "stdin"}), pair.client.open({"streamType": "stdout"})
    assert (first, second) == (1, 3)
    assert pair.client.sendable(first) == 0  # not before it is accepted
    pair.settle()
    assert pair.seen_by_server == [
        StreamOpened(1, {"streamtype": "stdin"}), StreamOpened(3, {"streamtype": "stdout"})]  # fmt: skip
    pair.server.accept(first)
    pair.server.accept(second)
    pair.settle()
    assert pair.seen_by_client == [StreamAccepted(1), StreamAccepted(3)]
    pair.client.send(first, b"hello")
    pair.client.end(first)
    pair.server.send(second, b"world")
    pair.settle()
    pair.server.end(second)
    pair.server.end(first)
    pair.settle()
    assert pair.seen_by_server[2:] == [StreamData(1, b"hello"), StreamEnded(1)]
    assert pair.seen_by_client[2:] == [StreamData(3, b"world"), StreamEnded(3), StreamEnded(1)]
    pair.server.send(first, b"nobody hears")
    pair.server.reset(first)
    pair.client.close()
    pair.client.close()
    pair.settle()
    assert pair.seen_by_server[4:] == [GoingAway()]
    assert 1 not in pair.client._streams and 1 not in pair.server._streams


def test_a_reset_reaches_the_other_end_once():
    pair = Pair()
    stream_id = pair.open()
    pair.server.reset(stream_id)
    pair.client.send(stream_id, b"crosses the reset")
    pair.settle()
    assert pair.seen_by_client[-1] == StreamReset(1, "cancelled")
    assert not [event for event in pair.seen_by_server if isinstance(event, StreamData | SessionFailed)]


def test_pings_are_answered_and_answers_are_not():
    pair = Pair()
    pair.settle()
    pair.client.ping()
    ping = pair.client.output()
    assert ping == frames.FrameEncoder().encode(frames.Ping(1))
    assert pair.server.feed(ping) == []
    assert pair.server.output() == ping
    assert pair.client.feed(ping) == []
    assert pair.client.output() == b""


def test_a_peer_without_windows_is_never_waited_for():
    server, peer = Session(client=False), spdystream()
    server.output()
    server.feed(peer.encode(frames.SynStream(1, {})))
    server.accept(1)
    for _ in range(64):
        assert server.sendable(1) == spdy.UNLIMITED
        server.send(1, b"x" * 65536)
    assert len(server.output()) > 64 * 65536
    received = sum(len(event.data) for _ in range(64) for event in server.feed(peer.encode(
        frames.Data(1, b"x" * 65536))) if isinstance(event, StreamData))  # fmt: skip
    assert received == 64 * 65536  # it ignores ours too, and is held back by its connection
    server.consumed(1, received)
    assert server.output() == b""


def test_a_peer_with_windows_is_waited_for():
    pair = Pair()
    stream_id = pair.open()
    total = sent = 0
    while room := pair.client.sendable(stream_id):
        pair.client.send(stream_id, b"x" * min(room, 10_000))
        sent += min(room, 10_000)
    assert sent == spdy.STREAM_WINDOW
    other = pair.open()
    assert pair.client.sendable(other) == spdy.STREAM_WINDOW  # the others go on
    pair.settle()
    for event in pair.seen_by_server:
        if isinstance(event, StreamData):
            total += len(event.data)
            pair.server.consumed(event.stream_id, len(event.data))
    assert total == sent
    pair.settle()
    assert pair.client.sendable(stream_id) >= spdy.STREAM_WINDOW // 2  # told of half a window at a time


def test_the_sessions_window_bounds_all_streams_together():
    pair = Pair()
    streams = [pair.open() for _ in range(spdy.SESSION_WINDOW // spdy.STREAM_WINDOW + 3)]
    sent = 0
    for stream_id in streams:
        room = pair.client.sendable(stream_id)
        pair.client.send(stream_id, b"x" * room)
        sent += room
    assert sent == spdy.SESSION_WINDOW
    pair.settle()
    for event in list(pair.seen_by_server):
        if isinstance(event, StreamData):
            pair.server.consumed(event.stream_id, len(event.data))
    pair.settle()
    assert pair.client.sendable(streams[-1]) == spdy.STREAM_WINDOW


def test_a_peer_that_ignores_its_window_loses_the_stream_only():
    server, peer = Session(client=False), spdystream()
    server.feed(peer.encode(frames.Settings({7: 1000})) + peer.encode(frames.SynStream(1, {})))
    server.accept(1)
    assert server.sendable(1) == 1000
    events = []
    for _ in range(spdy.STREAM_WINDOW // 65536 + 1):
        events += server.feed(peer.encode(frames.Data(1, b"x" * 65536)))
    assert events[-1] == StreamReset(1, "flow control error")
    assert server.feed(peer.encode(frames.SynStream(3, {}))) == [StreamOpened(3, {})]


@pytest.mark.parametrize("wire", [
    lambda peer: peer.encode(frames.SynStream(2, {})),  # our number
    lambda peer: peer.encode(frames.SynStream(5, {})) + peer.encode(frames.SynStream(3, {})),
    lambda peer: peer.encode(frames.Settings({7: 1 << 31})),
    lambda peer: b"\x80\x02\0\1\0\0\0\0",  # SPDY/2
])  # fmt: skip
def test_what_breaks_a_session(wire):
    server = Session(client=False)
    server.output()
    events = server.feed(wire(spdystream()))
    assert isinstance(events[-1], SessionFailed)
    assert frames.GoAway(0, 1) in list(frames.FrameDecoder().feed(server.output())) or "SYN" in events[-1].reason
    assert server.feed(b"more") == [] and server.output() == b""


def test_streams_beyond_the_limit_are_refused():
    server, peer = Session(client=False), spdystream()
    for number in range(spdy.MAX_STREAMS):
        assert server.feed(peer.encode(frames.SynStream(2 * number + 1, {})))
    server.output()
    assert server.feed(peer.encode(frames.SynStream(2 * spdy.MAX_STREAMS + 1, {}))) == []
    refused = list(frames.FrameDecoder().feed(server.output()))
    assert refused == [frames.RstStream(2 * spdy.MAX_STREAMS + 1, spdy.REFUSED_STREAM)]


def test_data_for_nobody_is_answered_by_a_reset():
    server, peer = Session(client=False), spdystream()
    server.output()
    assert server.feed(peer.encode(frames.Data(9, b"?"))) == []
    assert list(frames.FrameDecoder().feed(server.output())) == [frames.RstStream(9, spdy.INVALID_STREAM)]


@given(st.lists(st.binary(max_size=200), max_size=5), st.booleans())
def test_garbage_fails_the_session_at_most(chunks, client):
    session = Session(client=client)
    events = [event for chunk in chunks for event in session.feed(chunk)]
    assert sum(isinstance(event, SessionFailed) for event in events) <= 1
    session.output()


class TwoEnds(RuleBasedStateMachine):
    """Whatever two ends do, each reads exactly what the other wrote, stream by stream."""

    @initialize()
    def start(self):
        self.client, self.server = Session(client=True), Session(client=False)
        self.wire = {True: bytearray(), False: bytearray()}  # to the server, to the client
        self.written, self.read = {}, {}
        self.ended, self.end_seen, self.reset = set(), set(), set()

    def end_of(self, client):
        return self.client if client else self.server

    @rule()
    def open(self):
        self.client.open({"n": "1"})

    @rule(client=st.booleans(), pick=st.integers(0, 5), data=st.binary(min_size=1, max_size=5000))
    def write(self, client, pick, data):
        session = self.end_of(client)
        stream_id = 2 * pick + 1
        stream = session._streams.get(stream_id)
        if stream is None or stream.ended_by_us:
            return
        data = data[: session.sendable(stream_id)]
        if data:
            session.send(stream_id, data)
            self.written.setdefault((client, stream_id), bytearray()).extend(data)

    @rule(client=st.booleans(), pick=st.integers(0, 5))
    def end(self, client, pick):
        session, stream_id = self.end_of(client), 2 * pick + 1
        stream = session._streams.get(stream_id)
        if stream is not None and stream.accepted:
            session.end(stream_id)
            self.ended.add((client, stream_id))

    @rule(client=st.booleans(), pick=st.integers(0, 5))
    def drop(self, client, pick):
        self.end_of(client).reset(2 * pick + 1)
        self.reset.add(2 * pick + 1)

    @rule(client=st.booleans(), size=st.integers(1, 3000))
    def carry(self, client, size):
        """Some bytes arrive."""
        self.wire[client] += self.end_of(client).output()
        chunk = bytes(self.wire[client][:size])
        del self.wire[client][:size]
        self.deliver(client, chunk)

    def deliver(self, from_client, chunk):
        session = self.end_of(not from_client)
        for event in session.feed(chunk):
            match event:
                case StreamOpened(stream_id):
                    session.accept(stream_id)
                case StreamData(stream_id, data):
                    self.read.setdefault((from_client, stream_id), bytearray()).extend(data)
                    session.consumed(stream_id, len(data))
                case StreamEnded(stream_id):
                    self.end_seen.add((from_client, stream_id))
                case SessionFailed(reason):
                    raise AssertionError(reason)

    @invariant()
    @precondition(lambda self: hasattr(self, "read"))
    def nothing_is_invented(self):
        for key, data in self.read.items():
            assert self.written[key].startswith(data)

    def teardown(self):
        if not hasattr(self, "client"):
            return
        for _ in range(20):
            for client in (True, False):
                self.wire[client] += self.end_of(client).output()
                self.deliver(client, bytes(self.wire[client]))
                self.wire[client].clear()
        for key, data in self.written.items():
            if key[1] not in self.reset:
                assert self.read.get(key, b"") == data
        assert {key for key in self.ended if key[1] not in self.reset} <= self.end_seen


TestTwoEnds = TwoEnds.TestCase
TestTwoEnds.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
