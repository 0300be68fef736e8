"""Turns what the runtime does into pod lifecycle events; see pleg.generator for the story."""

from pleg.cache import PodCache
from pleg.diff import EventKind, PodLifecycleEvent, diff
from pleg.generator import Mode, Pleg, PlegStats, Timing
from pleg.inspection import Runtime

__all__ = ["EventKind", "Mode", "Pleg", "PlegStats", "PodCache", "PodLifecycleEvent", "Runtime", "Timing", "diff"]
