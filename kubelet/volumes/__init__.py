"""The volumes of pods: set up before containers start, kept current, taken down after they end.

    manager    VolumeManager: all pods; waits, back-off, recovery
    setup      one volume: dispatch over types            content   collects objects, fields, tokens
    plugins    emptyDir, hostPath, content on disk        payload   objects → files (pure)
    atomic     switches a set of files at once            ownership fsGroup
    subpath    bind-mounts a subPath safely               teardown  unmounts, never deletes behind a mount
"""

from kubelet.volumes.content import ContentSource
from kubelet.volumes.manager import VolumeManager
from kubelet.volumes.types import MountedVolume, MountError, UnmountError, VolumeError

__all__ = ["ContentSource", "MountError", "MountedVolume", "UnmountError", "VolumeError", "VolumeManager"]
