"""Pages about the agent itself: verbosity, flags, status, stacks and profiles."""

import asyncio
import io
import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from kubelet.version import KUBERNETES_VERSION, PODWRIGHT_VERSION

DEBUG_VERBOSITY = 4
"""From this klog verbosity on, debug messages are written."""
MAX_PROFILE_SECONDS = 300.0
_PROFILES = ("cmdline", "goroutine", "profile")


def set_verbosity(text: str) -> str:
    """Sets the root logger's level from a klog verbosity; returns what to tell. Raises ValueError."""
    if not re.fullmatch(r"\d{1,9}", text):
        raise ValueError(f"failed set klog.logging.verbosity {text[:40]!r}: not a number")
    logging.getLogger().setLevel(logging.DEBUG if int(text) >= DEBUG_VERBOSITY else logging.INFO)
    return f"successfully set klog.logging.verbosity to {text}"


def flagz_page(flags: Mapping[str, str]) -> str:
    lines = [f"{name}={value}" for name, value in sorted(flags.items())]
    return "\n".join(["", "kubelet flags", "Warning: This endpoint is not meant to be machine parseable, has no "
                      "formatting compatibility guarantees and is for debugging purposes only.", "", *lines, ""])


def statusz_page(started: float, now: float) -> str:
    up = int(max(0, now - started))
    begin = datetime.fromtimestamp(started, UTC)
    rows = (("Started", begin.strftime("%a %b %d %H:%M:%S UTC %Y")),
            ("Up", f"{up // 3600} hr {up % 3600 // 60:02} min {up % 60:02} sec"),
            ("Go version", f"none, Python {sys.version.split()[0]}"),
            ("Binary version", KUBERNETES_VERSION), ("Podwright version", PODWRIGHT_VERSION))
    return "\n".join(["", "kubelet statusz", "Warning: This endpoint is not meant to be machine parseable, has no "
                      "formatting compatibility guarantees and is for debugging purposes only.", "",
                      *(f"{name}: {value}" for name, value in rows), ""])


async def profile_page(name: str, query: Mapping[str, str]) -> str | None:
    """The page of `/debug/pprof/<name>`: Python's own stacks and profile; None for profiles that there are not."""
    if name == "":
        return "\n".join(["Profiles of this agent (Python, not Go's format):", *_PROFILES, ""])
    if name == "cmdline":
        return "\0".join(sys.argv)
    if name == "goroutine":
        return stacks()
    if name == "profile":
        return await profile(min(_seconds(query.get("seconds", "30")), MAX_PROFILE_SECONDS))
    return None


def _seconds(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 30.0


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


_profiling = threading.Lock()


async def profile(seconds: float) -> str:
    """What the event loop's thread spent its time in, by function."""
    import cProfile
    import pstats

    if not _profiling.acquire(blocking=False):
        return "another profile is being taken\n"
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


class HealthcheckMetrics(Collector):
    """kubernetes_healthcheck of /metrics/slis: 1 for a check that passes now."""

    def __init__(self, checks: Mapping[str, str]) -> None:
        self._checks = checks

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        metric = Metric("kubernetes_healthcheck", "Whether a health check passes", "gauge")
        for name, error in self._checks.items():
            metric.add_sample("kubernetes_healthcheck", {"name": name, "type": "healthz"}, 0.0 if error else 1.0)
        yield metric
