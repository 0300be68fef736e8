"""For all suites."""

import asyncio
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

SUITES = Path(__file__).parent
# How long an example takes says something of the machine, which may be busy, and nothing of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.hookimpl(tryfirst=True)  # before the one that reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who shares a node or a cluster stays together when the run has several workers (`--dist loadgroup`).

    `tests/node` is one group and so is what uses the session's `cluster`; a file that makes a cluster of its own is a
    group by itself; unit tests go to whoever has time.
    """
    for item in items:
        suite = item.path.relative_to(SUITES).parts[0]
        if suite == "node" or "cluster" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group(suite))
        elif suite == "cluster":
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call() -> Generator[None, object, object]:
    """looptime asks for an event loop around every test, also those that need none: close what it made."""
    before = _current_loop()
    try:
        return (yield)
    finally:
        made = _current_loop()
        if made is not None and made is not before and not made.is_running():
            made.close()
            asyncio.set_event_loop(before)


def _current_loop() -> asyncio.AbstractEventLoop | None:
    """The policy's loop, without making one."""
    return getattr(getattr(asyncio.get_event_loop_policy(), "_local", None), "_loop", None)
