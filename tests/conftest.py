"""For all suites."""

import asyncio
from collections.abc import Generator

import pytest


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
