"""Process-wide logging: one line per message on standard error, as text or JSON, at the verbosity asked for.

Upstream's levels are kept in meaning: `-v 0` to 1 shows what an operator needs, 4 and above what a developer needs.
`--vmodule` gives files a verbosity of their own: `syncloop=4` is kubelet/syncloop.py, `kubelet/volumes/*=4` has a slash
and so is compared with the whole path. The first pattern that fits a file counts.
"""

import json
import logging
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase

DEBUG_VERBOSITY = 4
"""From this klog verbosity on, debug messages are written."""
_LETTERS = {logging.DEBUG: "D", logging.INFO: "I", logging.WARNING: "W", logging.ERROR: "E", logging.CRITICAL: "F"}


class TextFormatter(logging.Formatter):
    """`I1121 05:25:11.012345 kubelet.syncloop] message`: klog's header, with the module in place of the file."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created)
        head = f"{_LETTERS.get(record.levelno, 'I')}{moment:%m%d %H:%M:%S.%f} {record.name}] "
        return head + _message(self, record)


class JsonFormatter(logging.Formatter):
    """One JSON object per line: ts (ms), v or level, logger, msg (component-base/logs/json)."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "ts": round(record.created * 1000, 3),
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(), "logger": record.name, "msg": _message(self, record),
        }
        return json.dumps(entry, ensure_ascii=False)


def _message(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    text = record.getMessage()
    if record.exc_info:
        text += "\n" + formatter.formatException(record.exc_info)
    return text


def set_up_logging(verbosity: int = 0, style: str = "text", vmodule: Sequence[tuple[str, int]] = ()) -> None:
    """Send every logger to standard error. `style` is `text` or `json`; `vmodule` has (file pattern, verbosity)."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    logging.basicConfig(level=_level(verbosity), handlers=[handler], force=True)
    # These libraries tell at INFO what only their own developers want to know.
    for chatty in ("aiohttp.access", "asyncio", "grpc", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    if vmodule:
        _follow(vmodule)


def set_verbosity(text: str) -> str:
    """Another verbosity while the agent runs (PUT /debug/flags/v); returns what to tell. Raises ValueError."""
    if not re.fullmatch(r"\d{1,9}", text):
        raise ValueError(f"failed set klog.logging.verbosity {text[:40]!r}: not a number")
    logging.getLogger().setLevel(_level(int(text)))
    return f"successfully set klog.logging.verbosity to {text}"


def module_level(name: str, vmodule: Sequence[tuple[str, int]]) -> int:
    """The level of the logger `name`, which is a module's; NOTSET when no pattern fits it."""
    path = name.replace(".", "/")
    for pattern, verbosity in vmodule:
        if fnmatchcase(path if "/" in pattern else path.rpartition("/")[2], pattern):
            return _level(verbosity)
    return logging.NOTSET


def _level(verbosity: int) -> int:
    return logging.DEBUG if verbosity >= DEBUG_VERBOSITY else logging.INFO


def _follow(vmodule: Sequence[tuple[str, int]]) -> None:
    """Loggers that are there get their level now, and later ones when their modules are imported."""
    class ModuleLogger(logging.Logger):
        def __init__(self, name: str, level: int = logging.NOTSET) -> None:
            super().__init__(name, level or module_level(name, vmodule))

    logging.setLoggerClass(ModuleLogger)
    for name, known in logging.root.manager.loggerDict.items():
        if isinstance(known, logging.Logger) and (level := module_level(name, vmodule)):
            known.setLevel(level)
