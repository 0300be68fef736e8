"""One serial state machine per pod UID: `machine` is the pure table, `workers` runs it."""

from kubelet.podworkers.interrupt import Interrupt, SyncInterruptedError
from kubelet.podworkers.machine import KillOptions, PodUpdate, PodWork, UpdateKind, Verdict, WorkPhase
from kubelet.podworkers.workers import PodSyncer, PodSyncError, PodWorkers, Synced, Worker

__all__ = [
    "Interrupt", "KillOptions", "PodSyncError", "PodSyncer", "PodUpdate", "PodWork", "PodWorkers",
    "SyncInterruptedError", "Synced", "UpdateKind", "Verdict", "WorkPhase", "Worker",
]
