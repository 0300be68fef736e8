"""For all suites."""

import asyncio
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

OWN_CLUSTER = frozenset({"test_soak.py", "test_kubeadm.py"})
"""Files of tests/cluster that take minutes and nothing from the others: whoever has time runs them."""
# How long an example takes says something of the machine, which may be busy, and nothing of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


class SuiteScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Who shares a node or a cluster stays together when the run has several workers; unit tests go by file. What takes
    long begins first, so that the workers end together."""

    def __init__(self, config: pytest.Config, log: object) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # as collected, see below, and not by the number of tests

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        suite, name = Path(file).parts[1], Path(file).name
        return file if suite == "unit" or name in OWN_CLUSTER else suite


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> SuiteScheduling:
    return SuiteScheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """For several workers: the files with a cluster of their own, then the suites, then the unit tests to fill up with.
    """
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: (item.path.name not in OWN_CLUSTER, Path(item.nodeid).parts[1] == "unit"))


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
