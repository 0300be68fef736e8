"""The atomic writer: whatever was written before, exactly the newest payload is visible, and never a mix."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubelet.volumes.atomic import clean_payload, write_atomically
from kubelet.volumes.payload import FileEntry, Payload
from kubelet.volumes.types import VolumeError

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def visible(directory: Path) -> dict[str, bytes]:
    """What a container sees: every file that is reached without going through a name that starts with `..`."""
    found = {}
    for entry in directory.iterdir():
        if entry.name.startswith(".."):
            continue
        files = [path for path in entry.rglob("*") if path.is_file()] if entry.is_dir() else [entry]
        if entry.is_symlink() and entry.is_dir():
            files = [path for path in entry.resolve().rglob("*") if path.is_file()]
            base = entry.resolve()
            found.update({f"{entry.name}/{path.relative_to(base)}": path.read_bytes() for path in files})
            continue
        found.update({str(path.relative_to(directory)): path.read_bytes() for path in files})
    return found


@contextmanager
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


names = st.sampled_from(["a", "b", "c", "dir/x", "dir/y", "deep/er/z", ".hidden", "d.txt"])
payloads = st.dictionaries(names, st.binary(max_size=8).map(FileEntry), max_size=6)


@settings(deadline=None, max_examples=50)
@given(st.lists(payloads, min_size=1, max_size=6))
def test_exactly_the_newest_payload_is_visible(sequence: list[Payload]) -> None:
    with directory() as volume:
        previous: Payload | None = None
        for payload in sequence:
            changed = write_atomically(volume, payload, NOW)
            assert visible(volume) == {path: entry.data for path, entry in payload.items()}
            assert changed == (
                previous is None or {k: v.data for k, v in previous.items()} != {k: v.data for k, v in payload.items()}
            )
            assert len([entry for entry in volume.iterdir() if entry.name.startswith("..2")]) == 1
            previous = payload


@settings(deadline=None, max_examples=50)
@given(payloads, payloads)
def test_a_reader_in_between_sees_the_old_set_whole(first: Payload, second: Payload) -> None:
    """`before_switch` is the last moment before the new set shows; the old one must still be there completely."""
    with directory() as volume:
        write_atomically(volume, first, NOW)
        seen: list[dict[str, bytes]] = []
        generations = []

        def look() -> None:
            seen.append(visible(volume))
            generations.append((volume / "..data").readlink())

        write_atomically(volume, second, NOW, look)
        for snapshot in seen:
            assert snapshot == {path: entry.data for path, entry in first.items()}
            assert generations[0] != (volume / "..data").readlink()


@settings(deadline=None, max_examples=50)
@given(payloads, payloads)
def test_a_write_that_was_interrupted_is_finished_by_the_next(first: Payload, second: Payload) -> None:
    class Crash(Exception):
        pass

    def crash() -> None:
        raise Crash

    with directory() as volume:
        write_atomically(volume, first, NOW)
        (volume / "..data_tmp").symlink_to("..gone")  # what a kill right before the rename leaves
        half = volume / "..2020_01_01_00_00_00.abc"
        half.mkdir()
        (half / "a").write_bytes(b"half")
        changes = {p: e.data for p, e in first.items()} != {p: e.data for p, e in second.items()}
        if changes:
            with pytest.raises(Crash):
                write_atomically(volume, second, NOW, crash)
            assert visible(volume) == {path: entry.data for path, entry in first.items()}
        write_atomically(volume, second, NOW)
        assert visible(volume) == {path: entry.data for path, entry in second.items()}
        assert not half.exists() and not (volume / "..data_tmp").is_symlink()


def test_layout_and_modes(tmp_path: Path) -> None:
    write_atomically(tmp_path, {"key": FileEntry(b"v", 0o400), "sub/one": FileEntry(b"w", 0o666)}, NOW)
    generation = tmp_path / (tmp_path / "..data").readlink()
    assert generation.name.startswith("..2026_01_02_03_04_05.")
    assert (tmp_path / "key").readlink() == Path("..data/key") and (tmp_path / "sub").readlink() == Path("..data/sub")
    assert [
        path.stat().st_mode & 0o7777
        for path in (generation, generation / "key", generation / "sub", generation / "sub/one")
    ] == [0o755, 0o400, 0o755, 0o666]


def test_a_mount_point_of_another_volume_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "nested").mkdir()
    write_atomically(tmp_path, {"key": FileEntry(b"v")}, NOW)
    write_atomically(tmp_path, {"other": FileEntry(b"v")}, NOW)
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("..")) == ["nested", "other"]


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("", "must not be empty"),
        ("/etc/passwd", "must be relative path"),
        ("a/../b", "must not contain '..'"),
        ("..", "'..'"),
        ("..x", "must not start with '..'"),
        ("a/" + "b" * 256, "less than or equal to 255"),
        ("a/" * 2049, "4096 characters"),
    ],
)
def test_paths_that_leave_the_volume(path: str, problem: str) -> None:
    with pytest.raises(VolumeError, match=problem):
        clean_payload({path: FileEntry(b"")})
    assert clean_payload({"a//b/./c": FileEntry(b"")}).keys() == {"a/b/c"}
