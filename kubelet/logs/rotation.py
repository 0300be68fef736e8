"""Rotation of container logs: a pure plan, and the steps that carry it out.

    plan:  remove leftovers and the oldest ─▶ compress what was rotated before ─▶ rename the current file ─▶ reopen

The newest rotated file stays uncompressed, because the container may still write to it until the runtime has reopened
the log, and so that log shippers can finish reading it. Names and order: pkg/kubelet/logs/container_log_manager.go.
"""

import errno
import gzip
import logging
import os
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from pathlib import Path

from kubelet.logs.files import BLOCK_BYTES, COMPRESSED_SUFFIX, TEMPORARY_SUFFIX

logger = logging.getLogger(__name__)

_STAMP = "%Y%m%d-%H%M%S"


class Action(Enum):
    REMOVE = auto()
    COMPRESS = auto()
    ROTATE = auto()


@dataclass(frozen=True, slots=True)
class Step:
    """One file operation on `name`; `target` is its new name. Names are relative to the log's directory."""

    action: Action
    name: str
    target: str
    reason: str


@dataclass(frozen=True, slots=True)
class RotationPolicy:
    """containerLogMaxSize in bytes (negative: never rotate) and containerLogMaxFiles, the current one included."""

    max_bytes: int = 10 * 1024 * 1024
    max_files: int = 5

    def due(self, size: int) -> bool:
        return 0 <= self.max_bytes <= size


def plan_rotation(name: str, siblings: Sequence[str], max_files: int, now: datetime) -> tuple[Step, ...]:
    """The steps that rotate the log called `name`; `siblings` are the names beside it that begin with `name.`.

    `now` is local time, as log shippers expect it in names. Two rotations within a second get different names.
    """
    steps, kept = [], []
    for sibling in sorted(siblings):
        if sibling.endswith(TEMPORARY_SUFFIX):
            steps.append(Step(Action.REMOVE, sibling, "", "left over from a compression that did not end"))
        elif f"{sibling}{COMPRESSED_SUFFIX}" in siblings:
            steps.append(Step(Action.REMOVE, sibling, "", "already compressed"))
        else:
            kept.append(sibling)
    # The file being written and the one rotated now count, too.
    excess = max(0, len(kept) - max(0, max_files - 2))
    steps += [Step(Action.REMOVE, old, "", f"more than {max_files} files") for old in kept[:excess]]
    steps += [Step(Action.COMPRESS, old, old + COMPRESSED_SUFFIX, "rotated before")
              for old in kept[excess:] if not old.endswith(COMPRESSED_SUFFIX)]
    return (*steps, Step(Action.ROTATE, name, _free_name(name, kept, now), "as big as a log may become"))


def _free_name(name: str, taken: Sequence[str], now: datetime) -> str:
    newest = max((old.removesuffix(COMPRESSED_SUFFIX) for old in taken), default="")
    while (target := f"{name}.{now.strftime(_STAMP)}") <= newest:
        now += timedelta(seconds=1)
    return target


async def execute(
    directory: Path, steps: Sequence[Step], reopen: Callable[[], Awaitable[None]],
    in_thread: Callable[[Callable[[], None]], Awaitable[None]],
) -> None:
    """Carries out `steps`; `reopen` asks the runtime to write to a new file, `in_thread` runs blocking work.

    What cannot be compressed or removed is logged and left for the next time: a full disk must not keep the log from
    being rotated. Raises OSError when the rename fails, and whatever `reopen` raises, after taking the rename back.
    """
    for step in steps:
        if step.action is Action.ROTATE:
            await _rotate(directory, step, reopen, in_thread)
            continue
        try:
            await in_thread(lambda step=step: _carry_out(directory, step))  # type: ignore[misc]
        except OSError as error:
            logger.warning("Cannot tidy up a rotated log file=%s action=%s error=%s",
                           directory / step.name, step.action.name.lower(), error)


def _carry_out(directory: Path, step: Step) -> None:
    if step.action is Action.REMOVE:
        (directory / step.name).unlink(missing_ok=True)
    else:
        compress(directory / step.name, directory / step.target)


def compress(source: Path, target: Path) -> None:
    """`source` as gzip at `target`, of the same owner, mode and times, and `source` gone. Never half a `target`."""
    temporary = target.with_name(target.name + TEMPORARY_SUFFIX)
    status = source.stat()
    try:
        with source.open("rb") as plain, gzip.open(temporary, "wb", compresslevel=6) as packed:
            shutil.copyfileobj(plain, packed, BLOCK_BYTES)
        temporary.chmod(status.st_mode & 0o7777)
        os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
        temporary.rename(target)
    finally:
        temporary.unlink(missing_ok=True)
    source.unlink(missing_ok=True)


async def _rotate(
    directory: Path, step: Step, reopen: Callable[[], Awaitable[None]],
    in_thread: Callable[[Callable[[], None]], Awaitable[None]],
) -> None:
    current, rotated = directory / step.name, directory / step.target
    await in_thread(lambda: _rename_without_replacing(current, rotated))
    try:
        await reopen()
    except BaseException:
        # Also when cancelled: a log that nobody writes to would be lost to `kubectl logs`.
        _take_back(current, rotated)
        raise


def _rename_without_replacing(source: Path, target: Path) -> None:
    if target.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    source.rename(target)


def _take_back(current: Path, rotated: Path) -> None:
    """The old name again, unless the runtime did make a new file although it reported an error."""
    try:
        os.link(rotated, current)
    except FileExistsError:
        return
    except OSError as error:
        logger.error("A rotated log cannot get its name back file=%s error=%s", rotated, error)
        return
    rotated.unlink(missing_ok=True)
