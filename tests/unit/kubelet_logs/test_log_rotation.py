"""Following and rotating: whatever order writer, rotation, compression and reader take, no line is lost or doubled."""

import asyncio
import gzip
import os
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cri.errors import NotFoundError, UnavailableError
from cri.logformat import encode_line
from cri.v1 import api_pb2 as cri
from kubelet.logs.files import rotated_files
from kubelet.logs.manager import ContainerLogManager, RunningLog
from kubelet.logs.options import LogOptions
from kubelet.logs.reader import LogReader
from kubelet.logs.rotation import Action, RotationPolicy, compress, execute, plan_rotation
from kubelet.logs.stream import stream_log
from kubelet.logs.watch import DirectoryWatcher

NOON = datetime(2026, 1, 2, 12, 0, 0)


class Writer:
    """A runtime's log writer: writes to the file that it has open until it is told to reopen."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = path.open("ab", buffering=0)
        self.written = 0
        self.reopened = 0
        self.pending = b""

    def line(self) -> None:
        self.finish()
        self.file.write(encode_line(self.written + 1, "stdout", b"%d" % self.written, False))
        self.written += 1

    def finish(self) -> None:
        self.file.write(self.pending)
        self.pending = b""

    def half(self) -> None:
        """A line whose end comes in a later write, but into the same file."""
        self.finish()
        data = encode_line(self.written + 1, "stdout", b"%d" % self.written, False)
        self.file.write(data[: len(data) // 2])
        self.pending = data[len(data) // 2:]
        self.written += 1

    def reopen(self) -> None:
        self.finish()
        self.file.close()
        self.file = self.path.open("ab", buffering=0)
        self.reopened += 1

    @property
    def text(self) -> bytes:
        return b"".join(b"%d\n" % number for number in range(self.written))


OPERATIONS = st.lists(st.sampled_from(["line", "line", "half", "rename", "reopen", "compress", "read"]), max_size=60)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(operations=OPERATIONS)
def test_follow_survives_any_rotation(tmp_path, operations):
    for old in tmp_path.iterdir():
        old.unlink()
    path = tmp_path / "0.log"
    writer, clock, text = Writer(path), 0, b""
    reader = LogReader(path, LogOptions(follow=True))
    reader.open()

    def catch_up() -> bytes:
        parts = []
        while True:
            while part := reader.read():
                parts.append(part)
            if not reader.advance():
                return b"".join(parts)

    for operation in operations:
        if operation in ("line", "half"):
            getattr(writer, operation)()
        elif operation == "rename" and path.exists():
            clock += 1
            path.rename(tmp_path / f"0.log.20260101-{clock:06}")
        elif operation == "reopen" and not path.exists():
            writer.reopen()
        elif operation == "compress":
            # As the manager does it: never the newest, which the runtime may still write to.
            for old in [file for file in rotated_files(path) if file.suffix != ".gz"][:-1]:
                compress(old, old.with_name(old.name + ".gz"))
        elif operation == "read":
            text += catch_up()
    if not path.exists():
        writer.reopen()
    writer.line()
    text += catch_up() + reader.finish()
    reader.close()
    writer.file.close()
    assert text == writer.text


def test_a_log_cut_off_in_place_is_read_on(tmp_path):
    path = tmp_path / "0.log"
    writer = Writer(path)
    reader = LogReader(path, LogOptions(follow=True))
    reader.open()
    writer.line()
    writer.line()
    assert reader.read() == b"0\n1\n"
    os.truncate(path, 0)
    writer.line()
    assert reader.advance()
    assert reader.read() == b"2\n"
    reader.close()
    writer.file.close()


class Runtime:
    """Reopens the writers' files; `failure` is raised instead, if set."""

    def __init__(self, writers: dict[str, Writer]) -> None:
        self.writers, self.failure = writers, None
        self.calls: list[str] = []

    async def ReopenContainerLog(self, request):
        self.calls.append(request.container_id)
        if self.failure is not None:
            raise self.failure
        self.writers[request.container_id].reopen()
        return cri.ReopenContainerLogResponse()


def test_what_was_rotated_before_the_container_fell_silent_is_followed(tmp_path):
    path = tmp_path / "0.log"
    writer, reader = Writer(path), LogReader(path, LogOptions(follow=True))
    writer.line()
    reader.open()
    seen = reader.read()
    for name in ("0.log.20260102-120000", "0.log.20260102-120001"):
        writer.line()
        path.rename(tmp_path / name)
        writer.reopen()
    while (chunk := reader.read()) or reader.advance():  # the current file is empty, and may stay so
        seen += chunk
    assert seen == writer.text
    writer.line()
    while (chunk := reader.read()) or reader.advance():
        seen += chunk
    assert seen == writer.text
    reader.close()
    writer.file.close()


async def test_follow_over_real_rotations_wakes_by_inotify_and_ends_with_the_container(tmp_path):
    path = tmp_path / "0.log"
    writer, running = Writer(path), True
    manager = ContainerLogManager(lambda: [RunningLog("c", path)], Runtime({"c": writer}), RotationPolicy(500, 3))
    watcher, seen, caught_up, opened = DirectoryWatcher(), bytearray(), asyncio.Event(), asyncio.Event()
    progress = asyncio.Event()

    async def still_running() -> bool:
        return running

    async def until_seen(length: int) -> None:
        while len(seen) < length:
            progress.clear()
            await progress.wait()

    async def follow() -> None:
        async for chunk in stream_log(path, LogOptions(follow=True), still_running=still_running, watcher=watcher):
            opened.set()
            seen.extend(chunk)
            progress.set()
            if seen.endswith(b"\nlast\n"):
                caught_up.set()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(follow())
        await opened.wait()  # what was rotated away before a follower came is not its to read
        for _ in range(30):
            before = len(writer.text)
            for _ in range(20):
                writer.line()
            await manager.look(10)
            await until_seen(before)  # one round behind at most: what is removed unread is lost for everybody
        writer.file.write(encode_line(1, "stdout", b"last", False))
        async with asyncio.timeout(0.9):  # woken by inotify: the look that comes every second would be too late
            await caught_up.wait()
        assert not task.done()
        running = False
    assert bytes(seen) == writer.text + b"last\n"
    assert writer.reopened >= 20
    assert len(rotated_files(path)) <= 2
    watcher.close()
    writer.file.close()


async def test_a_follower_that_goes_away_leaves_nothing(tmp_path):
    path = tmp_path / "0.log"
    writer, watcher = Writer(path), DirectoryWatcher()
    writer.line()

    async def still_running() -> bool:
        return True

    stream = stream_log(path, LogOptions(follow=True), still_running=still_running, watcher=watcher)
    assert await anext(stream) == b""
    assert await anext(stream) == b"0\n"
    await stream.aclose()
    assert watcher._watches == {} and watcher._waiters == {}
    watcher.close()
    writer.file.close()


def names(steps, action: Action) -> list[str]:
    return [step.name for step in steps if step.action is action]


@pytest.mark.parametrize(("siblings", "removed", "compressed"), [
    ([], [], []),
    (["0.log.20260101-000001"], [], ["0.log.20260101-000001"]),
    (["0.log.20260101-000001.gz", "0.log.20260101-000002"], [], ["0.log.20260101-000002"]),
    (["0.log.20260101-000001", "0.log.20260101-000001.gz"], ["0.log.20260101-000001"], []),
    (["0.log.20260101-000001.gz.tmp", "0.log.20260101-000001"], ["0.log.20260101-000001.gz.tmp"],
     ["0.log.20260101-000001"]),
    ([f"0.log.20260101-00000{n}.gz" for n in range(6)],
     ["0.log.20260101-000000.gz", "0.log.20260101-000001.gz", "0.log.20260101-000002.gz"], []),
])
def test_plan(siblings, removed, compressed):
    steps = plan_rotation("0.log", siblings, 5, NOON)
    assert names(steps, Action.REMOVE) == removed
    assert names(steps, Action.COMPRESS) == compressed
    assert steps[-1].action is Action.ROTATE and steps[-1].target == "0.log.20260102-120000"
    assert all(step.reason for step in steps)


@given(st.integers(0, 12), st.integers(2, 8))
def test_plan_never_leaves_more_files_than_allowed(existing: int, max_files: int):
    siblings = [f"0.log.20260101-{number:06}" for number in range(existing)]
    steps = plan_rotation("0.log", siblings, max_files, NOON)
    left = existing - len(names(steps, Action.REMOVE)) + 2
    assert left <= max_files or (max_files == 2 and left == 2)
    assert names(steps, Action.REMOVE) == siblings[:max(0, existing - max_files + 2)]


def test_two_rotations_in_a_second_get_two_names():
    steps = plan_rotation("0.log", ["0.log.20260102-120000", "0.log.20260102-120001.gz"], 9, NOON)
    assert steps[-1].target == "0.log.20260102-120002"


def test_compression_keeps_content_mode_and_time(tmp_path):
    source, target = tmp_path / "a", tmp_path / "a.gz"
    source.write_bytes(b"text" * 1000)
    source.chmod(0o640)
    os.utime(source, ns=(5, 7 * 10**9))
    compress(source, target)
    assert gzip.decompress(target.read_bytes()) == b"text" * 1000
    assert target.stat().st_mode & 0o777 == 0o640 and target.stat().st_mtime_ns == 7 * 10**9
    assert sorted(tmp_path.iterdir()) == [target]


async def test_a_refused_reopen_takes_the_rename_back(tmp_path):
    path = tmp_path / "0.log"
    path.write_bytes(b"content")
    steps = plan_rotation("0.log", [], 5, NOON)

    async def refuse() -> None:
        raise UnavailableError("no runtime")

    with pytest.raises(UnavailableError):
        await execute(tmp_path, steps, refuse, asyncio.to_thread)
    assert [file.name for file in tmp_path.iterdir()] == ["0.log"]

    async def reopened_after_all() -> None:
        path.write_bytes(b"new")
        raise UnavailableError("deadline")

    with pytest.raises(UnavailableError):
        await execute(tmp_path, steps, reopened_after_all, asyncio.to_thread)
    assert path.read_bytes() == b"new"
    assert (tmp_path / steps[-1].target).read_bytes() == b"content"


async def test_manager_rotates_what_is_due_reopens_what_is_missing_and_complains_once(tmp_path, caplog):
    paths = {name: tmp_path / name / "0.log" for name in ("big", "small", "gone")}
    for path in paths.values():
        path.parent.mkdir()
    writers = {name: Writer(path) for name, path in paths.items()}
    paths["gone"].unlink()
    while paths["big"].stat().st_size < 1000:
        writers["big"].line()
    runtime = Runtime(writers)
    manager = ContainerLogManager(lambda: [RunningLog(name, path) for name, path in paths.items()], runtime,
                                  RotationPolicy(1000, 5), now=lambda: NOON)
    await manager.look(10)
    assert sorted(runtime.calls) == ["big", "gone"]
    assert [file.name for file in rotated_files(paths["big"])] == ["0.log.20260102-120000"]
    assert paths["gone"].exists()
    for failure, records in ((NotFoundError("gone"), 0), (UnavailableError("down"), 1), (UnavailableError("down"), 1)):
        runtime.failure = failure
        while paths["big"].stat().st_size < 1000:
            writers["big"].line()
        await manager.look(10)
        assert len([record for record in caplog.records if record.levelname == "ERROR"]) == records
    for writer in writers.values():
        writer.file.close()


async def test_a_log_that_grows_fast_is_looked_at_sooner(tmp_path):
    path = tmp_path / "0.log"
    path.write_bytes(b"x" * 100)
    manager = ContainerLogManager(lambda: [RunningLog("c", path)], Runtime({}), RotationPolicy(1_000_000, 5))
    assert await manager.look(10) == 10
    path.write_bytes(b"x" * 500_100)
    assert await manager.look(10) == pytest.approx(499_900 / 50_000)
    path.write_bytes(b"x" * 999_000)
    assert await manager.look(10) == 1.0
    assert await manager.look(10) == 10


def test_negative_size_never_rotates():
    assert not RotationPolicy(-1).due(1 << 40)
    assert RotationPolicy(10).due(10) and not RotationPolicy(10).due(9)


