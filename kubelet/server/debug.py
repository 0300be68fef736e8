"""The agent's verbosity, changed while it runs (PUT /debug/flags/v)."""

import logging
import re

DEBUG_VERBOSITY = 4
"""From this klog verbosity on, debug messages are written."""


def set_verbosity(text: str) -> str:
    """Sets the root logger's level from a klog verbosity; returns what to tell. Raises ValueError."""
    if not re.fullmatch(r"\d{1,9}", text):
        raise ValueError(f"failed set klog.logging.verbosity {text[:40]!r}: not a number")
    logging.getLogger().setLevel(logging.DEBUG if int(text) >= DEBUG_VERBOSITY else logging.INFO)
    return f"successfully set klog.logging.verbosity to {text}"
