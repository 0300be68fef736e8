"""The HTTP probe: GET, and a status from 200 to 399 is a success (pkg/probe/http).

Its own small HTTP/1.1 client, because the rules are unlike a browser's or a library's: no connection is kept, no proxy
asked, no certificate checked, nothing compressed, redirects followed within the host only, at most ten; a redirect that
leads elsewhere is a success with a warning. At most 10 KiB of a body are read, and a failure's text never contains them
(kubernetes#99425). Lifecycle hooks send the same request by `send_get`, and take any answer.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from urllib.parse import SplitResult, quote, urljoin, urlsplit, urlunsplit

from probes.dial import DialError, dial, go_error, join_host_port, release
from probes.spec import OUTPUT_LIMIT, USER_AGENT, Answer, HttpHandler, Outcome

MAX_REDIRECTS = 10
_HEAD_LIMIT = 1 << 20
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NEVER_SENT = frozenset({"Host", "User-Agent", "Content-Length", "Transfer-Encoding", "Trailer"})
_STATUS_LINE = re.compile(rb"HTTP/\d\.\d (\d{3})(?: |\r?\n|$)")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class HttpGetError(Exception):
    """No response; the text says why, in Go's words."""


class PlainAnswerError(HttpGetError):
    """An HTTPS request was answered in plain HTTP."""


class _ProtocolError(HttpGetError):
    """No response that could be understood."""


class _BodyError(HttpGetError):
    """The response began and did not end well."""


@dataclass(frozen=True, slots=True)
class _Response:
    status: int
    location: str
    body: str


@dataclass(frozen=True, slots=True)
class _Request:
    url: SplitResult
    headers: tuple[tuple[str, str], ...]
    host: str
    """The Host header that the probe asks for; empty: the URL's."""
    referer: str = ""
    agent: str = USER_AGENT

    def encode(self) -> bytes:
        lines = [f"GET {target(self.url)} HTTP/1.1", f"Host: {self.host or self.url.netloc}"]
        names = {name for name, _ in self.headers}
        agents = [value for name, value in self.headers if name == "User-Agent"] or [self.agent]
        if agents[0]:
            lines.append(f"User-Agent: {agents[0]}")
        accepts = [value for name, value in self.headers if name == "Accept"]
        blank_accept = bool(accepts) and not accepts[0]
        lines += [
            f"{name}: {value}" for name, value in self.headers
            if name not in _NEVER_SENT and not (name == "Accept" and blank_accept)
        ]
        if not accepts:
            lines.append("Accept: */*")
        if self.referer and "Referer" not in names:
            lines.append(f"Referer: {self.referer}")
        if "Connection" not in names:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


def canonical(name: str) -> str:
    """A header name as Go spells it: x-my-header → X-My-Header (textproto.CanonicalMIMEHeaderKey)."""
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-")) if _TOKEN.fullmatch(name) else name


def probe_url(handler: HttpHandler, pod_ip: str) -> SplitResult:
    """Scheme, host and port of the handler with the path (and query) that its `path` gives, broken ones included."""
    parsed = urlsplit(handler.path)
    path, query = (handler.path, "") if _BAD_ESCAPE.search(parsed.path) else (parsed.path, parsed.query)
    if not path.startswith("/"):
        path = f"/{path}"
    scheme = handler.scheme.lower() or "http"
    return SplitResult(scheme, join_host_port(handler.host or pod_ip, handler.port), path, query, "")


def target(url: SplitResult) -> str:
    """The request target: path and query, with what may not stand there escaped."""
    path = quote(url.path or "/", safe="/:@!$&'()*+,;=~" + ("" if _BAD_ESCAPE.search(url.path) else "%"))
    query = quote(url.query, safe="/:@!$&'()*+,;=~?%\"[]{}|\\^`<>")
    return f"{path}?{query}" if query else path


def _request(handler: HttpHandler, pod_ip: str, agent: str) -> _Request:
    """Raises _ProtocolError for headers that cannot be sent."""
    headers = tuple((canonical(name), value) for name, value in handler.headers)
    for name, value in headers:
        if not _TOKEN.fullmatch(name) or any(char in value for char in "\r\n\0"):
            raise _ProtocolError(f'net/http: invalid header field "{name}"')
    host = next((value for name, value in headers if name == "Host"), "")
    return _Request(probe_url(handler, pod_ip), headers, host, agent=agent)


async def send_get(handler: HttpHandler, pod_ip: str, agent: str) -> None:
    """Send the request and read the answer, whatever it says; takes as long as the peer does. Raises HttpGetError."""
    url = probe_url(handler, pod_ip)
    state = _Progress(url)
    try:
        await _follow(_request(handler, pod_ip, agent), state)
    except _BodyError:
        return  # there was an answer, and nobody asks what it says
    except PlainAnswerError as error:
        raise PlainAnswerError(f'Get "{urlunsplit(state.url)}": {error}') from None
    except (DialError, _ProtocolError) as error:
        raise HttpGetError(f'Get "{urlunsplit(state.url)}": {error}') from None


async def probe_http(handler: HttpHandler, pod_ip: str, timeout: float) -> Answer:
    state = _Progress(probe_url(handler, pod_ip))
    try:
        async with asyncio.timeout(timeout):
            return _judge(await _follow(_request(handler, pod_ip, USER_AGENT), state))
    except TimeoutError:
        if state.reading_body:
            error = "context deadline exceeded (Client.Timeout or context cancellation while reading body)"
            return Answer(Outcome.FAILURE, error=error, timed_out=True)
        text = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        return Answer(Outcome.FAILURE, f'Get "{urlunsplit(state.url)}": {text}', timed_out=True)
    except _BodyError as error:
        return Answer(Outcome.FAILURE, error=str(error))
    except (DialError, HttpGetError) as error:
        return Answer(Outcome.FAILURE, f'Get "{urlunsplit(state.url)}": {error}')


def _judge(response: _Response) -> Answer:
    if 200 <= response.status < 300:
        return Answer(Outcome.SUCCESS, response.body)
    if 300 <= response.status < 400:
        return Answer(Outcome.WARNING, f"Probe terminated redirects, Response body: {response.body}")
    return Answer(Outcome.FAILURE, f"HTTP probe failed with statuscode: {response.status}")


@dataclass(slots=True)
class _Progress:
    """How far the probe has come, for the text of a failure."""

    url: SplitResult
    reading_body: bool = False


async def _follow(request: _Request, state: _Progress) -> _Response:
    first = request
    for _ in range(MAX_REDIRECTS):
        state.url, state.reading_body = request.url, False
        response = await _exchange(request, state)
        if response.status not in _REDIRECTS or not response.location:
            return response
        absolute = urlsplit(response.location)
        url = urlsplit(urljoin(urlunsplit(request.url), response.location))
        if url.hostname != first.url.hostname:
            return response
        if url.scheme not in ("http", "https"):
            state.url = url
            raise _ProtocolError(f'unsupported protocol scheme "{url.scheme}"')
        referer = "" if (request.url.scheme, url.scheme) == ("https", "http") else urlunsplit(request.url)
        request = _Request(url, first.headers, "" if absolute.scheme else first.host, referer, first.agent)
    state.url = request.url
    raise _ProtocolError("stopped after 10 redirects")


@cache
def _no_verification() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _exchange(request: _Request, state: _Progress) -> _Response:
    """One request and its response, on a connection of its own."""
    host, secure = request.url.hostname or "", request.url.scheme == "https"
    try:
        port = request.url.port or (443 if secure else 80)
    except ValueError as error:
        raise _ProtocolError(str(error)) from None
    connection = await dial(host, port)
    transport: asyncio.BaseTransport | None = None
    try:
        reader, writer = await _open(connection, host, secure)
        transport = writer.transport
        writer.write(request.encode())
        return await _read_response(reader, state)
    except OSError as error:
        raise _ProtocolError(f"read tcp {request.url.netloc}: {go_error(error)}") from None
    finally:
        if transport is not None:
            transport.abort()  # type: ignore[attr-defined]
        await release(connection)


async def _open(
    connection: socket.socket, host: str, secure: bool
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Streams over a duplicate of the connection, so that the transport's own close is not the one that lingers."""
    twin = connection.dup()
    try:
        twin.setblocking(False)
        return await asyncio.open_connection(
            sock=twin, limit=_HEAD_LIMIT, ssl=_no_verification() if secure else None,
            server_hostname=host if secure else None,
        )
    except ssl.SSLError as error:
        twin.close()
        if "WRONG_VERSION_NUMBER" in (error.reason or ""):
            raise PlainAnswerError("http: server gave HTTP response to HTTPS client") from None
        raise _ProtocolError(f"tls: {error.reason or error}") from None
    except BaseException:
        twin.close()
        raise


async def _read_response(reader: asyncio.StreamReader, state: _Progress) -> _Response:
    while True:
        status, headers = await _read_head(reader)
        if status >= 200 or status == 101:
            break
    state.reading_body = True
    bodiless = status in (101, 204, 304)
    body = b"" if bodiless else await _read_body(reader, headers)
    return _Response(status, _first(headers, "location"), body.decode(errors="replace"))


async def _read_head(reader: asyncio.StreamReader) -> tuple[int, list[tuple[str, str]]]:
    try:
        line = await reader.readline()
        if not line:
            raise _ProtocolError("EOF")
        match = _STATUS_LINE.match(line)
        if match is None:
            shown = line.strip()[:50].decode(errors="replace")
            raise _ProtocolError(f'net/http: HTTP/1.x transport connection broken: malformed HTTP response "{shown}"')
        headers: list[tuple[str, str]] = []
        while (line := await reader.readline()) not in (b"\r\n", b"\n"):
            if not line:
                raise _ProtocolError("unexpected EOF")
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon:
                raise _ProtocolError("net/http: HTTP/1.x transport connection broken: malformed MIME header")
            headers.append((name.strip().lower(), value.strip()))
    except ValueError:  # a line beyond the limit
        raise _ProtocolError("net/http: server response headers exceeded 1048576 bytes; aborted") from None
    return int(match[1]), headers


def _first(headers: Iterable[tuple[str, str]], name: str) -> str:
    return next((value for header, value in headers if header == name), "")


async def _read_body(reader: asyncio.StreamReader, headers: list[tuple[str, str]]) -> bytes:
    """At most OUTPUT_LIMIT bytes of the body. Raises _BodyError when it breaks off before that."""
    try:
        if "chunked" in _first(headers, "transfer-encoding").lower():
            return await _read_chunks(reader)
        length = _first(headers, "content-length")
        if length.isdigit():
            return await reader.readexactly(min(int(length), OUTPUT_LIMIT))
        try:
            return await reader.readexactly(OUTPUT_LIMIT)
        except asyncio.IncompleteReadError as end:
            return end.partial
    except asyncio.IncompleteReadError:
        raise _BodyError("unexpected EOF") from None
    except (OSError, ValueError) as error:
        raise _BodyError(go_error(error) if isinstance(error, OSError) else str(error)) from None


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while len(body) < OUTPUT_LIMIT:
        line = await reader.readline()
        if not line:
            raise _BodyError("unexpected EOF")
        size = int(line.partition(b";")[0].strip(), 16)
        if size == 0:
            return body
        body += await reader.readexactly(min(size, OUTPUT_LIMIT - len(body)))
        if len(body) < OUTPUT_LIMIT:
            await reader.readline()
    return body
