"""The processes of an exec, found in /proc and killed.

They are the first one, its descendants, all of its session, and those that carry the exec's mark in their environment:
a command that has made itself a daemon (setsid, fork, exit) is neither of the first three any more.
"""

import contextlib
import os
import secrets
import signal
from collections.abc import Mapping
from pathlib import Path

PROC = Path("/proc")
_ROUNDS = 5


def new_mark() -> str:
    """An environment variable that only one exec's processes have."""
    return f"PODWRIGHT_EXEC={secrets.token_hex(8)}"


def process_tree(root: int, processes: Mapping[int, tuple[int, int]]) -> set[int]:
    """`root`, its descendants, and all of its session: the runtime makes every exec a session of its own.

    `processes` maps a pid to its parent's pid and its session. Pure.
    """
    tree = {pid for pid, (_, session) in processes.items() if session == root} | {root}
    grew = True
    while grew:
        children = {pid for pid, (parent, session) in processes.items() if parent in tree or session in tree}
        grew = not children <= tree
        tree |= children
    return tree


def read_processes(proc: Path = PROC) -> dict[int, tuple[int, int]]:
    found: dict[int, tuple[int, int]] = {}
    for entry in proc.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # pid (comm) state ppid pgrp session …; comm may hold anything, also spaces and brackets
                state, parent, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
                if state not in "ZX":  # dead already, whoever has to reap it
                    found[int(entry.name)] = int(parent), int(session)
    return found


def marked(mark: str, processes: Mapping[int, tuple[int, int]], proc: Path = PROC) -> set[int]:
    """Those of `processes` that were started with `mark` in their environment."""
    found = set()
    wanted = mark.encode()
    for pid in processes:
        with contextlib.suppress(OSError):
            if wanted in (proc / str(pid) / "environ").read_bytes().split(b"\0"):
                found.add(pid)
    return found


def kill_all(root: int, mark: str = "") -> None:
    """SIGKILL until none is left: what forks while it is killed gets another round. `root` 0: it is gone already.

    All are stopped first, so that none goes on to its next step because another one ended.
    """
    for _ in range(_ROUNDS):
        processes = read_processes()
        doomed = process_tree(root, processes) & processes.keys() if root else set()
        if mark:
            for pid in marked(mark, processes):
                doomed |= process_tree(pid, processes) & processes.keys()
        if not doomed:
            return
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in doomed:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
