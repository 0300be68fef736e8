"""Container logs in CRI format at the path that the kubelet gives.

    container ─▶ dockerd ─▶ json-file ─(inotify)─▶ log process ─▶ CRI file at log_path
                                                        ▲
    dockershim ── ContainerLogs ── unix socket ─────────┘   follow, drain, reopen, forget

The engine writes what a container says to its json-file whether we are there or not: nobody's death loses a line or
blocks a container. The log process turns it into CRI lines, and because those are a function of the json-file alone, a
position in it and the size of the CRI file are all that it takes to go on exactly where a killed one stopped. Why so:
`docs/decisions/container-logs-follow-json-file.md`.

The log process (`python -m dockershim.logs`) shares this package, so nothing heavy is imported until it is asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dockershim.logs.client import ContainerLogs, LogError, LogSetup, LogTarget

__all__ = ["ContainerLogs", "LogError", "LogSetup", "LogTarget"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from dockershim.logs import client

        return getattr(client, name)
    raise AttributeError(name)
