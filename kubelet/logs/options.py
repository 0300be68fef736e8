"""What may be asked of a container's log: PodLogOptions (core/v1), decoded and checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cri.logformat import parse_time


class LogStream(StrEnum):
    """PodLogOptions.stream."""

    ALL = "All"
    STDOUT = "Stdout"
    STDERR = "Stderr"

    def wants(self, stream: str) -> bool:
        """Whether records of CRI's `stream` ("stdout" or "stderr") are meant."""
        return self is LogStream.ALL or self.value.lower() == stream


@dataclass(frozen=True, slots=True)
class LogOptions:
    """`tail_lines` lines from the end, of records not before `since_ns` (Unix ns), `limit_bytes` of output at most."""

    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail_lines: int | None = None
    limit_bytes: int | None = None
    since_ns: int | None = None
    stream: LogStream = LogStream.ALL


class UndecodableOptionsError(ValueError):
    """A parameter cannot be read as what it should be (HTTP 400)."""


class InvalidOptionsError(ValueError):
    """Each parameter can be read, but not all of them make sense (HTTP 422)."""


def parse_options(query: Mapping[str, Sequence[str]], now_ns: int) -> LogOptions:
    """The options in a query string; unknown parameters are ignored, the first value of a repeated one counts.

    `tail` is the legacy name of `tailLines` ("all": no limit). Booleans are read as by the API's query conversion: any
    value but "0" and "false" is true, also none. Raises UndecodableOptionsError and InvalidOptionsError.
    """
    values = {key: found[0] for key, found in query.items() if found}
    tail = values.get("tail")
    if tail == "all":
        values.pop("tailLines", None)
    elif tail:
        values["tailLines"] = tail
    tail_lines, limit = _integer(values, "tailLines"), _integer(values, "limitBytes")
    seconds, since_time = _integer(values, "sinceSeconds"), values.get("sinceTime", "null") or "null"
    stream = _stream(values.get("stream"))
    if tail_lines is not None and tail_lines < 0:
        raise InvalidOptionsError("tailLines must not be negative")
    if limit is not None and limit < 1:
        raise InvalidOptionsError("limitBytes must be greater than 0")
    if seconds is not None and since_time != "null":
        raise InvalidOptionsError("at most one of sinceTime or sinceSeconds may be specified")
    if seconds is not None and seconds < 1:
        raise InvalidOptionsError("sinceSeconds must be greater than 0")
    if stream is not LogStream.ALL and tail_lines is not None:
        raise InvalidOptionsError("tailLines and a specific stream are mutually exclusive")
    return LogOptions(
        follow=_boolean(values, "follow"), previous=_boolean(values, "previous"),
        timestamps=_boolean(values, "timestamps"), tail_lines=tail_lines, limit_bytes=limit,
        since_ns=now_ns - seconds * 10**9 if seconds is not None else _moment(since_time), stream=stream,
    )


def _integer(values: Mapping[str, str], name: str) -> int | None:
    text = values.get(name)
    if text is None:
        return None
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 19 or abs(int(text)) >= 2**63:
        raise UndecodableOptionsError(f"{name} must be a number, not {text!r}")
    return int(text)


def _boolean(values: Mapping[str, str], name: str) -> bool:
    return name in values and values[name] != "0" and values[name].lower() != "false"


def _moment(text: str) -> int | None:
    """"null" is what old clients send for "not set"."""
    if text == "null":
        return None
    moment = parse_time(text.encode())
    if moment is None:
        raise UndecodableOptionsError(f"sinceTime must be an RFC 3339 time, not {text!r}")
    return moment


def _stream(text: str | None) -> LogStream:
    if text is None:
        return LogStream.ALL
    try:
        return LogStream(text)
    except ValueError:
        raise InvalidOptionsError(f"stream must be All, Stdout or Stderr, not {text!r}") from None
