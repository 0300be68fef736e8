"""Container logs in CRI format at the path that the kubelet gives.

How they get there is decided in `docs/decisions/`; callers only do what `ContainerLogs` says.
"""

from dockershim.logs.client import ContainerLogs, LogError, LogSetup, LogTarget

__all__ = ["ContainerLogs", "LogError", "LogSetup", "LogTarget"]
