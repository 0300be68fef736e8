import pytest
from hypothesis import given
from hypothesis import strategies as st

from cri.logformat import LineDecoder, LogRecord, PartialJoiner, encode_line, parse_line, parse_time

TIMES = st.integers(min_value=0, max_value=4_000_000_000 * 10**9)
TEXTS = st.binary(max_size=64).map(lambda text: text.replace(b"\n", b""))
RECORDS = st.builds(LogRecord, TIMES, st.sampled_from(["stdout", "stderr"]), st.booleans(), TEXTS)


def encode(record: LogRecord) -> bytes:
    return encode_line(record.time_ns, record.stream, record.text, record.partial)


def test_a_line_looks_as_cri_says():
    line = encode_line(1_475_712_000_000_000_006, "stdout", b"log content", False)
    assert line == b"2016-10-06T00:00:00.000000006Z stdout F log content\n"
    assert encode_line(0, "stderr", b"", True) == b"1970-01-01T00:00:00.000000000Z stderr P \n"


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        (b"1970-01-01T00:00:01Z", 1_000_000_000),
        (b"1970-01-01T00:00:01.5Z", 1_500_000_000),
        (b"1970-01-01T02:00:01.000000001+02:00", 1_000_000_001),
        (b"1969-12-31T22:30:01.25-01:30", 1_250_000_000),
        (b"1970-01-01T00:00:01", None),
        (b"1970-01-01 00:00:01Z", None),
        (b"1970-01-01T00:00:01.1234567890Z", None),
        (b"1970-01-01T00:00:01.xZ", None),
        (b"1970-13-01T00:00:01Z", None),
        (b"", None),
    ],
)
def test_times_of_every_writer_are_read(text: bytes, time_ns: int | None):
    assert parse_time(text) == time_ns


@pytest.mark.parametrize(
    "line",
    [
        b"", b"garbage", b"2016-10-06T00:00:00Z stdout", b"2016-10-06T00:00:00Z stdin F x",
        b"2016-10-06T00:00:00Z stdout X x", b"yesterday stdout F x",
    ],
)
def test_what_is_no_record_is_none(line: bytes):
    assert parse_line(line) is None


def test_further_tags_and_missing_text_are_allowed():
    assert parse_line(b"1970-01-01T00:00:00Z stdout F:tag:x a b\n") == LogRecord(0, "stdout", False, b"a b")
    assert parse_line(b"1970-01-01T00:00:00Z stdout P") == LogRecord(0, "stdout", True, b"")


@given(RECORDS)
def test_encoding_and_parsing_are_inverse(record: LogRecord):
    assert parse_line(encode(record)) == record


@given(st.lists(RECORDS), st.integers(min_value=1, max_value=50))
def test_decoding_does_not_depend_on_where_reads_are_cut(records: list[LogRecord], size: int):
    data = b"".join(map(encode, records))
    decoder = LineDecoder()
    found = [record for at in range(0, len(data), size) for record in decoder.feed(data[at : at + size])]
    assert found == records
    assert (decoder.malformed, decoder.pending_bytes) == (0, 0)


def test_a_torn_line_is_passed_over_and_an_unfinished_one_kept():
    decoder = LineDecoder()
    assert decoder.feed(b"torn\n1970-01-01T00:00:00Z stdout F a\n1970-01") == [LogRecord(0, "stdout", False, b"a")]
    assert (decoder.malformed, decoder.pending_bytes) == (1, 7)
    assert decoder.feed(b"-01T00:00:00Z stdout F b\n") == [LogRecord(0, "stdout", False, b"b")]


def test_partials_are_joined_per_stream():
    joiner = PartialJoiner()
    records = [
        LogRecord(1, "stdout", True, b"a"),
        LogRecord(2, "stderr", False, b"e"),
        LogRecord(3, "stdout", True, b"b"),
        LogRecord(4, "stdout", False, b"c"),
        LogRecord(5, "stdout", False, b"d"),
    ]
    assert [line for record in records if (line := joiner.push(record))] == [
        LogRecord(2, "stderr", False, b"e"),
        LogRecord(1, "stdout", False, b"abc"),
        LogRecord(5, "stdout", False, b"d"),
    ]
