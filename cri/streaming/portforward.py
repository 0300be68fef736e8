"""The port-forward protocol: pairs of streams, one for data and one for what went wrong. Pure.

SPDY: the client opens both of a pair, with the headers `port`, `requestID` and `streamType` (data, error), in any
order. WebSocket: channels 2n and 2n+1 belong to the n-th port asked for, and both begin with the port (16 bits, little
endian). Source: k8s.io/cri-streaming/pkg/streaming/portforward.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

PROTOCOL = "portforward.k8s.io"
PROTOCOLS = (PROTOCOL,)
CREATION_SECONDS = 30.0
"""How long the second stream of a pair may take."""
MAX_PORTS = 64
"""On one WebSocket."""


class BadStreamError(Exception):
    """A stream that cannot be part of a pair: reset it."""


@dataclass(frozen=True, slots=True)
class Pair:
    port: int
    data_stream: int
    error_stream: int


class Pairing:
    """Matches the streams that a SPDY client opens. A half pair is `drop`ped by whoever watches the time."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[str, int, int]] = {}
        """By request: type, stream and port of the half that is there."""

    def offer(self, stream_id: int, headers: Mapping[str, str]) -> Pair | None:
        """The pair that the stream completes; None for the first half. Raises BadStreamError."""
        port = parse_port(headers.get("port", ""))
        kind = headers.get("streamtype", "")
        if port is None:
            raise BadStreamError(f"port header {headers.get('port', '')!r} is not a port")
        if kind not in ("data", "error"):
            raise BadStreamError(f"stream type {kind!r} is neither data nor error")
        request = headers.get("requestid", "") or str(stream_id if kind == "error" else stream_id - 2)
        other = self._waiting.pop(request, None)
        if other is None:
            self._waiting[request] = (kind, stream_id, port)
            return None
        other_kind, other_id, other_port = other
        if other_kind == kind:
            self._waiting[request] = other
            raise BadStreamError(f"{kind} stream already assigned")
        data, error = (stream_id, other_id) if kind == "data" else (other_id, stream_id)
        return Pair(port if kind == "data" else other_port, data, error)

    def drop(self, stream_id: int) -> bool:
        """Forget the half pair of this stream; False when it has become a pair, or never was one."""
        for request, (_, waiting, _) in self._waiting.items():
            if waiting == stream_id:
                del self._waiting[request]
                return True
        return False


def parse_port(text: str) -> int | None:
    if not (text.isascii() and text.isdigit()) or len(text) > 5:
        return None
    port = int(text)
    return port if 0 < port < 1 << 16 else None


def parse_ports(values: list[str]) -> tuple[int, ...]:
    """Query parameters `port`, each one or more separated by commas. Raises ValueError, worded for the caller."""
    if not values:
        raise ValueError('query parameter "port" is required')
    ports = []
    for value in values:
        if not value:
            raise ValueError('query parameter "port" cannot be empty')
        for text in value.split(","):
            port = parse_port(text)
            if port is None:
                raise ValueError(f'unable to parse "{value}" as a port')
            ports.append(port)
    if len(ports) > MAX_PORTS:
        raise ValueError(f"more than {MAX_PORTS} ports")
    return tuple(ports)


def port_prefix(port: int) -> bytes:
    return struct.pack("<H", port)
