"""WebSocket frames against RFC 6455's examples, in any chunks, and against garbage."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cri.streaming.websocket import (
    MAX_MESSAGE_BYTES,
    Decoder,
    Message,
    Opcode,
    WebSocketError,
    accept_key,
    apply_mask,
    close_payload,
    encode,
)

MASK = bytes.fromhex("37fa213d")


def decode(data, expect_mask=False, size=1 << 24):
    decoder = Decoder(expect_mask=expect_mask)
    return [message for at in range(0, len(data), size) for message in decoder.feed(data[at : at + size])]


def test_the_examples_of_the_rfc():
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert encode(Opcode.TEXT, b"Hello") == bytes.fromhex("810548656c6c6f")
    assert encode(Opcode.TEXT, b"Hello", mask=MASK) == bytes.fromhex("818537fa213d7f9f4d5158")
    assert decode(bytes.fromhex("818537fa213d7f9f4d5158"), expect_mask=True) == [Message(Opcode.TEXT, b"Hello")]
    assert decode(bytes.fromhex("010348656c80026c6f")) == [Message(Opcode.TEXT, b"Hello")]
    assert decode(bytes.fromhex("890548656c6c6f")) == [Message(Opcode.PING, b"Hello")]
    assert encode(Opcode.BINARY, b"x" * 256)[:4] == bytes.fromhex("827e0100")
    assert encode(Opcode.BINARY, b"x" * 65536)[:10] == bytes.fromhex("827f0000000000010000")


@given(st.binary(max_size=70_000), st.binary(min_size=4, max_size=4), st.integers(1, 5000))
def test_what_is_encoded_is_decoded_in_any_chunks(data, mask, size):
    assert decode(encode(Opcode.BINARY, data, mask=mask), True, size) == [Message(Opcode.BINARY, data)]
    assert decode(encode(Opcode.TEXT, data), False, size) == [Message(Opcode.TEXT, data)]
    assert apply_mask(mask, apply_mask(mask, data)) == data


def test_control_frames_come_between_fragments():
    wire = bytes.fromhex("010348656c") + encode(Opcode.PING, b"?") + bytes.fromhex("80026c6f")
    assert decode(wire, size=1) == [Message(Opcode.PING, b"?"), Message(Opcode.TEXT, b"Hello")]


@pytest.mark.parametrize(("wire", "said"), [
    (bytes.fromhex("c10548656c6c6f"), "extension bits"),
    (bytes.fromhex("8305"), "unknown opcode 3"),
    (bytes.fromhex("818537fa213d7f9f4d5158"), "is masked"),
    (bytes.fromhex("0900"), "control frame in fragments"),
    (bytes.fromhex("897e"), "control frame in fragments, or too long"),
    (bytes.fromhex("8000"), "continuation of nothing"),
    (bytes.fromhex("01000100"), "message within a message"),
    (b"\x82\x7f" + struct.pack(">Q", MAX_MESSAGE_BYTES + 1), "more than"),
    (b"\x82\x7f" + struct.pack(">Q", 1 << 63), "more than"),
])  # fmt: skip
def test_what_is_refused(wire, said):
    with pytest.raises(WebSocketError, match=said):
        decode(wire)


def test_fragments_are_bounded_together():
    half = MAX_MESSAGE_BYTES // 2 + 1
    first = b"\x02\x7f" + struct.pack(">Q", half) + b"x" * half
    with pytest.raises(WebSocketError) as caught:
        decode(first + b"\x80\x7f" + struct.pack(">Q", half) + b"x" * half)
    assert caught.value.code == 1009


def test_frames_without_a_mask_are_not_a_clients():
    with pytest.raises(WebSocketError, match="not masked"):
        decode(encode(Opcode.TEXT, b"x"), expect_mask=True)


@given(st.binary(max_size=300), st.booleans(), st.integers(1, 40))
def test_garbage_is_the_same_in_any_chunks_or_refused(data, expect_mask, size):
    def outcome(size):
        decoder, found = Decoder(expect_mask=expect_mask), []
        try:
            for at in range(0, len(data), size):
                found.extend(decoder.feed(data[at : at + size]))
        except WebSocketError as error:
            found.append(str(error))
        return found

    assert outcome(size) == outcome(1 << 20)


def test_a_close_reason_fits_into_a_control_frame():
    assert len(close_payload(1002, "x" * 500)) <= 125
