"""The engine's multiplexed stream of attach and exec without a terminal, sans-IO.

Each frame: one byte stream number (1 stdout, 2 stderr), three zero bytes, big-endian 32-bit length, payload.
"""

import struct

STDOUT, STDERR = 1, 2
_HEADER = struct.Struct(">BxxxL")


class FrameDecoder:
    """`feed(bytes)` gives `(stream, payload piece)` as pieces come; a frame need not be whole."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._stream = 0
        self._remaining = 0

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        if self._remaining > len(data) and not self._buffer:  # within a long frame
            self._remaining -= len(data)
            return [(self._stream, data)] if data else []
        self._buffer += data
        pieces: list[tuple[int, bytes]] = []
        while self._buffer:
            if not self._remaining:
                if len(self._buffer) < _HEADER.size:
                    break
                self._stream, self._remaining = _HEADER.unpack_from(self._buffer)
                del self._buffer[: _HEADER.size]
                continue
            piece = bytes(self._buffer[: self._remaining])
            del self._buffer[: len(piece)]
            self._remaining -= len(piece)
            pieces.append((self._stream, piece))
        return pieces
