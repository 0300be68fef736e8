# ruff: noqa: ARG002 - a machine's verbs have the same parameters everywhere
"""Kubernetes' channel protocols over WebSocket, sans-IO (see `mux.Machine`): a stream is a channel number.

| subprotocol | message | end of a channel |
|---|---|---|
| `channel.k8s.io`, `v4.channel.k8s.io`, none | binary: channel byte, data | only that of the connection |
| `base64.channel.k8s.io`, `v4.base64.channel.k8s.io` | text: channel as a digit, data in base64 | the same |
| `v5.channel.k8s.io` | binary | from the client: message of byte 255 and the channel |

The tunnel of port-forward (`SPDY/3.1+portforward.k8s.io`) has no channels: `TunnelCodec` is the WebSocket around SPDY.
"""

import base64
import binascii
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from cri.streaming import websocket
from cri.streaming.mux import Event, GoingAway, SessionFailed, StreamData, StreamEnded
from cri.streaming.websocket import Opcode, WebSocketError

V5 = "v5.channel.k8s.io"
V4 = "v4.channel.k8s.io"
V4_BASE64 = "v4.base64.channel.k8s.io"
V1 = "channel.k8s.io"
V1_BASE64 = "base64.channel.k8s.io"
TUNNEL_PREFIX = "SPDY/3.1+"
PORT_FORWARD_TUNNEL = "SPDY/3.1+portforward.k8s.io"

CLOSE_CHANNEL = 255
UNLIMITED = 1 << 30
MAX_DATA_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class ChannelProtocol:
    base64: bool
    close_signal: bool


PROTOCOLS: Mapping[str, ChannelProtocol] = {
    "": ChannelProtocol(base64=False, close_signal=False),
    V1: ChannelProtocol(base64=False, close_signal=False),
    V4: ChannelProtocol(base64=False, close_signal=False),
    V1_BASE64: ChannelProtocol(base64=True, close_signal=False),
    V4_BASE64: ChannelProtocol(base64=True, close_signal=False),
    V5: ChannelProtocol(base64=False, close_signal=True),
}


class _WebSocketEnd:
    """The frames of one end: pings answered, the closing handshake done, errors turned into a last event."""

    def __init__(self, *, client: bool) -> None:
        self._decoder = websocket.Decoder(expect_mask=not client)
        self._client = client
        self._output = bytearray()
        self._close_sent = self._over = False

    def _receive(self, data: bytes, on_message: Callable[[bytes, bool, list[Event]], None]) -> list[Event]:
        """`on_message(payload, is_text, events)` may raise WebSocketError."""
        events: list[Event] = []
        if self._over:
            return events
        try:
            for message in self._decoder.feed(data):
                match message.opcode:
                    case Opcode.PING:
                        self._put(Opcode.PONG, message.data)
                    case Opcode.PONG:
                        pass
                    case Opcode.CLOSE:
                        self._over = True
                        self._close(1000)
                        events.append(GoingAway())
                        break
                    case _:
                        on_message(message.data, message.opcode is Opcode.TEXT, events)
        except WebSocketError as error:
            self._over = True
            self._close(error.code, str(error))
            events.append(SessionFailed(f"WebSocket: {error}"))
        return events

    def output(self) -> bytes:
        queued = bytes(self._output)
        self._output.clear()
        return queued

    def ping(self) -> None:
        self._put(Opcode.PING, b"")

    def close(self) -> None:
        self._close(1000)

    def _close(self, code: int, reason: str = "") -> None:
        if not self._close_sent:
            self._put(Opcode.CLOSE, websocket.close_payload(code, reason))
            self._close_sent = True

    def _put(self, opcode: Opcode, data: bytes) -> None:
        if not self._close_sent:
            self._output += websocket.encode(opcode, data, mask=os.urandom(4) if self._client else b"")


class ChannelSession(_WebSocketEnd):
    """One end of a channel protocol. `readable` are the channels that the peer may send on; others are passed over."""

    def __init__(self, protocol: ChannelProtocol, readable: Collection[int], *, client: bool = False) -> None:
        super().__init__(client=client)
        self._protocol = protocol
        self._readable = frozenset(readable)
        self._ended: set[int] = set()

    def feed(self, data: bytes) -> list[Event]:
        return self._receive(data, self._message)

    def _message(self, payload: bytes, is_text: bool, events: list[Event]) -> None:
        if not payload:
            return
        if self._protocol.base64:
            channel = payload[0] - ord("0")
            try:
                content = base64.b64decode(payload[1:], validate=True)
            except binascii.Error:
                raise WebSocketError("not base64", 1007) from None
        else:
            channel, content = payload[0], payload[1:]
        if self._protocol.close_signal and channel == CLOSE_CHANNEL:
            if len(content) != 1:
                raise WebSocketError("close signal without a channel")
            closed = content[0]
            if closed in self._readable and closed not in self._ended:
                self._ended.add(closed)
                events.append(StreamEnded(closed))
            return
        if channel in self._readable and channel not in self._ended and content:
            events.append(StreamData(channel, content))

    def accept(self, stream_id: int) -> None:
        """Channels are there from the start."""

    def open(self, headers: Mapping[str, str]) -> int:
        raise RuntimeError("a channel protocol has the channels that it has")

    def sendable(self, stream_id: int) -> int:
        return UNLIMITED

    def send(self, stream_id: int, data: bytes) -> None:
        """Also an empty message, which tells the client that the channel stands."""
        for begin in range(0, max(len(data), 1), MAX_DATA_BYTES):
            self._send(stream_id, data[begin : begin + MAX_DATA_BYTES])

    def _send(self, channel: int, data: bytes) -> None:
        if self._protocol.base64:
            self._put(Opcode.TEXT, bytes((ord("0") + channel,)) + base64.b64encode(data))
        else:
            self._put(Opcode.BINARY, bytes((channel,)) + data)

    def end(self, stream_id: int) -> None:
        """Only a v5 client can say so: servers close the connection when all is said (kubectl takes no signal)."""
        if self._protocol.close_signal and self._client:
            self._put(Opcode.BINARY, bytes((CLOSE_CHANNEL, stream_id)))

    def reset(self, stream_id: int) -> None:
        self.end(stream_id)

    def consumed(self, stream_id: int, count: int) -> None:
        """No windows: a slow reader holds the whole connection back."""


class TunnelCodec(_WebSocketEnd):
    """Raw bytes in binary messages: what comes is StreamData of stream 0."""

    def feed(self, data: bytes) -> list[Event]:
        return self._receive(data, self._message)

    def _message(self, payload: bytes, is_text: bool, events: list[Event]) -> None:
        if is_text:
            raise WebSocketError("text in a tunnel", 1003)
        if payload:
            events.append(StreamData(0, payload))

    def send(self, data: bytes) -> None:
        for begin in range(0, len(data), MAX_DATA_BYTES):
            self._put(Opcode.BINARY, data[begin : begin + MAX_DATA_BYTES])
