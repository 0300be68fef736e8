"""The remote command protocol of exec and attach: which streams there are, what they carry, how it ended.

| stream, channel | carries |
|---|---|
| stdin 0, stdout 1, stderr 2 | the command's; no stderr with a terminal |
| error 3 | how it ended: text of a failure up to v3, metav1.Status as JSON from v4 on |
| resize 4 | the terminal's size as JSON objects, from v3 on |

Pure; the WebSocket's protocols are in `channels`. Source: k8s.io/cri-streaming/pkg/streaming/remotecommand.
"""

import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

STREAM_TYPE = "streamtype"
SPDY_V4, SPDY_V3, SPDY_V2, SPDY_V1 = "v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"
SPDY_PROTOCOLS = (SPDY_V4, SPDY_V3, SPDY_V2, SPDY_V1)
CREATION_SECONDS = 30.0
"""How long a client may take to open its streams."""
_MAX_SIZE_BYTES = 4096


class Kind(enum.IntEnum):
    """Streams by their WebSocket channel; the SPDY header `streamType` has the name in lower case."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2
    ERROR = 3
    RESIZE = 4


FROM_CLIENT = (Kind.STDIN, Kind.RESIZE)
_KINDS = {kind.name.lower(): kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller wants; `stderr` is never with `tty`."""

    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    tty: bool = False


class BadStreamError(Exception):
    """A stream that nobody asked for."""


def expected_kinds(options: Options, protocol: str) -> frozenset[Kind]:
    """The streams that a SPDY client opens, in whatever order."""
    wanted = {
        Kind.ERROR: True,
        Kind.STDIN: options.stdin,
        Kind.STDOUT: options.stdout,
        Kind.STDERR: options.stderr,
        Kind.RESIZE: options.tty and protocol in (SPDY_V4, SPDY_V3),
    }
    return frozenset(kind for kind, is_wanted in wanted.items() if is_wanted)


class Gathering:
    """Collects the streams of a SPDY client until all are there."""

    def __init__(self, expected: frozenset[Kind]) -> None:
        self._missing = set(expected)
        self.streams: dict[Kind, int] = {}

    def offer(self, stream_id: int, headers: Mapping[str, str]) -> Kind:
        """Raises BadStreamError: refuse the stream, the others stay."""
        kind = _KINDS.get(headers.get(STREAM_TYPE, ""))
        if kind is None or kind not in self._missing:
            raise BadStreamError(f"unexpected stream type {headers.get(STREAM_TYPE, '')!r}")
        self._missing.discard(kind)
        self.streams[kind] = stream_id
        return kind

    @property
    def is_complete(self) -> bool:
        return not self._missing


@dataclass(frozen=True, slots=True)
class TerminalSize:
    width: int
    height: int


class ResizeDecoder:
    """`feed(bytes)` gives terminal sizes. What is not a size ends it: the rest is passed over, the session goes on."""

    def __init__(self) -> None:
        self._text = ""
        self._json = json.JSONDecoder()
        self._broken = False

    def feed(self, data: bytes) -> list[TerminalSize]:
        sizes: list[TerminalSize] = []
        if self._broken:
            return sizes
        self._text += data.decode("latin-1")
        while self._text:
            self._text = self._text.lstrip()
            try:
                value, end = self._json.raw_decode(self._text)
                size = _size(value)
            except (ValueError, RecursionError):
                break
            self._text = self._text[end:]
            if size is None:
                self._broken = True
                break
            sizes.append(size)
        if len(self._text) > _MAX_SIZE_BYTES:
            self._broken = True
        if self._broken:
            self._text = ""
        return sizes


def _size(value: object) -> TerminalSize | None:
    """Names in any case, as Go's decoder takes them."""
    if not isinstance(value, dict):
        return None
    fields = {str(name).lower(): number for name, number in value.items()}
    width, height = fields.get("width", 0), fields.get("height", 0)
    if not isinstance(width, int) or not isinstance(height, int):
        return None
    return TerminalSize(width, height) if 0 <= width < 1 << 16 and 0 <= height < 1 << 16 else None


def encode_size(size: TerminalSize) -> bytes:
    return json.dumps({"Width": size.width, "Height": size.height}).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended. `exit_code` None: it did not run to its end, `message` says why."""

    exit_code: int | None
    message: str = ""

    @property
    def is_success(self) -> bool:
        return self.exit_code == 0


SUCCESS = Outcome(0)


def encode_outcome(outcome: Outcome, *, as_status: bool) -> bytes:
    """What the error stream carries: metav1.Status (v4, v5), or the text of a failure (up to v3), empty for success."""
    status = _status(outcome)
    if as_status:
        return json.dumps({"metadata": {}, **status}).encode()
    return str(status.get("message", "")).encode()


def _status(outcome: Outcome) -> dict[str, Any]:
    if outcome.is_success:
        return {"status": "Success"}
    if outcome.exit_code is None:
        message = f"Internal error occurred: {outcome.message}"
        return {"status": "Failure", "message": message, "reason": "InternalError", "code": 500}
    detail = outcome.message or f"exit code {outcome.exit_code}"
    return {
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: {detail}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(outcome.exit_code)}]},
    }
