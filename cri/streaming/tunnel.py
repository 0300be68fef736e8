"""SPDY inside WebSocket messages as one `mux.Machine`: port-forward's `SPDY/3.1+portforward.k8s.io`.

    connection ─▶ TunnelCodec (frames of WebSocket) ─▶ spdy.Session ─▶ events        and the other way round

Whoever has this needs no translator between a WebSocket client and a runtime. Source: k8s.io/client-go
tools/portforward, tunneling dialer (KEP-4006).
"""

from collections.abc import Mapping

from cri.streaming.channels import TunnelCodec
from cri.streaming.mux import Event, StreamData
from cri.streaming.spdy import Session


class TunnelSession:
    """One end."""

    def __init__(self, *, client: bool) -> None:
        self._codec, self._spdy = TunnelCodec(client=client), Session(client=client)

    def feed(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        for event in self._codec.feed(data):
            events += self._spdy.feed(event.data) if isinstance(event, StreamData) else [event]
        return events

    def output(self) -> bytes:
        self._pack()
        return self._codec.output()

    def _pack(self) -> None:
        self._codec.send(self._spdy.output())

    def accept(self, stream_id: int) -> None:
        self._spdy.accept(stream_id)

    def open(self, headers: Mapping[str, str]) -> int:
        return self._spdy.open(headers)

    def sendable(self, stream_id: int) -> int:
        return self._spdy.sendable(stream_id)

    def send(self, stream_id: int, data: bytes) -> None:
        self._spdy.send(stream_id, data)

    def end(self, stream_id: int) -> None:
        self._spdy.end(stream_id)

    def reset(self, stream_id: int) -> None:
        self._spdy.reset(stream_id)

    def consumed(self, stream_id: int, count: int) -> None:
        self._spdy.consumed(stream_id, count)

    def ping(self) -> None:
        self._codec.ping()

    def close(self) -> None:
        """SPDY's goodbye goes before WebSocket's, behind which nothing is sent."""
        self._spdy.close()
        self._pack()
        self._codec.close()
