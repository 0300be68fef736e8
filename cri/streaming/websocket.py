"""WebSocket (RFC 6455), either end, sans-IO: `Decoder.feed(bytes)` gives messages, `encode(...) -> bytes`.

No extensions. Messages are given whole, since Kubernetes' channel protocols need their first byte; MAX_MESSAGE_BYTES
bounds them.
"""

import base64
import enum
import hashlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

MAX_MESSAGE_BYTES = 1 << 20
"""kubectl's messages are some tens of KiB."""
_MAX_CONTROL_BYTES = 125
_KEY_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Opcode(enum.IntEnum):
    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class WebSocketError(Exception):
    """The peer broke the protocol; `code` goes into the closing frame."""

    def __init__(self, reason: str, code: int = 1002) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class Message:
    """A TEXT or BINARY message, or a control frame."""

    opcode: Opcode
    data: bytes


def accept_key(key: str) -> str:
    """Sec-WebSocket-Accept for a Sec-WebSocket-Key."""
    digest = hashlib.sha1(key.encode("latin-1", "replace") + _KEY_SUFFIX, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def new_key() -> str:
    return base64.b64encode(os.urandom(16)).decode()


def encode(opcode: Opcode, data: bytes, *, mask: bytes = b"") -> bytes:
    """One unfragmented frame; clients give a `mask` of four random bytes."""
    masked = 0x80 if mask else 0
    length = len(data)
    if length < 126:
        head = bytes((0x80 | opcode, masked | length))
    elif length < 1 << 16:
        head = struct.pack(">BBH", 0x80 | opcode, masked | 126, length)
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, masked | 127, length)
    return head + mask + (apply_mask(mask, data) if mask else data)


def apply_mask(mask: bytes, data: bytes) -> bytes:
    """Its own inverse. As one big number: a loop over the bytes would be a hundred times slower."""
    length = len(data)
    words = -(-length // 4)
    repeated = int.from_bytes(mask, "little") * _ones(words)
    return (int.from_bytes(data, "little") ^ repeated).to_bytes(4 * words, "little")[:length]


@lru_cache(maxsize=8)
def _ones(words: int) -> int:
    """A 1 in each of so many words of 32 bits: clients send messages of one size, with ever new masks."""
    return int.from_bytes(b"\1\0\0\0" * words, "little")


def close_payload(code: int, reason: str = "") -> bytes:
    return struct.pack(">H", code) + reason.encode()[:120]


class Decoder:
    """Decodes what one peer sends. `expect_mask`: the peer is a client. After a WebSocketError feed it no more."""

    def __init__(self, *, expect_mask: bool) -> None:
        self._expect_mask = expect_mask
        self._buffer = bytearray()
        self._opcode: Opcode | None = None
        """Of the fragmented message under way."""
        self._fragments = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Messages one by one; raises WebSocketError in place of a broken one."""
        self._buffer += data
        messages: list[Message] = []
        while self._step(messages):
            yield from messages
            messages.clear()

    def _step(self, messages: list[Message]) -> bool:
        buffer = self._buffer
        if len(buffer) < 2:
            return False
        first, second = buffer[0], buffer[1]
        length, at = second & 0x7F, 2
        if first & 0x70:
            raise WebSocketError("extension bits set")
        try:
            opcode = Opcode(first & 0x0F)
        except ValueError:
            raise WebSocketError(f"unknown opcode {first & 0x0F}") from None
        fin, is_masked = bool(first & 0x80), bool(second & 0x80)
        if is_masked is not self._expect_mask:
            raise WebSocketError("frame is not masked" if self._expect_mask else "frame is masked")
        if opcode >= Opcode.CLOSE and (not fin or length > _MAX_CONTROL_BYTES):
            raise WebSocketError("control frame in fragments, or too long")
        if length == 126:
            at = 4
            if len(buffer) < at:
                return False
            length = struct.unpack_from(">H", buffer, 2)[0]
        elif length == 127:
            at = 10
            if len(buffer) < at:
                return False
            length = struct.unpack_from(">Q", buffer, 2)[0]
        if length + len(self._fragments) > MAX_MESSAGE_BYTES:
            raise WebSocketError(f"message of more than {MAX_MESSAGE_BYTES} bytes", 1009)
        mask_end = at + (4 if is_masked else 0)
        if len(buffer) < mask_end + length:
            return False
        payload = bytes(buffer[mask_end : mask_end + length])
        if is_masked:
            payload = apply_mask(bytes(buffer[at:mask_end]), payload)
        del buffer[: mask_end + length]
        self._frame(opcode, fin, payload, messages)
        return True

    def _frame(self, opcode: Opcode, fin: bool, payload: bytes, messages: list[Message]) -> None:
        if opcode >= Opcode.CLOSE:
            messages.append(Message(opcode, payload))
            return
        if opcode is Opcode.CONTINUATION:
            if self._opcode is None:
                raise WebSocketError("continuation of nothing")
        elif self._opcode is not None:
            raise WebSocketError("message within a message")
        else:
            self._opcode = opcode
        self._fragments += payload
        if fin:
            messages.append(Message(self._opcode, bytes(self._fragments)))
            self._opcode = None
            self._fragments.clear()
