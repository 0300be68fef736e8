"""A SPDY/3.1 session, either end, sans-IO (see `mux.Machine`).

    stream of ours      opened ──SYN_REPLY──▶ open ──end──▶ half-closed (local) ──FIN──▶ gone
    stream of theirs    opened ──accept─────▶ open ──FIN──▶ half-closed (remote) ─end──▶ gone
    any                 ──RST_STREAM, either way──▶ gone

Flow control: Kubernetes' own implementation (moby/spdystream) neither sends nor heeds WINDOW_UPDATE. So the peer's
windows count only once it has sent SETTINGS or a WINDOW_UPDATE, and ours are announced by SETTINGS; a peer without
flow control is held back by not reading from its connection.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cri.streaming import spdy_frames as frames
from cri.streaming.mux import (
    Event,
    GoingAway,
    SessionFailed,
    StreamAccepted,
    StreamData,
    StreamEnded,
    StreamOpened,
    StreamReset,
    WindowOpened,
)

PROTOCOL_ERROR, INVALID_STREAM, REFUSED_STREAM, CANCEL, FLOW_CONTROL_ERROR, STREAM_IN_USE = 1, 2, 3, 5, 7, 8
_STATUS_TEXT = {
    1: "protocol error", 2: "invalid stream", 3: "refused", 4: "unsupported version", 5: "cancelled",
    6: "internal error", 7: "flow control error", 8: "stream in use", 9: "stream already closed",
}  # fmt: skip
DRAFT_WINDOW = 64 * 1024
"""What both ends start with, of each stream and of the session."""
STREAM_WINDOW = 256 * 1024
SESSION_WINDOW = 4 * 1024 * 1024
UNLIMITED = 1 << 30
MAX_DATA_BYTES = 64 * 1024
"""Of one data frame that we send, so that streams take turns."""
MAX_STREAMS = 2048
_INITIAL_WINDOW_SIZE = 7
_MAX_WINDOW = 0x7FFFFFFF


@dataclass(slots=True)
class _Stream:
    accepted: bool
    send_window: int
    receive_window: int = STREAM_WINDOW
    unreported: int = 0
    """Bytes consumed since the last WINDOW_UPDATE of ours."""
    ended_by_us: bool = False
    ended_by_peer: bool = False


class Session:
    """One end. A server's stream numbers are even, a client's odd."""

    def __init__(self, *, client: bool) -> None:
        self._client = client
        self._decoder, self._encoder = frames.FrameDecoder(), frames.FrameEncoder()
        self._output = bytearray()
        self._streams: dict[int, _Stream] = {}
        self._next_id = 1 if client else 2
        self._next_ping = 1 if client else 2
        self._last_peer_id = 0
        self._peer_has_windows = False
        self._peer_initial_window = DRAFT_WINDOW
        self._send_window = DRAFT_WINDOW
        self._receive_window = SESSION_WINDOW
        self._unreported = 0
        self._closed = self._failed = False
        self._put(frames.Settings({_INITIAL_WINDOW_SIZE: STREAM_WINDOW}))
        self._put(frames.WindowUpdate(0, SESSION_WINDOW - DRAFT_WINDOW))

    # in

    def feed(self, data: bytes) -> list[Event]:
        if self._failed:
            return []
        events: list[Event] = []
        try:
            for frame in self._decoder.feed(data):
                self._handle(frame, events)
        except frames.FrameError as error:
            self._failed = True
            self._put(frames.GoAway(self._last_peer_id, PROTOCOL_ERROR))
            events.append(SessionFailed(f"SPDY: {error}"))
        return events

    def _handle(self, frame: frames.Frame, events: list[Event]) -> None:
        match frame:
            case frames.Data(stream_id, data, flags):
                self._on_data(stream_id, data, bool(flags & frames.FLAG_FIN), events)
            case frames.SynStream():
                self._on_syn_stream(frame, events)
            case frames.SynReply(stream_id, _, flags):
                stream = self._streams.get(stream_id)
                if stream is not None and not stream.accepted and self._is_ours(stream_id):
                    stream.accepted = True
                    events.append(StreamAccepted(stream_id))
                self._on_fin(stream_id, flags, events)
            case frames.Headers(stream_id, _, flags):
                self._on_fin(stream_id, flags, events)
            case frames.RstStream(stream_id, status):
                if self._streams.pop(stream_id, None) is not None:
                    events.append(StreamReset(stream_id, _STATUS_TEXT.get(status, f"status {status}")))
            case frames.Settings(values):
                self._on_settings(values, events)
            case frames.WindowUpdate(stream_id, delta):
                self._on_window_update(stream_id, delta, events)
            case frames.Ping(ping_id):
                if self._is_ours(ping_id) is False:
                    self._put(frame)
            case frames.GoAway():
                events.append(GoingAway())

    def _on_syn_stream(self, frame: frames.SynStream, events: list[Event]) -> None:
        stream_id = frame.stream_id
        if self._is_ours(stream_id) or stream_id <= self._last_peer_id:
            raise frames.FrameError(f"SYN_STREAM with stream number {stream_id}")
        self._last_peer_id = stream_id
        if len(self._streams) >= MAX_STREAMS or self._closed:
            self._put(frames.RstStream(stream_id, REFUSED_STREAM))
            return
        stream = self._streams[stream_id] = _Stream(accepted=False, send_window=self._peer_initial_window)
        stream.ended_by_us = bool(frame.flags & frames.FLAG_UNIDIRECTIONAL)
        events.append(StreamOpened(stream_id, dict(frame.headers)))
        self._on_fin(stream_id, frame.flags, events)

    def _on_data(self, stream_id: int, data: bytes, fin: bool, events: list[Event]) -> None:
        self._receive_window -= len(data)
        stream = self._streams.get(stream_id)
        if stream is None or stream.ended_by_peer:
            # It crossed our RST_STREAM, or the peer is wrong; either way nobody reads it.
            self._report(None, 0, len(data))
            if stream is not None or (not self._is_ours(stream_id) and stream_id > self._last_peer_id):
                self._put(frames.RstStream(stream_id, INVALID_STREAM))
            return
        stream.receive_window -= len(data)
        if self._peer_has_windows and stream.receive_window < 0:
            self._streams.pop(stream_id)
            self._report(None, 0, len(data))
            self._put(frames.RstStream(stream_id, FLOW_CONTROL_ERROR))
            events.append(StreamReset(stream_id, _STATUS_TEXT[FLOW_CONTROL_ERROR]))
            return
        if data:
            events.append(StreamData(stream_id, data))
        if fin:
            self._on_fin(stream_id, frames.FLAG_FIN, events)

    def _on_fin(self, stream_id: int, flags: int, events: list[Event]) -> None:
        stream = self._streams.get(stream_id)
        if stream is None or stream.ended_by_peer or not flags & frames.FLAG_FIN:
            return
        stream.ended_by_peer = True
        events.append(StreamEnded(stream_id))
        self._forget_if_done(stream_id, stream)

    def _on_settings(self, values: Mapping[int, int], events: list[Event]) -> None:
        initial = values.get(_INITIAL_WINDOW_SIZE)
        if initial is None:
            return
        if initial > _MAX_WINDOW:
            raise frames.FrameError("initial window too large")
        self._peer_has_windows = True
        change, self._peer_initial_window = initial - self._peer_initial_window, initial
        for stream in self._streams.values():
            stream.send_window += change
        events.append(WindowOpened(0))

    def _on_window_update(self, stream_id: int, delta: int, events: list[Event]) -> None:
        self._peer_has_windows = True
        if stream_id == 0:
            self._send_window = min(self._send_window + delta, _MAX_WINDOW)
        else:
            stream = self._streams.get(stream_id)
            if stream is None:
                return
            stream.send_window = min(stream.send_window + delta, _MAX_WINDOW)
        events.append(WindowOpened(stream_id))

    # out

    def output(self) -> bytes:
        queued = bytes(self._output)
        self._output.clear()
        return queued

    def open(self, headers: Mapping[str, str]) -> int:
        stream_id = self._next_id
        self._next_id += 2
        self._streams[stream_id] = _Stream(accepted=False, send_window=self._peer_initial_window)
        self._put(frames.SynStream(stream_id, headers))
        return stream_id

    def accept(self, stream_id: int) -> None:
        stream = self._streams.get(stream_id)
        if stream is not None and not stream.accepted:
            stream.accepted = True
            self._put(frames.SynReply(stream_id))

    def sendable(self, stream_id: int) -> int:
        stream = self._streams.get(stream_id)
        if stream is None or stream.ended_by_us:
            return UNLIMITED  # what is sent goes nowhere
        if not stream.accepted:
            return 0
        return max(min(stream.send_window, self._send_window), 0) if self._peer_has_windows else UNLIMITED

    def send(self, stream_id: int, data: bytes) -> None:
        stream = self._streams.get(stream_id)
        if stream is None or stream.ended_by_us:
            return
        stream.send_window -= len(data)
        self._send_window -= len(data)
        for begin in range(0, len(data), MAX_DATA_BYTES):
            self._put(frames.Data(stream_id, data[begin : begin + MAX_DATA_BYTES]))

    def end(self, stream_id: int) -> None:
        stream = self._streams.get(stream_id)
        if stream is None or stream.ended_by_us:
            return
        stream.ended_by_us = True
        self._put(frames.Data(stream_id, b"", frames.FLAG_FIN))
        self._forget_if_done(stream_id, stream)

    def reset(self, stream_id: int) -> None:
        if self._streams.pop(stream_id, None) is not None:
            self._put(frames.RstStream(stream_id, CANCEL))

    def consumed(self, stream_id: int, count: int) -> None:
        self._report(self._streams.get(stream_id), stream_id, count)

    def ping(self) -> None:
        self._put(frames.Ping(self._next_ping))
        self._next_ping = (self._next_ping + 2) & 0x7FFFFFFF

    def close(self) -> None:
        if not self._closed and not self._failed:
            self._closed = True
            self._put(frames.GoAway(self._last_peer_id))

    # both

    def _report(self, stream: _Stream | None, stream_id: int, count: int) -> None:
        """Open the peer's windows again, half a window at a time; silent towards peers that have none."""
        self._unreported += count
        if self._unreported >= SESSION_WINDOW // 2:
            self._receive_window += self._unreported
            if self._peer_has_windows:
                self._put(frames.WindowUpdate(0, self._unreported))
            self._unreported = 0
        if stream is None or stream.ended_by_peer:
            return
        stream.unreported += count
        if stream.unreported >= STREAM_WINDOW // 2:
            stream.receive_window += stream.unreported
            if self._peer_has_windows:
                self._put(frames.WindowUpdate(stream_id, stream.unreported))
            stream.unreported = 0

    def _forget_if_done(self, stream_id: int, stream: _Stream) -> None:
        if stream.ended_by_us and stream.ended_by_peer:
            self._streams.pop(stream_id, None)

    def _is_ours(self, number: int) -> bool:
        return bool(number & 1) is self._client

    def _put(self, frame: frames.Frame) -> None:
        self._output += self._encoder.encode(frame)
