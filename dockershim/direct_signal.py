"""Signals straight to a container's first process.

The engine sends a signal by starting the runtime's program, which costs 20 ms of processor time on a small machine; two
such make a quarter of what ending a pod costs. Who the process is, is sure: the descriptor names it for as long as it
lives, and its cgroup names the container.
"""

import os
import signal
from pathlib import Path

from dockershim.facts import EngineFacts

PLAIN_RUNTIMES = frozenset(("runc", "crun", "io.containerd.runc.v2"))
"""Runtimes whose containers are processes of this host's kernel, and nothing else."""


def is_possible(runtime_handler: str, facts: EngineFacts) -> bool:
    """`runtime_handler` as records have it: empty for runc or the engine's default."""
    return runtime_handler in PLAIN_RUNTIMES or (not runtime_handler and facts.default_runtime in PLAIN_RUNTIMES)


def send(pid: int, container_id: str, number: signal.Signals, proc: Path = Path("/proc")) -> bool:
    """False when the process is not there or is not that container's: then the engine has to do it."""
    try:
        process = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if container_id not in (proc / str(pid) / "cgroup").read_text():
            return False
        signal.pidfd_send_signal(process, number)
    except OSError:
        return False
    finally:
        os.close(process)
    return True
