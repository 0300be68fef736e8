"""What exec's and port-forward's streams are, what they carry, and what is refused; heads of HTTP requests."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cri.streaming import http1, portforward, remotecommand
from cri.streaming.portforward import Pair, Pairing
from cri.streaming.remotecommand import (
    SPDY_PROTOCOLS,
    SUCCESS,
    Gathering,
    Kind,
    Options,
    Outcome,
    ResizeDecoder,
    TerminalSize,
    encode_outcome,
    encode_size,
    expected_kinds,
)


@pytest.mark.parametrize("protocol", SPDY_PROTOCOLS)
def test_the_streams_that_are_awaited(protocol):
    everything = Options(stdin=True, stdout=True, stderr=True)
    assert expected_kinds(everything, protocol) == {Kind.STDIN, Kind.STDOUT, Kind.STDERR, Kind.ERROR}
    terminal = Options(stdin=True, stdout=True, tty=True)
    resize = {Kind.RESIZE} if protocol[:2] in ("v3", "v4") else set()
    assert expected_kinds(terminal, protocol) == {Kind.STDIN, Kind.STDOUT, Kind.ERROR} | resize


def test_streams_are_gathered_in_any_order_and_each_once():
    gathering = Gathering(expected_kinds(Options(stdin=True, stdout=True), "v4.channel.k8s.io"))
    assert gathering.offer(5, {"streamtype": "stdout"}) is Kind.STDOUT
    for headers in ({"streamtype": "stdout"}, {"streamtype": "stderr"}, {"streamtype": "x"}, {}):
        with pytest.raises(remotecommand.BadStreamError):
            gathering.offer(9, headers)
    gathering.offer(1, {"streamtype": "error"})
    assert not gathering.is_complete
    gathering.offer(3, {"streamtype": "stdin"})
    assert gathering.is_complete and gathering.streams == {Kind.STDOUT: 5, Kind.ERROR: 1, Kind.STDIN: 3}


def test_outcomes_as_status_and_as_text():
    assert json.loads(encode_outcome(SUCCESS, as_status=True)) == {"metadata": {}, "status": "Success"}
    assert encode_outcome(SUCCESS, as_status=False) == b""
    failed = json.loads(encode_outcome(Outcome(3), as_status=True))
    assert failed["reason"] == "NonZeroExitCode"
    assert failed["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]
    assert encode_outcome(Outcome(3), as_status=False) == b"command terminated with non-zero exit code: exit code 3"
    broken = json.loads(encode_outcome(Outcome(None, "no engine"), as_status=True))
    assert (broken["status"], broken["reason"], broken["code"]) == ("Failure", "InternalError", 500)
    assert broken["message"] == "Internal error occurred: no engine"


sizes = st.builds(TerminalSize, st.integers(0, 65535), st.integers(0, 65535))


@given(st.lists(sizes, max_size=5), st.integers(1, 60))
def test_terminal_sizes_in_any_chunks(sent, chunk):
    wire = b"".join(map(encode_size, sent))
    decoder = ResizeDecoder()
    assert [size for at in range(0, len(wire), chunk) for size in decoder.feed(wire[at : at + chunk])] == sent


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_garbage_sizes_never_crash(chunks):
    decoder = ResizeDecoder()
    for chunk in chunks:
        decoder.feed(chunk)


def test_what_is_no_size_is_passed_over():
    decoder = ResizeDecoder()
    assert decoder.feed(b'{"width":80,"HEIGHT":24} [1]') == [TerminalSize(80, 24)]
    assert decoder.feed(encode_size(TerminalSize(1, 2))) == []
    assert ResizeDecoder().feed(b'{"Width":-1,"Height":1}') == []
    assert ResizeDecoder().feed(b'{"Width":"x","Height":1}') == []
    endless = ResizeDecoder()
    for _ in range(100):
        assert endless.feed(b"{" + b" " * 1000) == []
    assert not endless._text


def test_pairs_are_matched_by_request_and_by_number_for_old_clients():
    pairing = Pairing()
    assert pairing.offer(1, {"port": "80", "streamtype": "error", "requestid": "0"}) is None
    assert pairing.offer(3, {"port": "81", "streamtype": "error", "requestid": "1"}) is None
    assert pairing.offer(5, {"port": "81", "streamtype": "data", "requestid": "1"}) == Pair(81, 5, 3)
    assert pairing.offer(7, {"port": "80", "streamtype": "data", "requestid": "0"}) == Pair(80, 7, 1)
    assert pairing.offer(9, {"port": "80", "streamtype": "error"}) is None
    assert pairing.offer(11, {"port": "80", "streamtype": "data"}) == Pair(80, 11, 9)
    assert pairing.offer(13, {"port": "80", "streamtype": "error"}) is None
    assert pairing.drop(13) and not pairing.drop(13) and not pairing.drop(11)


@pytest.mark.parametrize("headers", [
    {}, {"port": "80"}, {"port": "0", "streamtype": "data"}, {"port": "65536", "streamtype": "data"},
    {"port": "-1", "streamtype": "data"}, {"port": "٣", "streamtype": "data"}, {"port": "80", "streamtype": "stdin"},
])  # fmt: skip
def test_streams_that_are_no_half_of_a_pair(headers):
    with pytest.raises(portforward.BadStreamError):
        Pairing().offer(1, headers)


def test_the_same_half_twice():
    pairing = Pairing()
    pairing.offer(1, {"port": "80", "streamtype": "data", "requestid": "7"})
    with pytest.raises(portforward.BadStreamError, match="already"):
        pairing.offer(3, {"port": "80", "streamtype": "data", "requestid": "7"})
    assert pairing.offer(5, {"port": "80", "streamtype": "error", "requestid": "7"}) == Pair(80, 1, 5)


def test_ports_of_a_query():
    assert portforward.parse_ports(["80,443", "8080"]) == (80, 443, 8080)
    for values, said in (([], "required"), ([""], "empty"), (["80,"], "unable to parse"), (["70000"], "unable"),
                         (["1"] * 65, "more than")):
        with pytest.raises(ValueError, match=said):
            portforward.parse_ports(values)
    assert portforward.port_prefix(0x1234) == b"\x34\x12"


def test_heads_of_requests_and_answers():
    head, rest = http1.split_head(b"POST /exec/x?y=1 HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: SPDY/3.1"
                                  b"\r\nX-Stream-Protocol-Version: a, b\r\nx-stream-protocol-version: c\r\n\r\nrest")
    request = http1.parse_request(head)
    assert (request.method, request.target, request.upgrade, rest) == ("POST", "/exec/x?y=1", "spdy/3.1", b"rest")
    assert request.tokens("x-stream-protocol-version") == ("a", "b", "c")
    assert http1.negotiate(("a", "b"), ("c", "b")) == "b" and http1.negotiate(("a",), ("b",)) is None
    answer = http1.encode_answer(404, (), "no")
    parsed = http1.parse_answer(http1.split_head(answer)[0])
    assert parsed.status == 404 and parsed.get("content-length") == "2" and not parsed.upgrade


@given(st.binary(max_size=200))
def test_garbage_heads_are_refused(data):
    for parse in (http1.parse_request, http1.parse_answer):
        try:
            parse(data)
        except http1.HeadError as error:
            assert str(error)


def test_heads_have_limits():
    with pytest.raises(http1.HeadError, match="endless"):
        http1.split_head(b"x" * (http1.MAX_HEAD_BYTES + 1))
    with pytest.raises(http1.HeadError, match="line break"):
        http1.encode_request("GET", "/\r\nX: y", ())
