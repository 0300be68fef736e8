"""The HTTP/1.1 around an upgrade, sans-IO: heads of requests and answers, and which protocol both sides speak."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MAX_HEAD_BYTES = 64 * 1024
SPDY = "SPDY/3.1"
PROTOCOL_VERSION = "x-stream-protocol-version"
_REASONS = {
    101: "Switching Protocols", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    408: "Request Timeout", 500: "Internal Server Error", 503: "Service Unavailable",
}  # fmt: skip


class HeadError(Exception):
    """Not an HTTP/1.1 head."""


@dataclass(frozen=True, slots=True)
class Head:
    """Of a request (`method`, `target`) or an answer (`status`). Header names are in lower case."""

    headers: Mapping[str, tuple[str, ...]]
    method: str = ""
    target: str = ""
    status: int = 0

    def get(self, name: str) -> str:
        return ", ".join(self.headers.get(name, ()))

    def tokens(self, name: str) -> tuple[str, ...]:
        """The comma-separated values of a header, over all its lines."""
        return tuple(part for value in self.headers.get(name, ()) for part in map(str.strip, value.split(",")) if part)

    @property
    def upgrade(self) -> str:
        """What the peer wants to (or does) switch to, in lower case; empty if nothing."""
        wants = any("upgrade" in token.lower() for token in self.tokens("connection"))
        return self.get("upgrade").lower() if wants else ""


def split_head(data: bytes | bytearray) -> tuple[bytes, bytes] | None:
    """Head and what came behind it; None while the head is not whole. Raises HeadError when it is endless."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        if len(data) > MAX_HEAD_BYTES:
            raise HeadError("endless head")
        return None
    return bytes(data[:end]), bytes(data[end + 4 :])


def parse_request(head: bytes) -> Head:
    first, headers = _lines(head)
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1.") or not words[0].isalpha() or not words[1]:
        raise HeadError("not an HTTP/1.1 request")
    return Head(headers, method=words[0], target=words[1])


def parse_answer(head: bytes) -> Head:
    first, headers = _lines(head)
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/1.") or not (rest[:3].isascii() and rest[:3].isdigit()):
        raise HeadError("not an HTTP/1.1 answer")
    return Head(headers, status=int(rest[:3]))


def _lines(head: bytes) -> tuple[str, dict[str, tuple[str, ...]]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    headers: dict[str, tuple[str, ...]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if not colon or not name:
            raise HeadError("header without a name")
        headers[name] = (*headers.get(name, ()), value.strip())
    return first, headers


def encode_request(method: str, target: str, headers: Iterable[tuple[str, str]]) -> bytes:
    return _encode(f"{method} {target} HTTP/1.1", headers)


def encode_answer(status: int, headers: Iterable[tuple[str, str]] = (), text: str | None = None) -> bytes:
    """`text` is the whole body, and the connection ends behind it; None for an upgrade."""
    head = _encode(f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}", [*headers, *_body_headers(text)])
    return head + (text or "").encode()


def _body_headers(text: str | None) -> list[tuple[str, str]]:
    if text is None:
        return []
    return [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(text.encode()))),
            ("Connection", "close")]


def _encode(first: str, headers: Iterable[tuple[str, str]]) -> bytes:
    lines = [first, *(f"{name}: {value}" for name, value in headers)]
    if any("\r" in line or "\n" in line for line in lines):
        raise HeadError("line break in a head")
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"


def negotiate(offered: Sequence[str], known: Sequence[str]) -> str | None:
    """The first protocol of the client's list that the server knows."""
    return next((protocol for protocol in offered if protocol in known), None)
