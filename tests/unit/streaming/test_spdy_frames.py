"""SPDY frames: what is encoded is decoded, in whatever chunks it comes, and nothing else gets through."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cri.streaming import spdy_frames as frames
from cri.streaming.spdy_frames import Data, FrameDecoder, FrameEncoder, FrameError

stream_ids = st.integers(1, 0x7FFFFFFF)
words = st.integers(0, 0xFFFFFFFF)
names = st.text("abcdefghijklmnopqrstuvwxyz-:", min_size=1, max_size=12)
headers = st.dictionaries(names, st.text(max_size=40), max_size=6)
flags = st.sampled_from([0, frames.FLAG_FIN])
any_frame = st.one_of(
    st.builds(frames.SynStream, stream_ids, headers, flags, st.integers(0, 7)),
    st.builds(frames.SynReply, stream_ids, headers, flags),
    st.builds(frames.Headers, stream_ids, headers, flags),
    st.builds(frames.RstStream, stream_ids, words),
    st.builds(frames.Settings, st.dictionaries(st.integers(0, 0xFFFFFF), words, max_size=8)),
    st.builds(frames.Ping, words),
    st.builds(frames.GoAway, st.integers(0, 0x7FFFFFFF), words),
    st.builds(frames.WindowUpdate, st.integers(0, 0x7FFFFFFF), st.integers(0, 0x7FFFFFFF)),
    st.builds(Data, stream_ids, st.binary(max_size=300), flags),
)


def chunked(data, sizes):
    """`data` cut into pieces of `sizes`, round and round."""
    at, turn = 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        yield data[at : at + size]
        at, turn = at + size, turn + 1


def joined(decoded):
    """Data frames as they were before they came in pieces."""
    whole = []
    for frame in decoded:
        last = whole[-1] if whole else None
        if isinstance(frame, Data) and isinstance(last, Data) and last.stream_id == frame.stream_id and not last.flags:
            whole[-1] = Data(frame.stream_id, last.data + frame.data, frame.flags)
        else:
            whole.append(frame)
    return whole


def decode(data, sizes=(1 << 20,)):
    decoder = FrameDecoder()
    return [frame for chunk in chunked(data, sizes) for frame in decoder.feed(chunk)]


@given(st.lists(any_frame, max_size=8), st.lists(st.integers(1, 50), min_size=1, max_size=5))
def test_what_is_encoded_is_decoded_in_any_chunks(sent, sizes):
    encoder = FrameEncoder()
    wire = b"".join(encoder.encode(frame) for frame in sent)
    assert joined(decode(wire, sizes)) == joined(sent)


@given(st.binary(max_size=400), st.lists(st.integers(1, 50), min_size=1, max_size=5))
def test_garbage_is_decoded_the_same_in_any_chunks_or_refused(data, sizes):
    def outcome(sizes):
        decoder, found = FrameDecoder(), []
        try:
            for chunk in chunked(data, sizes):
                found.extend(decoder.feed(chunk))
        except FrameError as error:
            found.append(str(error))
        return joined(found)

    assert outcome(sizes) == outcome([1 << 20])


@given(st.lists(any_frame, min_size=1, max_size=4), st.data())
def test_a_flipped_byte_is_an_error_or_another_frame_but_no_crash(sent, data):
    encoder = FrameEncoder()
    wire = bytearray(b"".join(encoder.encode(frame) for frame in sent))
    wire[data.draw(st.integers(0, len(wire) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        decode(bytes(wire), [7])
    except FrameError as error:
        assert str(error)


def test_the_dictionary_is_the_drafts():
    assert zlib.adler32(frames.DICTIONARY) == 0xE3C6A7C2
    assert len(frames.DICTIONARY) == 1423


def control(kind, payload, flags=0, version=3):
    return struct.pack(">HHL", 0x8000 | version, kind, flags << 24 | len(payload)) + payload


def block(plain):
    packer = zlib.compressobj(zdict=frames.DICTIONARY)
    return packer.compress(plain) + packer.flush(zlib.Z_SYNC_FLUSH)


def text(value):
    return struct.pack(">L", len(value)) + value


@pytest.mark.parametrize(("wire", "said"), [
    (control(1, b"short"), "short SYN_STREAM"),
    (control(2, b"abc"), "short header frame"),
    (control(3, b"1234"), "RST_STREAM of wrong length"),
    (control(4, b""), "short SETTINGS"),
    (control(4, struct.pack(">L", 2)), "SETTINGS of wrong length"),
    (control(4, struct.pack(">L", 1 << 20)), "SETTINGS of wrong length"),
    (control(6, b"12345"), "PING of wrong length"),
    (control(7, b"1234"), "GOAWAY of wrong length"),
    (control(9, b"1234"), "WINDOW_UPDATE of wrong length"),
    (control(6, b"1234", version=2), "SPDY version 2"),
    (struct.pack(">HHL", 0x8003, 1, frames.MAX_CONTROL_BYTES + 1), "control frame of"),
    (struct.pack(">LL", 0, 3), "data on stream 0"),
    (control(3, struct.pack(">LL", 0, 1)), "stream 0"),
    (control(2, struct.pack(">L", 1) + b"not zlib at all"), "header block"),
    (control(2, struct.pack(">L", 1) + block(struct.pack(">L", 5))), "cut off"),
    (control(2, struct.pack(">L", 1) + block(struct.pack(">LL", 1, 1 << 30))), "cut off"),
    (control(2, struct.pack(">L", 1) + block(struct.pack(">L", 100_000))), "100000 headers"),
    (control(2, struct.pack(">L", 1) + block(struct.pack(">L", 2) + 2 * (text(b"a") + text(b"b")))), "twice"),
    (control(2, struct.pack(">L", 1) + block(struct.pack(">L", 1) + text(b"") + text(b"b"))), "without a name"),
    (control(2, struct.pack(">L", 1) + block(b"\0" * (frames.MAX_HEADER_BYTES + 1))), "too large"),
])  # fmt: skip
def test_what_is_refused(wire, said):
    with pytest.raises(FrameError, match=said):
        decode(wire)


def test_an_unknown_kind_is_passed_over():
    assert decode(control(77, b"whatever") + FrameEncoder().encode(frames.Ping(3))) == [frames.Ping(3)]


def test_a_long_data_frame_is_never_held():
    decoder = FrameDecoder()
    list(decoder.feed(struct.pack(">LL", 5, frames.FLAG_FIN << 24 | 0xFFFFFF)))
    received = 0
    for _ in range(255):
        (piece,) = decoder.feed(b"x" * 65536)
        received += len(piece.data)
        assert not piece.flags and not decoder._buffer
    (last,) = decoder.feed(b"x" * (0xFFFFFF - received))
    assert last.flags == frames.FLAG_FIN
