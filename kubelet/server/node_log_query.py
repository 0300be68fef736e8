"""`/logs/?query=…` (NodeLogQuery): what services of this node have logged, from the journal or from /var/log.

    query=kubelet            journalctl --unit=kubelet, where the journal knows the unit; else /var/log/kubelet,
                             kubelet.log, kubelet/kubelet.log, whichever is there first
    query=/foo/bar.log       that file of /var/log

Options of the journal: sinceTime, untilTime, tailLines, pattern, boot. Parsing is pure. journalctl is started without a
shell, with values that were read as what they have to be. Source: pkg/kubelet/kubelet_server_journal.go.
"""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kubelet.server.node_logs import NoSuchLogError, is_directory, open_beneath

MAX_SERVICES, MAX_SERVICE_LENGTH, MAX_TAIL_LINES = 4, 256, 100_000
DEADLINE_SECONDS = 30.0
READ_BYTES = 64 * 1024
_UNSAFE = re.compile(r"[^a-zA-Z\-_.:0-9@]")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_FRACTION = re.compile(r"\.\d+")
_NUMBER = re.compile(r"[+-]?\d{1,18}")


class InvalidQueryError(ValueError):
    """HTTP `status`; the message is the body."""

    def __init__(self, status: int, problems: Sequence[str]) -> None:
        super().__init__(problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]")
        self.status = status


@dataclass(frozen=True, slots=True)
class NodeLogQuery:
    services: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    tail_lines: int | None = None
    boot: int | None = None
    pattern: str = ""

    @property
    def has_options(self) -> bool:
        return self.pattern != "" or any(
            option is not None for option in (self.since, self.until, self.tail_lines, self.boot))


def parse_query(parameters: Mapping[str, Sequence[str]]) -> NodeLogQuery | None:
    """None when nothing of a query is there. Raises InvalidQueryError."""
    problems: list[str] = []
    words = parameters.get("query", ())
    files = tuple(word for word in words if "/" in word or "\\" in word)
    services = tuple(word for word in words if word.strip() and word not in files)
    if words and not files and not services:
        problems.append(f"query: Invalid value: {_quoted(words)}: may not be empty")
    first = {name: values[0] for name, values in parameters.items() if values and values[0]}
    query = NodeLogQuery(
        services, files, _time("sinceTime", first, problems), _time("untilTime", first, problems),
        _number("tailLines", first, problems), _number("boot", first, problems), first.get("pattern", ""))
    if problems:
        raise InvalidQueryError(400, problems)
    return query if query != NodeLogQuery() else None


def _time(name: str, parameters: Mapping[str, str], problems: list[str]) -> datetime | None:
    text = parameters.get(name, "")
    if not text:
        return None
    try:
        if not _TIME.fullmatch(text):
            raise ValueError(text)
        microseconds = _FRACTION.sub(lambda match: match.group()[:7], text)
        return datetime.fromisoformat(microseconds).astimezone(UTC)
    except (ValueError, OverflowError):
        problems.append(f"{name}: Invalid value: {_quoted(text)}: invalid time format")
        return None


def _number(name: str, parameters: Mapping[str, str], problems: list[str]) -> int | None:
    text = parameters.get(name, "")
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        quoted = _quoted(text)
        problems.append(f"{name}: Invalid value: {quoted}: strconv.Atoi: parsing {quoted}: invalid syntax")
        return None
    return int(text)


def _quoted(value: str | Sequence[str]) -> str:
    import json

    return json.dumps(value)


def check_query(query: NodeLogQuery) -> None:
    """Raises InvalidQueryError for what is asked and cannot be answered; whether a file is there is seen later."""
    problems = []
    for service in query.services:
        if len(service) > MAX_SERVICE_LENGTH:
            problems.append(f"query: Invalid value: {_quoted(service)}: length must be less than {MAX_SERVICE_LENGTH}")
        elif _UNSAFE.search(service):
            problems.append(f"query: Invalid value: {_quoted(service)}: input contains unsupported characters")
    if len(query.services) > MAX_SERVICES:
        problems.append(f"query: Too many: {len(query.services)}: must have at most {MAX_SERVICES} items")
    problems += _mixture(query)
    if query.since is not None and query.until is not None and query.since > query.until:
        problems.append(f"untilTime: Invalid value: {_quoted(query.until.isoformat())}: must be after `sinceTime`")
    if query.boot is not None and query.boot > 0:
        problems.append(f"boot: Invalid value: {query.boot}: must be less than 1")
    if query.tail_lines is not None and not 0 <= query.tail_lines <= MAX_TAIL_LINES:
        problems.append(f"tailLines: Invalid value: {query.tail_lines}: must be between 0 and {MAX_TAIL_LINES}, "
                        "inclusive")
    try:
        re.compile(query.pattern)
    except (re.error, RecursionError, OverflowError) as error:
        problems.append(f"pattern: Invalid value: {_quoted(query.pattern)}: error parsing regexp: {error}")
    if problems:
        raise InvalidQueryError(406, problems)


def _mixture(query: NodeLogQuery) -> list[str]:
    if not query.files and not query.services:
        return ["query: Required value: cannot be empty with options"]
    if query.files and query.services:
        both = f"[{' '.join(query.files)}], [{' '.join(query.services)}]"
        return [f"query: Invalid value: {_quoted(both)}: cannot specify a file and service"]
    if len(query.files) > 1:
        return [f"query: Invalid value: {_quoted(query.files)}: cannot specify more than one file"]
    if query.files and query.has_options:
        return [f"query: Invalid value: {_quoted(query.files)}: cannot specify file with options"]
    return []


def journal_arguments(query: NodeLogQuery, services: Sequence[str]) -> list[str]:
    """What follows `journalctl`."""
    arguments = ["--utc", "--no-pager", "--output=short-precise"]
    for name, moment in (("since", query.since), ("until", query.until)):
        if moment is not None:
            arguments.append(f"--{name}={moment:%Y-%m-%d %H:%M:%S.%f} UTC")
    if query.tail_lines is not None:
        arguments += ["--pager-end", f"--lines={query.tail_lines}"]
    arguments += [f"--unit={service}" for service in services]
    if query.pattern:
        arguments.append(f"--grep={query.pattern}")
    if query.boot is not None:
        arguments.append(f"--boot={query.boot}")
    return arguments


async def service_logs(query: NodeLogQuery, root: Path, journal: str = "journalctl") -> AsyncGenerator[bytes, None]:
    """What the services have logged, in pieces. Problems are told in the text, as the answer has begun by then."""
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            units = await _units(journal)
            native = [service for service in query.services if f"{service}.service" in units]
            others = [service for service in query.services if service not in native]
            if native:
                async for piece in _journal([journal, *journal_arguments(query, native)]):
                    yield piece
            if others and query.has_options:
                yield (f"\noptions present and query resolved to log files for [{' '.join(others)}]\n"
                       "try without specifying options\n").encode()
                return
            for service in others:
                async for piece in _file_of(service, root):
                    yield piece
    except TimeoutError:
        yield f"\nthe logs were not read within {DEADLINE_SECONDS:g} s\n".encode()


async def _units(journal: str) -> str:
    """The units that the journal knows; empty where there is no journal."""
    try:
        return b"".join([piece async for piece in _journal([journal, "--field", "_SYSTEMD_UNIT"])]).decode()
    except UnicodeDecodeError:
        return ""


async def _journal(command: Sequence[str]) -> AsyncIterator[bytes]:
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT)
    except OSError:
        return
    output = process.stdout
    try:
        while output is not None and (piece := await output.read(READ_BYTES)):
            yield piece
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await asyncio.shield(process.wait())


async def _file_of(service: str, root: Path) -> AsyncIterator[bytes]:
    for name in (service, f"{service}.log", f"{service}/{service}.log"):
        try:
            descriptor = await asyncio.to_thread(open_beneath, root, name)
        except NoSuchLogError:
            continue
        try:
            if is_directory(descriptor):
                continue
            while piece := await asyncio.to_thread(os.read, descriptor, READ_BYTES):
                yield piece
            return
        finally:
            os.close(descriptor)
    yield f"\nlog not found for {service}\n".encode()
