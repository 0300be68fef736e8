"""One function per target: bytes in, nothing out; what it raises is a defect. Errors that belong to the parser's own
tree are what it is expected to answer with."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from conformance.fuzz.choices import Choices
from cri.streaming import channels, http1, portforward, remotecommand, spdy_frames, websocket
from cri.streaming.mux import Machine, SessionFailed, StreamData, StreamOpened
from cri.streaming.spdy import Session
from kubelet.api import yamljson
from kubelet.api.codec import InvalidObjectError
from kubelet.apiclient.kubeconfig import KubeconfigError, parse
from kubelet.certificates.x509 import BadCertificateError
from kubelet.certificates.x509 import parse as parse_certificate
from kubelet.config.layout import Layout
from kubelet.logs.options import InvalidOptionsError, UndecodableOptionsError, parse_options
from kubelet.server import node_log_query, routes, zpages
from kubelet.server.streaming import StreamingRefusedError, remote_options

OUTPUT_BASE, OUTPUT_FACTOR = 8192, 64
"""A machine may answer with this much, and this much per byte fed; more would make a small peer's flood a big one."""


class AmplificationError(Exception):
    """A machine answers far more than it was told."""


def _drive(machine: Machine, wires: Callable[[], bytes], choices: Choices) -> None:
    """Feeds what `wires` gives, in one piece or two, and uses every stream that opens."""
    fed, said, opened = 0, 0, list[int]()
    while choices.left > 0:
        wire = wires()
        cut = choices.number(len(wire) + 1) if choices.flag() else len(wire)
        fed += len(wire)
        for piece in (wire[:cut], wire[cut:]):
            for event in machine.feed(piece):
                match event:
                    case StreamOpened(stream_id):
                        opened.append(stream_id)
                        machine.accept(stream_id)
                    case StreamData(stream_id, data):
                        machine.consumed(stream_id, len(data))
                    case SessionFailed():
                        machine.output()
                        return
        if opened and choices.flag():
            stream_id = choices.pick(opened)
            use = choices.number(4)
            if use == 0 and machine.sendable(stream_id):
                machine.send(stream_id, b"x" * min(machine.sendable(stream_id), choices.number(64)))
                fed += 64
            elif use == 1:
                machine.end(stream_id)
            elif use == 2:
                machine.reset(stream_id)
        said += len(machine.output())
        if said > OUTPUT_BASE + OUTPUT_FACTOR * fed:
            raise AmplificationError(f"{said} bytes for {fed}")
    machine.close()
    machine.output()


def spdy(data: bytes) -> None:
    choices = Choices(data)
    client = choices.flag()
    encoder = spdy_frames.FrameEncoder()

    def wire() -> bytes:
        stream = choices.number(16)
        flags = choices.number(4)
        match choices.number(10):
            case 0:
                return encoder.encode(spdy_frames.SynStream(stream, _headers(choices), flags, choices.number(8)))
            case 1:
                return encoder.encode(spdy_frames.SynReply(stream, _headers(choices), flags))
            case 2:
                return encoder.encode(spdy_frames.RstStream(stream, choices.number(20)))
            case 3:
                values = {choices.number(9): choices.number(1 << 31) for _ in range(choices.number(4))}
                return encoder.encode(spdy_frames.Settings(values))
            case 4:
                return encoder.encode(spdy_frames.Ping(choices.number(8)))
            case 5:
                return encoder.encode(spdy_frames.WindowUpdate(stream, choices.number(1 << 31)))
            case 6:
                return encoder.encode(spdy_frames.Headers(stream, _headers(choices), flags))
            case 7:
                return encoder.encode(spdy_frames.Data(stream, choices.some(255), flags))
            case 8:
                return encoder.encode(spdy_frames.GoAway(stream, choices.number(4)))
            case _:
                return choices.some(255)

    _drive(Session(client=client), wire, choices)


def _headers(choices: Choices) -> dict[str, str]:
    names = ("streamtype", "port", "requestid", ":path", "x")
    return {choices.pick(names): choices.pick(("data", "error", "stdin", "80", "")) or choices.text()
            for _ in range(choices.number(4))}


def _websocket_wire(choices: Choices, mask: bool) -> Callable[[], bytes]:
    def wire() -> bytes:
        if choices.number(4) == 0:
            return choices.some(255)
        opcode = choices.pick([*websocket.Opcode])
        payload = bytes([choices.pick((0, 1, 2, 3, 4, 255))]) + choices.some(250)
        if opcode in (websocket.Opcode.PING, websocket.Opcode.PONG, websocket.Opcode.CLOSE):
            payload = payload[:125]
        encoded = websocket.encode(opcode, payload, mask=choices.chunk(4).ljust(4, b"m") if mask else b"")
        return bytes([encoded[0] & 0x7F]) + encoded[1:] if choices.number(8) == 0 else encoded

    return wire


def channel(data: bytes) -> None:
    choices = Choices(data)
    client = choices.flag()
    protocol = channels.PROTOCOLS[choices.pick(sorted(channels.PROTOCOLS))]
    readable = {number for number in range(5) if choices.flag()}
    _drive(channels.ChannelSession(protocol, readable, client=client), _websocket_wire(choices, not client), choices)


def tunnel(data: bytes) -> None:
    choices = Choices(data)
    codec, wire = channels.TunnelCodec(client=False), _websocket_wire(choices, mask=True)
    fed = said = 0
    while choices.left > 0:
        message = wire()
        fed += len(message)
        if any(isinstance(event, SessionFailed) for event in codec.feed(message)):
            break
        said += len(codec.output())
        if said > OUTPUT_BASE + OUTPUT_FACTOR * fed:
            raise AmplificationError(f"{said} bytes for {fed}")


def head(data: bytes) -> None:
    for read in (http1.parse_request, http1.parse_answer):
        with suppress(http1.HeadError):
            found = http1.split_head(data)
            if found is not None:
                parsed = read(found[0])
                parsed.tokens("upgrade")
                parsed.get("x")


def remote(data: bytes) -> None:
    """Streams offered to a remote command and to a port forward, terminal sizes, outcomes."""
    choices = Choices(data)
    pairing, decoder = portforward.Pairing(), remotecommand.ResizeDecoder()
    gathering = remotecommand.Gathering(remotecommand.expected_kinds(
        remotecommand.Options(choices.flag(), choices.flag(), choices.flag(), choices.flag()),
        choices.pick(("channel.k8s.io", "v2.channel.k8s.io", "v4.channel.k8s.io", "v5.channel.k8s.io"))))
    while choices.left > 0:
        headers, stream = _headers(choices), choices.number(64)
        try:
            if choices.flag():
                pairing.offer(stream, headers)
            else:
                gathering.offer(stream, headers)
        except (portforward.BadStreamError, remotecommand.BadStreamError):
            pairing.drop(stream)
        decoder.feed(choices.some(40))


PARAMETERS = ("query", "sinceTime", "untilTime", "tailLines", "boot", "pattern", "follow", "previous", "timestamps",
              "sinceSeconds", "limitBytes", "stream", "tail", "port", "input", "output", "error", "tty", "command")


def query(data: bytes) -> None:
    """Query strings of container logs, node logs, exec and port-forward, once aiohttp has split them."""
    choices = Choices(data)
    parameters: dict[str, list[str]] = {}
    while choices.left > 0:
        parameters.setdefault(choices.pick(PARAMETERS), []).append(
            choices.pick(("", "1", "true", "-1", "9223372036854775807", "2024-01-02T03:04:05Z")) or choices.text())
    for read, refusals in _READERS:
        with suppress(*refusals):
            read(parameters)


def _node_logs(parameters: Mapping[str, list[str]]) -> None:
    asked = node_log_query.parse_query(parameters)
    if asked is not None:
        node_log_query.check_query(asked)
        node_log_query.journal_arguments(asked, asked.services)


_READERS: tuple[tuple[Callable[[dict[str, list[str]]], object], tuple[type[Exception], ...]], ...] = (
    (lambda found: parse_options(found, 1_700_000_000 * 10**9), (InvalidOptionsError, UndecodableOptionsError)),
    (_node_logs, (node_log_query.InvalidQueryError,)),
    (remote_options, (StreamingRefusedError,)),
    (lambda found: portforward.parse_ports(found.get("port", [])), (ValueError,)),
)


def path(data: bytes) -> None:
    """Paths and Accept headers: a path without a route needs nodes/proxy, or what its first part says."""
    text = data.decode("utf-8", "replace")
    match = routes.find(text)
    assert match.subresources
    routes.is_closed_path(text)
    assert len(routes.metric_labels(text[:8], text, "readwrite")) == 4
    zpages.flagz(text, {"a": "b"})
    zpages.statusz(text, 0.0, 1.0, ["a"])


def document(data: bytes) -> None:
    """Files: YAML, JSON, kubeconfigs, certificates."""
    for read, refusal in (
        (lambda: yamljson.load(data, "f"), InvalidObjectError), (lambda: parse(data, Path("f")), KubeconfigError),
        (lambda: parse_certificate(data), BadCertificateError),
    ):
        with suppress(refusal):
            read()
    layout = Layout(data)
    layout.line("a.b[0]")
    for _ in layout.duplicates():
        pass


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "spdy": spdy, "channel": channel, "tunnel": tunnel, "head": head, "remote": remote, "query": query, "path": path,
    "document": document,
}
