"""Graceful node shutdown: pods end in their order before the machine does.

    logind ── PrepareForShutdown(true) ──▶ ShutdownManager ──▶ groups of pods by priority, one after the other
       ◀── delay lock released ───────────────────┘            statuses are sent, then the lock is let go

plan (who ends when) is pure, logind speaks D-Bus, record is the state file. Source: pkg/kubelet/nodeshutdown.
"""

from kubelet.nodeshutdown.logind import Logind, LogindError
from kubelet.nodeshutdown.manager import ShutdownManager
from kubelet.nodeshutdown.plan import ShutdownGroup, shutdown_groups
from kubelet.nodeshutdown.record import STATE_FILE, ShutdownRecord

__all__ = [
    "STATE_FILE", "Logind", "LogindError", "ShutdownGroup", "ShutdownManager", "ShutdownRecord", "shutdown_groups",
]
