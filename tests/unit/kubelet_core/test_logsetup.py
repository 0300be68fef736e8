"""Which messages are written: the verbosity of all, and that of single files."""

import logging
from collections.abc import Iterator
from uuid import uuid4

import pytest

from kubelet.logsetup import module_level, set_up_logging, set_verbosity

DEBUG, INFO, NOTSET = logging.DEBUG, logging.INFO, logging.NOTSET


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root, kind = logging.getLogger(), logging.getLoggerClass()
    level, handlers = root.level, root.handlers[:]
    levels = {logger: logger.level for logger in root.manager.loggerDict.values() if isinstance(logger, logging.Logger)}
    yield
    for logger, before in levels.items():
        logger.setLevel(before)
    logging.setLoggerClass(kind)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize(("name", "vmodule", "level"), [
    ("kubelet.syncloop", [("syncloop", 4)], DEBUG), ("kubelet.syncloop", [("sync*", 9)], DEBUG),
    ("kubelet.syncloop", [("syncloop", 3)], INFO), ("kubelet.syncloop", [("loop", 4)], NOTSET),
    ("kubelet.syncloop", [("syncloop.py", 4)], NOTSET), ("kubelet.syncloop", [("sync????", 4)], DEBUG),
    ("kubelet.syncloop", [("sync*", 2), ("syncloop", 5)], INFO), ("pleg", [("pleg", 5)], DEBUG),
    ("kubelet.volumes.manager", [("kubelet/volumes/*", 4)], DEBUG), ("kubelet.volumes", [("kubelet", 4)], NOTSET),
])
def test_the_first_pattern_that_fits_counts(name: str, vmodule: list[tuple[str, int]], level: int) -> None:
    assert module_level(name, vmodule) == level


def test_files_are_told_apart_whether_they_are_imported_or_not(capsys: pytest.CaptureFixture[str]) -> None:
    early, late, quiet = (f"some.{name}{uuid4().hex}" for name in ("early", "late", "quiet"))
    known, still = logging.getLogger(early), logging.getLogger(quiet)
    set_up_logging(0, "text", [("early*", 4), ("some/late*", 5)])
    for logger in (known, logging.getLogger(late), still):
        logger.debug("detail of %s", logger.name)
    written = capsys.readouterr().err
    assert f"detail of {early}" in written
    assert f"detail of {late}" in written
    assert f"detail of {quiet}" not in written


def test_the_verbosity_of_all_can_change_while_files_keep_theirs(capsys: pytest.CaptureFixture[str]) -> None:
    name = f"some.quiet{uuid4().hex}"
    set_up_logging(4, "text", [("quiet*", 0)])
    logging.getLogger(name).debug("of the quiet one")
    logging.getLogger(f"other{uuid4().hex}").debug("first")
    assert set_verbosity("2") == "successfully set klog.logging.verbosity to 2"
    logging.getLogger(f"other{uuid4().hex}").debug("second")
    written = capsys.readouterr().err
    assert ("first" in written, "second" in written, "quiet one" in written) == (True, False, False)
    for wrong in ("", "x", "-1", "1 ", "1" * 10):
        with pytest.raises(ValueError, match="failed set klog"):
            set_verbosity(wrong)
