"""The table of the pods, kept up to date on a terminal."""

import shutil
import time
from collections.abc import Callable
from typing import Any

from kubelet.operator.client import AskError, ask
from kubelet.operator.render import pods_table

_CLEAR = "\x1b[H\x1b[J"
_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


def watch(
    socket_path: str, interval: float, out: Any, sleep: Callable[[float], None] = time.sleep, footer: str = ""
) -> int:
    """The live table, with `footer` below it on a terminal, until Ctrl-C; it outlives restarts of the agent."""
    terminal = out.isatty()
    shown, seen_agent = "", False
    if terminal:
        out.write(_HIDE_CURSOR)
    try:
        while True:
            size = shutil.get_terminal_size()
            try:
                got = ask(socket_path, "pods")
                text, seen_agent = pods_table(got, size.columns if terminal else None), True
            except AskError as error:
                if not seen_agent:
                    raise
                text = f"{shown.partition(chr(10) * 2)[0]}\n\n{error}"
            if terminal:
                foot = ["", footer] if footer else []
                lines = [*text.splitlines()[: max(1, size.lines - 1 - len(foot))], *foot]
                out.write(_CLEAR + "\n".join(lines) + "\n")
            elif text != shown:
                out.write(text + "\n\n")
            out.flush()
            shown = text
            sleep(interval)
    except KeyboardInterrupt:
        return 0
    finally:
        if terminal:
            out.write(_SHOW_CURSOR)
            out.flush()
