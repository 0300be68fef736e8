"""Process-wide logging: one line per message on standard error, as text or JSON, at the verbosity asked for.

Upstream's levels are kept in meaning: `-v 0` to 1 shows what an operator needs, 4 and above what a developer needs.
"""

import json
import logging
import sys
from datetime import UTC, datetime

DEBUG_VERBOSITY = 4
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


def set_up_logging(verbosity: int = 0, style: str = "text") -> None:
    """Send every logger to standard error. `style` is `text` or `json`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    logging.basicConfig(
        level=logging.DEBUG if verbosity >= DEBUG_VERBOSITY else logging.INFO, handlers=[handler], force=True
    )
    # These libraries tell at INFO what only their own developers want to know.
    for chatty in ("aiohttp.access", "asyncio", "grpc", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
