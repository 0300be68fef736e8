"""Reading logs: any chunking, any rotation, any pattern of partial records gives the container's lines."""

import gzip
import itertools
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cri.logformat import LogRecord, encode_line
from kubelet.logs.files import (
    BLOCK_BYTES,
    end_of_lines,
    lines_backwards,
    offset_since,
    open_log,
    rotated_files,
    size_of,
)
from kubelet.logs.options import (
    InvalidOptionsError,
    LogOptions,
    LogStream,
    UndecodableOptionsError,
    parse_options,
)
from kubelet.logs.reader import LogReader, LogUnavailableError
from kubelet.logs.records import MAX_LINE_BYTES, LineAssembler, LineSplitter, LogFormatter, parse_record

SECOND = 10**9
TEXTS = st.binary(max_size=30).map(lambda text: text.replace(b"\n", b"."))
RECORDS = st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.booleans(), TEXTS), max_size=40).map(
    lambda found: [LogRecord((number + 1) * SECOND, stream, partial, text)
                   for number, (stream, partial, text) in enumerate(found)])


def encoded(records: list[LogRecord]) -> bytes:
    return b"".join(encode_line(record.time_ns, record.stream, record.text, record.partial) for record in records)


def whole_lines(records: list[LogRecord], stream: str) -> list[bytes]:
    """What the container wrote to `stream`, an unfinished line last."""
    text = b"".join(r.text + (b"" if r.partial else b"\n") for r in records if r.stream == stream)
    return text.split(b"\n")


def read_all(path: Path, options: LogOptions | None = None) -> bytes:
    reader = LogReader(path, options or LogOptions())
    reader.open()
    parts = []
    while part := reader.read():
        parts.append(part)
    parts.append(reader.finish())
    reader.close()
    return b"".join(parts)


def write_rotated(directory: Path, records: list[LogRecord], cuts: list[int], packed: int) -> Path:
    """`records` over several files, cut at `cuts`; the oldest `packed` rotated ones compressed."""
    for old in directory.iterdir():
        old.unlink()
    path = directory / "0.log"
    bounds = [0, *sorted(min(cut, len(records)) for cut in cuts), len(records)]
    for number, (begin, end) in enumerate(itertools.pairwise(bounds)):
        data = encoded(records[begin:end])
        if number == len(bounds) - 2:
            path.write_bytes(data)
        elif number < packed:
            (directory / f"0.log.20260101-0000{number:02}.gz").write_bytes(gzip.compress(data))
        else:
            (directory / f"0.log.20260101-0000{number:02}").write_bytes(data)
    return path


@given(RECORDS)
def test_streams_keep_their_lines_and_do_not_mix_within_one(records: list[LogRecord]):
    assembler, pieces = LineAssembler(), []
    for record in records:
        pieces += assembler.push(record)
    pieces += assembler.flush()
    for stream in ("stdout", "stderr"):
        assert [piece.record for piece in pieces if piece.record.stream == stream] == [
            record for record in records if record.stream == stream]
    closed = {"stdout": True, "stderr": True}
    for piece in pieces:
        assert piece.first is closed[piece.record.stream]
        closed[piece.record.stream] = piece.last
    # A line is interrupted only when nothing ends it.
    open_stream = None
    for number, piece in enumerate(pieces):
        if open_stream is not None and piece.record.stream != open_stream:
            assert not any(later.record.stream == open_stream and later.last for later in pieces[number:])
            break
        open_stream = None if piece.last else piece.record.stream


def test_a_line_that_never_ends_does_not_hold_the_other_stream_for_ever():
    assembler = LineAssembler()
    list(assembler.push(LogRecord(1, "stdout", True, b"prompt")))
    shown = []
    for number in range(600):
        shown += assembler.push(LogRecord(number, "stderr", False, b"x" * 1000))
    assert len(shown) >= 200


@given(RECORDS, st.lists(st.integers(1, 50)))
def test_any_chunking_gives_the_same_lines(records: list[LogRecord], sizes: list[int]):
    data = encoded(records)
    at_once = LineSplitter()
    expected = at_once.feed(data)
    splitter, found, rest = LineSplitter(), [], data
    for size in sizes:
        found += splitter.feed(rest[:size])
        rest = rest[size:]
    found += splitter.feed(rest)
    assert found == expected
    assert all(data[offset:offset + len(line)] == line for offset, line in found)


@given(RECORDS, st.lists(st.integers(1, 200)))
def test_blocks_and_lines_are_taken_in_turns_and_none_is_lost(records: list[LogRecord], sizes: list[int]):
    data = encoded(records)
    splitter, found, rest = LineSplitter(), b"", data
    for number, size in enumerate([*sizes, len(data)]):
        piece, rest = rest[:size], rest[size:]
        taken = splitter.take_block(piece) if number % 2 else None
        if taken is None:
            found += b"".join(line + b"\n" for _, line in splitter.feed(piece))
        else:
            assert taken[0] == len(found) and taken[1].endswith(b"\n")
            found += taken[1]
    assert found + splitter.rest == data and splitter.offset == len(found)


@given(RECORDS)
def test_whole_lines_are_stripped_at_once_as_they_are_one_by_one(records: list[LogRecord]):
    data, formatter = encoded(records), LogFormatter(LogOptions())
    expected = b"".join([formatter.feed(record) for record in records]) + formatter.flush()
    stripped = LogFormatter(LogOptions()).strip(data)
    assert stripped == (None if any(record.partial for record in records) else expected)
    for options in (LogOptions(timestamps=True), LogOptions(since_ns=1), LogOptions(limit_bytes=9),
                    LogOptions(stream=LogStream.STDOUT)):
        assert LogFormatter(options).strip(data) is None


def test_lines_are_not_stripped_while_one_is_open_or_where_one_is_none():
    line = encode_line(1, "stdout", b"text", False)
    assert LogFormatter(LogOptions()).strip(line) == b"text\n"
    for other in (b"none of ours\n", b'{"log":"a\\n","stream":"stdout","time":"2026-01-01T00:00:00Z"}\n', b"\n"):
        assert LogFormatter(LogOptions()).strip(line + other) is None
    formatter = LogFormatter(LogOptions())
    formatter.feed(LogRecord(1, "stdout", True, b"open"))
    assert formatter.strip(line) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(records=RECORDS, cuts=st.lists(st.integers(0, 40), max_size=4), packed=st.integers(0, 4),
       tail=st.integers(0, 45))
def test_tail_over_rotated_files_is_the_end_of_the_lines(tmp_path, records, cuts, packed, tail):
    path = write_rotated(tmp_path, records, cuts, packed)
    complete = [record for record in records if not record.partial]
    trailing = {stream for stream in ("stdout", "stderr")
                if (of := [record for record in records if record.stream == stream]) and of[-1].partial}
    text = read_all(path, LogOptions(tail_lines=tail))
    assert text.count(b"\n") <= tail
    if not trailing and len(records) == len(complete):
        assert text == b"".join(record.text + b"\n" for record in records[max(0, len(records) - tail):])
    if tail > len(records):
        for stream in ("stdout", "stderr"):
            only = [record for record in records if record.stream == stream]
            alone = write_rotated(tmp_path, only, cuts, packed)
            assert read_all(alone, LogOptions(tail_lines=tail)).split(b"\n") == whole_lines(only, stream)


def test_tail_takes_the_whole_of_a_long_line(tmp_path):
    records = [
        LogRecord(1, "stdout", False, b"before"), LogRecord(2, "stdout", True, b"long-"),
        LogRecord(3, "stderr", False, b"error"), LogRecord(4, "stdout", True, b"line-"),
        LogRecord(5, "stdout", False, b"end"),
    ]
    path = write_rotated(tmp_path, records, [3], 1)
    assert read_all(path, LogOptions(tail_lines=1)) == b"long-line-end\n"
    assert read_all(path, LogOptions(tail_lines=2)) == b"long-line-end\nerror\n"
    assert read_all(path, LogOptions(tail_lines=9)) == b"before\nlong-line-end\nerror\n"


def test_tail_of_a_big_file_reads_its_end_only(tmp_path):
    line = encode_line(SECOND, "stdout", b"x" * 100, False)
    path = tmp_path / "0.log"
    path.write_bytes(line * 50_000 + encode_line(SECOND, "stdout", b"last", False))
    reads: list[int] = []

    class Counting:
        def __init__(self, file):
            self.file = file

        def seek(self, *args):
            return self.file.seek(*args)

        def read(self, size):
            reads.append(size)
            return self.file.read(size)

    with path.open("rb") as file:
        counting = Counting(file)
        found = lines_backwards(counting, end_of_lines(counting, size_of(file)))
        assert next(found)[1].endswith(b"last")
    assert sum(reads) <= 3 * BLOCK_BYTES


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.binary(max_size=300))
def test_lines_backwards_are_the_lines(tmp_path, data):
    path = tmp_path / "any"
    path.write_bytes(data)
    with path.open("rb") as file:
        end = end_of_lines(file, len(data))
        found = list(lines_backwards(file, end))
    complete = data[: data.rfind(b"\n") + 1]
    assert end == len(complete)
    assert [line for _, line in reversed(found)] == complete.split(b"\n")[:-1]
    assert all(data[offset:offset + len(line) + 1] == line + b"\n" for offset, line in found)


@pytest.mark.parametrize("since", [0, 1, 5_000, 12_345, 19_999, 20_000, 30_000])
def test_since_is_found_by_halving(tmp_path, since):
    lines = [encode_line(second * SECOND, "stdout", b"line %d" % second, False) for second in range(20_000)]
    path = tmp_path / "0.log"
    path.write_bytes(b"".join(lines))
    text = read_all(path, LogOptions(since_ns=since * SECOND))
    assert text == b"".join(b"line %d\n" % second for second in range(since, 20_000))
    with path.open("rb") as file:
        offset = offset_since(file, size_of(file), since * SECOND)
    assert offset <= sum(len(line) for line in lines[:since])
    assert offset >= sum(len(line) for line in lines[:since]) - 2 * BLOCK_BYTES


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(cuts=st.lists(st.integers(0, 30), max_size=4), packed=st.integers(0, 4), since=st.integers(0, 31))
def test_since_over_rotated_files(tmp_path, cuts, packed, since):
    import os

    records = [LogRecord((number + 1) * SECOND, "stdout", False, b"%d" % number) for number in range(30)]
    path = write_rotated(tmp_path, records, cuts, packed)
    bounds = [0, *sorted(cuts), 30]
    for number, file in enumerate([*rotated_files(path), path]):
        os.utime(file, ns=(0, bounds[number + 1] * SECOND))
    assert read_all(path, LogOptions(since_ns=since * SECOND)) == b"".join(
        record.text + b"\n" for record in records if record.time_ns >= since * SECOND)


def test_without_tail_and_since_the_current_file_is_the_log(tmp_path):
    records = [LogRecord(SECOND, "stdout", False, b"old"), LogRecord(2 * SECOND, "stdout", False, b"new")]
    assert read_all(write_rotated(tmp_path, records, [1], 0)) == b"new\n"


def test_timestamps_stand_once_per_line_with_nine_digits(tmp_path):
    records = [LogRecord(SECOND + 5, "stdout", True, b"a"), LogRecord(2 * SECOND, "stdout", False, b"b"),
               LogRecord(3 * SECOND, "stderr", False, b"c")]
    path = write_rotated(tmp_path, records, [], 0)
    assert read_all(path, LogOptions(timestamps=True)) == (
        b"1970-01-01T00:00:01.000000005Z ab\n1970-01-01T00:00:03.000000000Z c\n")


@pytest.mark.parametrize("limit", range(1, 12))
def test_limit_cuts_at_the_byte(tmp_path, limit):
    records = [LogRecord(SECOND, "stdout", False, b"abc"), LogRecord(SECOND, "stderr", False, b"defg")]
    assert read_all(write_rotated(tmp_path, records, [], 0), LogOptions(limit_bytes=limit)) == b"abc\ndefg\n"[:limit]


@pytest.mark.parametrize(("stream", "shown"), [(LogStream.STDOUT, b"o\n"), (LogStream.STDERR, b"e\n"),
                                               (LogStream.ALL, b"o\ne\n")])
def test_one_stream(tmp_path, stream, shown):
    records = [LogRecord(SECOND, "stdout", False, b"o"), LogRecord(SECOND, "stderr", False, b"e")]
    assert read_all(write_rotated(tmp_path, records, [], 0), LogOptions(stream=stream)) == shown


def test_dockers_own_format_behind_a_symlink(tmp_path):
    target = tmp_path / "docker" / "id-json.log"
    target.parent.mkdir()
    entries = [("one\n", "stdout"), ("half ", "stdout"), ("line\n", "stdout"), ("ü\n", "stderr")]
    target.write_text("".join(json.dumps({"log": log, "stream": stream, "time": "2016-10-20T18:39:20.57606443Z"}) + "\n"
                              for log, stream in entries))
    path = tmp_path / "0.log"
    path.symlink_to(target)
    assert read_all(path) == "one\nhalf line\nü\n".encode()
    assert read_all(path, LogOptions(tail_lines=2, timestamps=True)).splitlines()[0] == (
        b"2016-10-20T18:39:20.576064430Z half line")


@pytest.mark.parametrize("garbage", [b"", b"garbage\n", b"{\n", b'{"log":"x"}\n', b"\xff\xfe\n",
                                     b"2026-01-01T00:00:00Z a F x\n",
                                     b'{"log":"x","stream":"stdout","time":"yesterday"}\n'])
def test_lines_that_are_no_records_are_passed_over(tmp_path, garbage):
    path = tmp_path / "0.log"
    path.write_bytes(encode_line(1, "stdout", b"a", False) + garbage + encode_line(2, "stdout", b"b", False))
    assert read_all(path) == b"a\nb\n"
    assert read_all(path, LogOptions(tail_lines=2)) == b"a\nb\n"


def test_a_torn_last_line_is_shown_as_far_as_it_goes(tmp_path):
    path = tmp_path / "0.log"
    path.write_bytes(encode_line(1, "stdout", b"a", False) + encode_line(2, "stdout", b"bcd", False)[:-2])
    assert read_all(path) == b"a\nbc"


def test_a_monstrous_line_does_not_fill_the_memory():
    splitter = LineSplitter()
    splitter.feed(b"x" * (MAX_LINE_BYTES + 1))
    assert splitter.rest == b""
    assert splitter.feed(b"still the same\nnext\n") == [(MAX_LINE_BYTES + 1 + 15, b"next")]


@given(st.binary(max_size=200))
def test_no_line_makes_the_parser_fail(line: bytes):
    record = parse_record(line)
    assert record is None or LogFormatter(LogOptions(timestamps=True)).feed(record)


def test_a_missing_log_names_the_file(tmp_path):
    with pytest.raises(LogUnavailableError, match=r"absent\.log"):
        LogReader(tmp_path / "absent.log", LogOptions()).open()
    broken = tmp_path / "0.log.20260101-000000.gz"
    broken.write_bytes(b"not gzip")
    (tmp_path / "0.log").write_bytes(b"")
    with pytest.raises(LogUnavailableError, match=r"0\.log"):
        LogReader(tmp_path / "0.log", LogOptions(tail_lines=5)).open()


def test_big_compressed_files_leave_memory(tmp_path):
    path = tmp_path / "0.log.20260101-000000.gz"
    path.write_bytes(gzip.compress(b"x" * (17 * 1024 * 1024)))
    with open_log(path) as file:
        assert size_of(file) == 17 * 1024 * 1024
        assert file.name is not None  # a real, nameless file: its name is its descriptor


NOW = 100 * SECOND


@pytest.mark.parametrize(("query", "options"), [
    ("", LogOptions()),
    ("follow=true&timestamps=1&previous", LogOptions(follow=True, timestamps=True, previous=True)),
    ("follow=false&timestamps=0&previous=FALSE", LogOptions()),
    ("tailLines=7", LogOptions(tail_lines=7)),
    ("tail=7", LogOptions(tail_lines=7)),
    ("tail=all&tailLines=3", LogOptions()),
    ("limitBytes=1&tailLines=0", LogOptions(limit_bytes=1, tail_lines=0)),
    ("sinceSeconds=40", LogOptions(since_ns=60 * SECOND)),
    ("sinceTime=1970-01-01T01:00:09%2B01:00", LogOptions(since_ns=9 * SECOND)),
    ("sinceTime=", LogOptions()), ("sinceTime=null", LogOptions()),
    ("stream=Stderr", LogOptions(stream=LogStream.STDERR)),
    ("unknown=1", LogOptions()),
])
def test_options(query, options):
    from urllib.parse import parse_qs

    assert parse_options(parse_qs(query, keep_blank_values=True), NOW) == options


@pytest.mark.parametrize(("query", "error"), [
    ("tailLines=x", UndecodableOptionsError), ("tailLines=", UndecodableOptionsError),
    ("tail=1.5", UndecodableOptionsError), ("limitBytes=99999999999999999999", UndecodableOptionsError),
    ("sinceSeconds=soon", UndecodableOptionsError), ("sinceTime=yesterday", UndecodableOptionsError),
    ("tailLines=-1", InvalidOptionsError), ("limitBytes=0", InvalidOptionsError),
    ("sinceSeconds=0", InvalidOptionsError), ("stream=Both", InvalidOptionsError),
    ("sinceSeconds=5&sinceTime=1970-01-01T00:00:09Z", InvalidOptionsError),
    ("stream=Stdout&tailLines=1", InvalidOptionsError),
])
def test_options_that_are_refused(query, error):
    from urllib.parse import parse_qs

    with pytest.raises(error):
        parse_options(parse_qs(query, keep_blank_values=True), NOW)
