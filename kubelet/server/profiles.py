"""/debug/pprof: what Go's profiles tell, as Python can tell it, in text.

    goroutine, threadcreate   where every thread, and every task of the event loop, is now
    profile?seconds=N         what the event loop's thread spent its time in, by function (cProfile)
    trace?seconds=N           the same as folded stacks, sampled from outside: input of flame graph tools
    heap, allocs              objects by type, and the process' memory
    cmdline, symbol           as Go's

`block` and `mutex` have no meaning here. One profile is taken at a time.
"""

import asyncio
import gc
import io
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Mapping

MAX_PROFILE_SECONDS = 300.0
SAMPLE_SECONDS = 0.005
SHOWN_TYPES = 60
_PROFILES = {
    "allocs": "objects by type", "cmdline": "the command line", "goroutine": "stacks of threads and tasks",
    "heap": "objects by type", "profile": "time by function, ?seconds=N", "symbol": "no symbols",
    "threadcreate": "stacks of threads and tasks", "trace": "folded stacks, ?seconds=N",
}


async def profile_page(name: str, query: Mapping[str, str]) -> str | None:
    """The page of `/debug/pprof/<name>`; None for profiles that there are not."""
    if name == "":
        return "\n".join(["/debug/pprof/", "Python's own profiles, as text:", "",
                          *(f"{known:<14}{text}" for known, text in _PROFILES.items()), ""])
    if name == "cmdline":
        return "\0".join(sys.argv)
    if name == "symbol":
        return "num_symbols: 0\n"
    if name in ("goroutine", "threadcreate"):
        return stacks()
    if name in ("heap", "allocs"):
        return await asyncio.to_thread(objects)
    if name in ("profile", "trace"):
        seconds = min(_seconds(query.get("seconds", ""), 30.0 if name == "profile" else 1.0), MAX_PROFILE_SECONDS)
        return await (profile if name == "profile" else sample)(seconds)
    return None


def _seconds(text: str, default: float) -> float:
    try:
        seconds = float(text)
    except ValueError:
        return default
    return seconds if 0 < seconds < float("inf") else default


def stacks() -> str:
    """Where every thread and every task of the event loop is now."""
    out = io.StringIO()
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in sys._current_frames().items():
        out.write(f"thread {names.get(ident, ident)}:\n{''.join(traceback.format_stack(frame))}\n")
    for task in sorted(asyncio.all_tasks(), key=lambda task: task.get_name()):
        out.write(f"task {task.get_name()}:\n")
        task.print_stack(file=out)
        out.write("\n")
    return out.getvalue()


def objects() -> str:
    """How many objects of which type the collector knows, those of the start that it was told to leave aside not."""
    counted = Counter(f"{type(item).__module__}.{type(item).__qualname__}" for item in gc.get_objects())
    rows = [f"{number:>9}  {name}" for name, number in counted.most_common(SHOWN_TYPES)]
    return "\n".join([
        f"objects: {sum(counted.values())}, and {gc.get_freeze_count()} of the start",
        f"resident: {_resident_kilobytes()} kB", "", *rows, ""])


def _resident_kilobytes() -> int:
    import psutil

    return int(psutil.Process().memory_info().rss) // 1024


_profiling = threading.Lock()
_BUSY = "another profile is being taken\n"


async def profile(seconds: float) -> str:
    """What the event loop's thread spent its time in, by function."""
    import cProfile
    import pstats

    if not _profiling.acquire(blocking=False):
        return _BUSY
    try:
        profiler = cProfile.Profile()
        profiler.enable()
        try:
            await asyncio.sleep(seconds)
        finally:
            profiler.disable()
        out = io.StringIO()
        pstats.Stats(profiler, stream=out).sort_stats("cumulative").print_stats(60)
        return out.getvalue()
    finally:
        _profiling.release()


async def sample(seconds: float) -> str:
    """The event loop's thread looked at every few milliseconds: `outer;inner count` per stack."""
    if not _profiling.acquire(blocking=False):
        return _BUSY
    try:
        return await asyncio.to_thread(_sampled, threading.get_ident(), seconds)
    finally:
        _profiling.release()


def _sampled(thread: int, seconds: float) -> str:
    seen: Counter[str] = Counter()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        frame = sys._current_frames().get(thread)
        names = []
        while frame is not None:
            names.append(f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_name}")
            frame = frame.f_back
        seen[";".join(reversed(names))] += 1
        time.sleep(SAMPLE_SECONDS)
    return "".join(f"{stack} {count}\n" for stack, count in seen.most_common())
