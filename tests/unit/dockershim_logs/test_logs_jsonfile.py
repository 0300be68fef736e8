"""json-file records as CRI lines, however they are cut into chunks."""

import json

from hypothesis import given
from hypothesis import strategies as st

from cri.logformat import parse_line
from dockershim.logs.jsonfile import convert, records_after

TIME = "2026-11-21T06:05:35.53058078Z"


def record(log, stream="stdout", time=TIME, **more):
    return json.dumps({"log": log, "stream": stream, "time": time} | more).encode() + b"\n"


def test_whole_and_partial_lines():
    converted = convert(record("hello\n") + record("half", "stderr") + record(" rest\n", "stderr"))
    assert converted.lines.decode().splitlines() == [
        f"{TIME} stdout F hello",
        f"{TIME} stderr P half",
        f"{TIME} stderr F  rest",
    ]


def test_engine_attributes_do_not_matter():
    assert convert(record("x\n", attrs={"tag": "a"})).lines == f"{TIME} stdout F x\n".encode()


def test_unfinished_record_waits():
    data = record("a\n")
    assert convert(data + b'{"log":"b').consumed == len(data)
    assert convert(b'{"log":"b').consumed == 0
    assert convert(b"").consumed == 0


def test_torn_record_is_left_out_and_counted():
    converted = convert(record("a\n") + b'{"log":"torn\n' + bytes(20) + b"\n" + record("b\n"))
    assert converted.lines.decode().splitlines() == [f"{TIME} stdout F a", f"{TIME} stdout F b"]
    assert converted.unreadable == 2


def test_lines_are_what_readers_of_cri_logs_understand():
    parsed = parse_line(convert(record("a b\n")).lines)
    assert (parsed.stream, parsed.partial, parsed.text) == ("stdout", False, b"a b")
    assert parsed.time_ns % 10**9 == 530_580_780


def test_records_up_to_a_time_are_passed():
    times = ["2026-11-21T06:05:35Z", "2026-11-21T06:05:35.1Z", "2026-11-21T06:05:35.12Z", "2026-11-21T06:05:36Z"]
    data = b"".join(record("x\n", time=time) for time in times)
    one = len(record("x\n", time=times[0]))
    assert records_after(data, "2026-11-21T06:05:34Z") == 0
    assert records_after(data, times[0]) == one
    assert records_after(data, "2026-11-21T06:05:35.110Z") == one + len(record("x\n", time=times[1]))
    assert records_after(data, times[3]) == len(data)
    assert records_after(b"half a rec\n" + data, times[0]) == 11 + one


texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\n"), max_size=30)
records = st.lists(
    st.one_of(
        st.builds(lambda text, end, stream: record(text + end, stream), texts, st.sampled_from(["\n", ""]),
                  st.sampled_from(["stdout", "stderr"])),
        st.binary(max_size=10).map(lambda garbage: garbage.replace(b"\n", b"") + b"\n"),
    ),
    max_size=8,
)


@given(records, st.lists(st.integers(1, 60)))
def test_any_chunks_give_the_same_lines(records, sizes):
    data = b"".join(records)
    whole = convert(data)
    lines, unreadable, buffer, rest = b"", 0, b"", data
    for size in [*sizes, len(data)]:
        buffer, rest = buffer + rest[:size], rest[size:]
        part = convert(buffer)
        lines, unreadable, buffer = lines + part.lines, unreadable + part.unreadable, buffer[part.consumed :]
    assert (lines, unreadable, buffer) == (whole.lines, whole.unreadable, b"")
