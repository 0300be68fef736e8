"""NodeLogQuery: parameters as upstream takes them, journalctl's arguments, files of services, and who is refused."""

import asyncio
import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelet.server.node_log_query import (
    InvalidQueryError,
    NodeLogQuery,
    check_query,
    journal_arguments,
    parse_query,
    service_logs,
)

JOURNAL = """#!/bin/sh
if [ "$1" = --field ]; then printf 'kubelet.service\\nsshd.service\\n'; exit 0; fi
for word; do printf '<%s>' "$word"; done
"""


@pytest.fixture
def journal(tmp_path: Path) -> str:
    file = tmp_path / "journalctl"
    file.write_text(JOURNAL)
    file.chmod(0o755)
    return str(file)


def test_parameters_are_read_as_what_they_are() -> None:
    assert parse_query({}) is None
    assert parse_query({"other": ["x"]}) is None
    assert parse_query({"query": ["kubelet", "/a/b.log", " "], "tailLines": ["7"], "boot": ["-1"], "pattern": ["a.*"],
                        "sinceTime": ["2024-02-03T04:05:06+02:00"], "untilTime": ["2024-02-03T04:05:06.123456789Z"]}
                       ) == NodeLogQuery(
        ("kubelet",), ("/a/b.log",), datetime(2024, 2, 3, 2, 5, 6, tzinfo=UTC),
        datetime(2024, 2, 3, 4, 5, 6, 123456, tzinfo=UTC), 7, -1, "a.*")


@pytest.mark.parametrize(("parameters", "text"), [
    ({"query": ["  "]}, 'query: Invalid value: ["  "]: may not be empty'),
    ({"sinceTime": ["yesterday"]}, 'sinceTime: Invalid value: "yesterday": invalid time format'),
    ({"untilTime": ["2024-13-03T04:05:06Z"]}, 'untilTime: Invalid value: "2024-13-03T04:05:06Z": invalid time format'),
    ({"tailLines": ["many"]}, 'tailLines: Invalid value: "many": strconv.Atoi: parsing "many": invalid syntax'),
    ({"boot": ["1.5"], "tailLines": ["x"]}, "[tailLines: Invalid value: "),
])
def test_what_cannot_be_read_is_a_bad_request(parameters, text) -> None:
    with pytest.raises(InvalidQueryError) as caught:
        parse_query(parameters)
    assert caught.value.status == 400 and str(caught.value).startswith(text)


MOMENT = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("query", "text"), [
    (NodeLogQuery(tail_lines=5), "query: Required value: cannot be empty with options"),
    (NodeLogQuery(("a",), ("/b",)), 'query: Invalid value: "[/b], [a]": cannot specify a file and service'),
    (NodeLogQuery((), ("/a", "/b")), 'query: Invalid value: ["/a", "/b"]: cannot specify more than one file'),
    (NodeLogQuery((), ("/a",), boot=0), 'query: Invalid value: ["/a"]: cannot specify file with options'),
    (NodeLogQuery(("a b",)), 'query: Invalid value: "a b": input contains unsupported characters'),
    (NodeLogQuery(("--all",) + ("b",) * 4), "query: Too many: 5: must have at most 4 items"),
    (NodeLogQuery(("a" * 257,)), f'query: Invalid value: "{"a" * 257}": length must be less than 256'),
    (NodeLogQuery(("a",), since=MOMENT, until=MOMENT.replace(year=2023)), "untilTime: Invalid value: "),
    (NodeLogQuery(("a",), boot=1), "boot: Invalid value: 1: must be less than 1"),
    (NodeLogQuery(("a",), tail_lines=100_001), "tailLines: Invalid value: 100001: must be between 0 and 100000, incl"),
    (NodeLogQuery(("a",), tail_lines=-1), "tailLines: Invalid value: -1: must be"),
    (NodeLogQuery(("a",), pattern="("), 'pattern: Invalid value: "(": error parsing regexp: missing )'),
])
def test_what_cannot_be_asked_is_not_acceptable(query, text) -> None:
    with pytest.raises(InvalidQueryError) as caught:
        check_query(query)
    assert caught.value.status == 406 and str(caught.value).startswith(text)


def test_journalctls_arguments() -> None:
    query = NodeLogQuery(("a", "b"), since=MOMENT, until=MOMENT, tail_lines=3, boot=-2, pattern="x y")
    check_query(query)
    assert journal_arguments(query, ["a", "b"]) == [
        "--utc", "--no-pager", "--output=short-precise", "--since=2024-01-01 00:00:00.000000 UTC",
        "--until=2024-01-01 00:00:00.000000 UTC", "--pager-end", "--lines=3", "--unit=a", "--unit=b", "--grep=x y",
        "--boot=-2"]


TEXT = st.text(max_size=12)


@given(st.fixed_dictionaries({}, optional={name: st.lists(TEXT, max_size=3) for name in (
    "query", "sinceTime", "untilTime", "tailLines", "boot", "pattern")}))
def test_whatever_is_asked_no_argument_is_anything_but_an_option_of_ours(parameters) -> None:
    try:
        query = parse_query(parameters)
        if query is None:
            return
        check_query(query)
    except InvalidQueryError as error:
        assert error.status in (400, 406)
        return
    known = ("--utc", "--no-pager", "--output=", "--since=", "--until=", "--pager-end", "--lines=", "--unit=",
             "--grep=", "--boot=")
    assert all(argument.startswith(known) for argument in journal_arguments(query, query.services))


async def text_of(query: NodeLogQuery, root: Path, journal: str) -> str:
    return b"".join([piece async for piece in service_logs(query, root, journal)]).decode()


async def test_units_of_the_journal_come_from_it_and_others_from_files(tmp_path, journal) -> None:
    root = tmp_path / "log"
    (root / "nested").mkdir(parents=True)
    (root / "nested" / "nested.log").write_text("in a directory\n")
    (root / "plain.log").write_text("plain\n")
    (root / "bare").write_text("bare\n")
    assert await text_of(NodeLogQuery(("kubelet", "sshd")), root, journal) == (
        "<--utc><--no-pager><--output=short-precise><--unit=kubelet><--unit=sshd>")
    assert await text_of(NodeLogQuery(("nested", "plain", "bare", "none")), root, journal) == (
        "in a directory\nplain\nbare\n\nlog not found for none\n")
    assert "try without specifying options" in await text_of(NodeLogQuery(("plain",), boot=0), root, journal)
    assert await text_of(NodeLogQuery(("plain",)), root, "/no/journal") == "plain\n"


async def test_a_reader_that_goes_ends_the_journals_process(tmp_path) -> None:
    mark = tmp_path / "pid"
    program = tmp_path / "journalctl"
    program.write_text(f"#!/bin/sh\n[ \"$1\" = --field ] && echo kubelet.service && exit\necho $$ > {mark}\n"
                       "while :; do echo line; done\n")
    program.chmod(0o755)
    pieces = service_logs(NodeLogQuery(("kubelet",)), tmp_path, str(program))
    assert await anext(pieces)
    await pieces.aclose()
    pid = int(mark.read_text())
    while Path(f"/proc/{pid}").exists():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def test_over_http(serving, tmp_path) -> None:
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "x.log").write_text("a file\n")
    (tmp_path / "svc.log").write_text("a service\n")
    async with serving(log_root=tmp_path, enable_system_log_query=True) as up:
        assert await up.ask("/logs/?query=/some/x.log") == (200, "a file\n")
        assert await up.ask("/logs/?query=svc") == (200, "a service\n")
        assert await up.ask("/logs?query=svc") == (200, "a service\n")
        assert (await up.ask("/logs/?query=/../../etc/passwd"))[0] == 404
        assert await up.ask("/logs/some/x.log?query=svc") == (406, "path not allowed in query mode\n")
        assert (await up.ask("/logs/?query=svc&boot=2"))[0] == 406
        assert (await up.ask("/logs/?query=svc&boot=x"))[0] == 400
        assert (await up.ask("/logs/?tailLines=5"))[0] == 406
        assert await up.ask("/logs/some/x.log") == (200, "a file\n")
        url = up.url("/logs/?query=svc")
        async with up.session.get(url, headers={"Accept-Encoding": "gzip"}, auto_decompress=False) as response:
            assert response.headers["Content-Encoding"] == "gzip"
            assert gzip.decompress(await response.read()) == b"a service\n"
    async with serving(log_root=tmp_path) as up:
        assert "svc.log" in (await up.ask("/logs/?query=svc"))[1]
