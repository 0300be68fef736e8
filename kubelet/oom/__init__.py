"""When the kernel runs out of memory: whom it is told to spare (score), whom it has killed (kmsg, watcher)."""

from kubelet.oom.score import apply_own_score
from kubelet.oom.watcher import OomWatcher

__all__ = ["OomWatcher", "apply_own_score"]
