"""The closed error tree of the network room.

Every error carries `code`, so that the CRI server maps it by a table and never by its text.
"""

import enum


class NetworkErrorCode(enum.Enum):
    NOT_READY = "not_ready"
    """No usable network configuration: retry once there is one (upstream: `NetworkPluginNotReady`)."""
    CONFIG = "config"
    """A configuration file cannot be used."""
    PLUGIN = "plugin"
    """A plugin said no, crashed, or printed something that is not CNI."""
    DEADLINE = "deadline"
    """A plugin did not end in time and was killed."""
    NAMESPACE = "namespace"
    """The sandbox's network namespace is gone or cannot be entered."""
    CACHE = "cache"
    """The record of an earlier ADD cannot be read or written."""


class NetworkError(Exception):
    """Base of all errors that leave `dockershim.network`; `retriable` is whether the same call may succeed later."""

    code = NetworkErrorCode.PLUGIN
    retriable = True


class NetworkNotReadyError(NetworkError):
    code = NetworkErrorCode.NOT_READY


class NetworkConfigError(NetworkError):
    """`path` is the file, `where` the place in it (`line 3 column 7` or `plugins[1].type`)."""

    code = NetworkErrorCode.CONFIG
    retriable = False

    def __init__(self, path: str, where: str, problem: str) -> None:
        super().__init__(f"{path}: {where}: {problem}" if where else f"{path}: {problem}")
        self.path = path
        self.where = where
        self.problem = problem


class PluginError(NetworkError):
    """`plugin` failed at `operation` for `sandbox_id` (empty where it is about none); `cni_code` is the plugin's own
    code where it printed one."""

    code = NetworkErrorCode.PLUGIN

    def __init__(self, plugin: str, operation: str, sandbox_id: str, problem: str, cni_code: int | None = None) -> None:
        whose = f" for sandbox {sandbox_id!r}" if sandbox_id else ""
        super().__init__(f'plugin type="{plugin}" failed ({operation.lower()}){whose}: {problem}')
        self.plugin = plugin
        self.operation = operation
        self.sandbox_id = sandbox_id
        self.problem = problem
        self.cni_code = cni_code


class PluginDeadlineError(PluginError):
    code = NetworkErrorCode.DEADLINE


class NamespaceError(NetworkError):
    code = NetworkErrorCode.NAMESPACE


class CacheError(NetworkError):
    code = NetworkErrorCode.CACHE
