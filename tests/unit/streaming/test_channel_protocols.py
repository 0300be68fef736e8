"""The channel protocols over WebSocket, both ends talking to each other, and the port-forward tunnel."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cri.streaming import channels
from cri.streaming.channels import PROTOCOLS, ChannelSession, TunnelCodec
from cri.streaming.mux import GoingAway, SessionFailed, StreamAccepted, StreamData, StreamEnded, StreamOpened
from cri.streaming.tunnel import TunnelSession
from cri.streaming.websocket import Opcode, encode

MASK = b"abcd"
both_forms = pytest.mark.parametrize("name", list(PROTOCOLS))


def ends(name, readable=(0, 4)):
    return ChannelSession(PROTOCOLS[name], [1, 2, 3], client=True), ChannelSession(PROTOCOLS[name], readable)


@both_forms
def test_data_goes_both_ways(name):
    client, server = ends(name)
    client.send(0, b"in\0\xff")
    client.send(4, b"{}")
    assert server.feed(client.output()) == [StreamData(0, b"in\0\xff"), StreamData(4, b"{}")]
    server.send(1, b"out" * 30_000)
    got = client.feed(server.output())
    assert b"".join(event.data for event in got) == b"out" * 30_000
    assert {event.stream_id for event in got} == {1}


@both_forms
def test_an_empty_message_says_that_the_channel_stands(name):
    client, server = ends(name)
    server.send(1, b"")
    wire = server.output()
    assert wire in (encode(Opcode.BINARY, b"\x01"), encode(Opcode.TEXT, b"1"))
    assert client.feed(wire) == []


@both_forms
def test_only_v5_tells_of_the_end_of_a_channel_and_only_from_the_client(name):
    client, server = ends(name)
    client.send(0, b"x")
    client.end(0)
    client.end(0)
    client.send(0, b"too late")
    seen = server.feed(client.output())
    if name == channels.V5:
        assert seen == [StreamData(0, b"x"), StreamEnded(0)]
    else:
        assert seen == [StreamData(0, b"x"), StreamData(0, b"too late")]
    server.end(1)
    server.reset(1)
    assert server.output() == b""


def test_channels_that_the_client_may_not_send_on_are_passed_over():
    client, server = ends(channels.V5)
    for channel in (1, 2, 3, 77, 254):
        client.send(channel, b"no")
    client._put(Opcode.BINARY, b"")
    client._put(Opcode.BINARY, bytes((255, 9)))
    assert server.feed(client.output()) == []


@pytest.mark.parametrize(("name", "wire", "said"), [
    (channels.V4_BASE64, encode(Opcode.TEXT, b"0!!", mask=MASK), "not base64"),
    (channels.V5, encode(Opcode.BINARY, b"\xff", mask=MASK), "close signal without a channel"),
    (channels.V5, encode(Opcode.BINARY, b"\xff\0\0", mask=MASK), "close signal without a channel"),
    (channels.V4, encode(Opcode.BINARY, b"\0x"), "not masked"),
])  # fmt: skip
def test_a_broken_client_is_told_and_dropped(name, wire, said):
    server = ChannelSession(PROTOCOLS[name], [0])
    (event,) = server.feed(wire)
    assert isinstance(event, SessionFailed) and said in event.reason
    assert server.output()[0] == 0x88
    assert server.feed(wire) == [] and server.output() == b""


def test_the_closing_handshake_and_pings():
    client, server = ends(channels.V5)
    server.ping()
    assert client.feed(server.output()) == []
    assert server.feed(client.output()) == []  # the pong
    client.close()
    assert server.feed(client.output()) == [GoingAway()]
    server.send(1, b"nobody listens")
    assert client.feed(server.output()) == [GoingAway()]
    assert client.output() == b""


@given(st.lists(st.binary(max_size=100), max_size=4), st.sampled_from(sorted(PROTOCOLS)))
def test_garbage_fails_the_session_at_most(chunks, name):
    server = ChannelSession(PROTOCOLS[name], [0, 4])
    for chunk in chunks:
        server.feed(chunk)
    server.output()


@given(st.lists(st.tuples(st.sampled_from([0, 4]), st.binary(min_size=1, max_size=50)), max_size=6),
       st.sampled_from(sorted(PROTOCOLS)), st.integers(1, 30))  # fmt: skip
def test_any_chunks_give_the_same_events(sent, name, size):
    client, server = ends(name)
    for channel, data in sent:
        client.send(channel, data)
    wire = client.output()
    seen = [event for at in range(0, len(wire), size) for event in server.feed(wire[at : at + size])]
    assert seen == [StreamData(channel, data) for channel, data in sent]


def test_a_tunnel_carries_bytes_and_refuses_text():
    near, far = TunnelCodec(client=True), TunnelCodec(client=False)
    near.send(b"x" * 100_000)
    assert b"".join(event.data for event in far.feed(near.output())) == b"x" * 100_000
    (event,) = far.feed(encode(Opcode.TEXT, b"x", mask=MASK))
    assert isinstance(event, SessionFailed)


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_tunnelled_session_is_a_session(size):
    client, server = TunnelSession(client=True), TunnelSession(client=False)

    def across(near, far):
        wire = near.output()
        return [event for at in range(0, len(wire), size) for event in far.feed(wire[at : at + size])]

    stream = client.open({"port": "80"})
    opened = [event for event in across(client, server) if isinstance(event, StreamOpened)]
    assert opened == [StreamOpened(stream, {"port": "80"})]
    server.accept(stream)
    assert StreamAccepted(stream) in across(server, client)
    client.send(stream, b"hello" * 1000)
    client.end(stream)
    *data, last = across(client, server)
    assert b"".join(event.data for event in data) == b"hello" * 1000 and last == StreamEnded(stream)
    server.consumed(stream, 5000)
    server.close()
    assert [event for event in across(server, client) if isinstance(event, GoingAway)] != []
    assert server.output() == b"", "nothing behind the goodbye"


def test_what_is_no_spdy_in_a_tunnel_ends_it():
    server, codec = TunnelSession(client=False), TunnelCodec(client=True)
    codec.send(b"\x80\x07\0\1\0\0\0\0")  # a control frame of version 7
    assert isinstance(server.feed(codec.output())[-1], SessionFailed)
