"""A follower that is killed at any write: each line once, in order, whole. Real files, no engine."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockershim.logs import follower as follower_module
from dockershim.logs.checkpoint import Checkpoints, Followed, Position
from dockershim.logs.follower import Follower, TargetFullError


class Rig:
    """A container's json-file, its log directory and the state of the log process."""

    def __init__(self, path):
        self.source = path / "c-json.log"
        self.target = path / "pod" / "web" / "0.log"
        self.checkpoints = Checkpoints(path / "state")
        self.written = 0
        self.rotated = []

    def emit(self, count, width=10):
        with self.source.open("ab") as file:
            for _ in range(count):
                self.written += 1
                time = f"2026-11-21T06:05:35.{self.written:09d}Z"
                file.write(json.dumps({"log": f"line {self.written} {'x' * width}\n", "time": time}).encode() + b"\n")

    def follow(self, release=True):
        followed = Followed("c", str(self.source), str(self.target), release)
        position = self.checkpoints.position("c")
        one = Follower(followed, position, self.checkpoints.add(followed))
        one.open_source()
        return one

    def kill(self, one):
        for fd in (one._source, one._target, one._position_fd):
            os.close(fd)

    def rotate(self):
        self.rotated.append(self.target.with_name(f"0.log.{len(self.rotated)}"))
        self.target.rename(self.rotated[-1])

    @property
    def lines(self):
        """Numbers of the lines in all files, oldest first; each file must hold whole lines."""
        numbers = []
        for path in [*self.rotated, self.target]:
            data = path.read_bytes() if path.exists() else b""
            assert not data or data.endswith(b"\n")
            numbers += [int(line.split()[4]) for line in data.splitlines()]
        return numbers

    def assert_all_once(self):
        assert self.lines == list(range(1, self.written + 1))


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)


def test_directory_and_file_are_made_before_the_first_line(rig):
    one = rig.follow()
    assert rig.target.read_bytes() == b""
    assert not one.has_source
    assert not one.step()
    rig.emit(3)
    one.drain()
    rig.assert_all_once()
    one.close()


def test_next_process_goes_on(rig):
    rig.emit(3)
    one = rig.follow()
    one.drain()
    one.close()
    rig.emit(2)
    two = rig.follow()
    two.drain()
    two.drain()
    rig.assert_all_once()
    two.close()


def test_reopen_goes_on_in_a_new_file(rig):
    rig.emit(3)
    one = rig.follow()
    one.drain()
    rig.rotate()
    rig.emit(2)
    one.drain()
    one.reopen()
    rig.emit(2)
    one.drain()
    rig.assert_all_once()
    assert len(rig.target.read_bytes().splitlines()) == 2
    one.close()


def test_engine_rotation_is_followed(rig):
    rig.emit(3)
    one = rig.follow()
    one.drain()
    rig.source.rename(rig.source.with_name("c-json.log.1"))
    rig.emit(2)
    assert one.open_source()
    one.drain()
    rig.assert_all_once()
    one.close()


def test_lost_memory_does_not_double(rig):
    rig.emit(5)
    one = rig.follow()
    one.drain()
    one.close()
    rig.checkpoints.remove("c")
    rig.emit(3)
    two = rig.follow()
    two.drain()
    rig.assert_all_once()
    two.close()


def test_read_parts_are_given_back(rig):
    rig.emit(6000, width=1000)
    one = rig.follow()
    one.drain()
    assert rig.source.stat().st_blocks * 512 < 2_500_000 < rig.source.stat().st_size
    rig.emit(1)
    one.drain()
    rig.assert_all_once()
    one.close()


def test_read_parts_of_somebody_elses_container_are_kept(rig):
    rig.emit(6000, width=1000)
    one = rig.follow(release=False)
    one.drain()
    assert rig.source.stat().st_blocks * 512 >= rig.source.stat().st_size
    one.close()


def test_full_disk_is_told_and_nothing_is_lost(rig, monkeypatch):
    rig.emit(200)
    one = rig.follow()
    real, room = os.write, [777]

    def write(fd, data):
        if fd != one._target:
            return real(fd, data)
        if not room[0]:
            raise OSError(28, "No space left on device")
        count = real(fd, data[: room[0]])
        room[0] -= count
        return count

    monkeypatch.setattr(os, "write", write)
    for _ in range(2):
        with pytest.raises(TargetFullError, match=r"0\.log: No space left on device"):
            one.step()
    room[0] = 10**9
    rig.emit(5)
    one.drain()
    rig.assert_all_once()
    one.close()


def test_unreadable_records_are_passed_and_counted(rig):
    rig.emit(2)
    with rig.source.open("ab") as file:
        file.write(bytes(100) + b"\n")
    rig.emit(2)
    one = rig.follow()
    one.drain()
    rig.assert_all_once()
    assert one.unreadable == 1
    one.close()


class Killed(BaseException):
    """In the place of SIGKILL: ends a follower in the middle of a write."""


deaths = st.lists(
    st.tuples(st.integers(0, 900), st.booleans(), st.booleans(), st.booleans(), st.integers(0, 12)), max_size=8
)


@given(deaths)
def test_killed_anywhere_with_rotations_between(tmp_path_factory, deaths):
    """Each death: after so many bytes of the target, with or without a rotation, told at once, later or never."""
    rig = Rig(tmp_path_factory.mktemp("rig"))
    real_write, real_chunk = os.write, follower_module.CHUNK_BYTES
    follower_module.CHUNK_BYTES = 512
    rig.emit(20)
    try:
        for survive, early, rotate, reopen, more in deaths:
            one = None
            left = [survive]

            def write(fd, data, left=left):
                allowed = min(len(data), left[0])
                left[0] -= allowed
                real_write(fd, bytes(data)[:allowed])
                if allowed < len(data):
                    raise Killed
                return allowed

            one = rig.follow()
            os.write = write
            try:
                if early and rig.target.exists():
                    rig.rotate()
                    one.reopen()
                one.drain()
                if rotate:
                    rig.rotate()
                    if reopen:
                        one.reopen()
                    one.drain()
            except Killed:
                if rotate and rig.target.exists() and not reopen:
                    rig.rotate()
            finally:
                os.write = real_write
                rig.kill(one)
            rig.emit(more)
        one = rig.follow()
        one.drain()
        rig.assert_all_once()
        one.close()
    finally:
        os.write, follower_module.CHUNK_BYTES = real_write, real_chunk


@given(st.integers(0, 10**19), st.integers(0, 10**19), st.integers(0, 10**19), st.integers(-(10**18), 10**19))
def test_position_is_read_as_written(source_inode, offset, target_inode, size):
    position = Position(source_inode, offset, target_inode, size)
    assert Position.decode(position.encode()) == position
    assert len(position.encode()) == 84


@given(st.binary(max_size=90))
def test_anything_else_is_no_position(data):
    assert Position.decode(data) is None or len(data) == 84
