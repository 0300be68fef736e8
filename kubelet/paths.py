"""Where the kubelet keeps what belongs to a pod, on disk (pkg/kubelet/kubelet_getters.go, kuberuntime/legacy.go).

    <root>/pods/<uid>/volumes/kubernetes.io~<plugin>/<volume>      what containers mount
                     /plugins/kubernetes.io~<plugin>/<volume>      a plugin's own notes (emptyDir: the file `ready`)
                     /containers/<container>/<random>              termination messages
                     /volume-subpaths/<volume>/<container>/<n>     bind mounts of subPath
                     /etc-hosts
    <pod logs>/<namespace>_<pod>_<uid>/<container>/<restart>.log

All functions are pure; nothing here touches the disk.
"""

from pathlib import Path
from typing import Final

from kubelet.api.meta import PodUID
from kubelet.api.types import Pod

POD_LOGS_DIR: Final = Path("/var/log/pods")
CONTAINER_LOGS_DIR: Final = Path("/var/log/containers")
MAX_FILE_NAME: Final = 255
"""Longest file name of ext4, in bytes."""


def pods_dir(root: Path) -> Path:
    return root / "pods"


def pod_dir(root: Path, uid: PodUID) -> Path:
    return pods_dir(root) / uid


def volumes_dir(root: Path, uid: PodUID) -> Path:
    return pod_dir(root, uid) / "volumes"


def escape_plugin(plugin: str) -> str:
    """`kubernetes.io/empty-dir` -> `kubernetes.io~empty-dir`, the name of a plugin's directory."""
    return plugin.replace("/", "~")


def volume_dir(root: Path, uid: PodUID, plugin: str, volume: str) -> Path:
    return volumes_dir(root, uid) / escape_plugin(plugin) / volume


def plugin_data_dir(root: Path, uid: PodUID, plugin: str, volume: str) -> Path:
    return pod_dir(root, uid) / "plugins" / escape_plugin(plugin) / volume


def subpaths_dir(root: Path, uid: PodUID) -> Path:
    return pod_dir(root, uid) / "volume-subpaths"


def subpath_target(root: Path, uid: PodUID, volume: str, container: str, index: int) -> Path:
    """Where the subPath of a container's volumeMount number `index` is bind-mounted."""
    return subpaths_dir(root, uid) / volume / container / str(index)


def container_dir(root: Path, uid: PodUID, container: str) -> Path:
    """Holds one termination message file per instance of the container."""
    return pod_dir(root, uid) / "containers" / container


def etc_hosts(root: Path, uid: PodUID) -> Path:
    return pod_dir(root, uid) / "etc-hosts"


def pod_log_dir(logs: Path, pod: Pod) -> Path:
    meta = pod.metadata
    return logs / f"{meta.namespace}_{meta.name}_{meta.uid}"


def container_log_path(container: str, restart_count: int) -> str:
    """Relative to the pod's log directory, as CRI's ContainerConfig.log_path wants it."""
    return f"{container}/{restart_count}.log"


def legacy_symlink(pod: Pod, container: str, container_id: str, directory: Path = CONTAINER_LOGS_DIR) -> Path:
    """The link that log collectors follow; its name is cut so that it fits into a file name with its suffix."""
    stem = f"{pod.metadata.name}_{pod.metadata.namespace}_{container}-{container_id}"
    return directory / (stem[: MAX_FILE_NAME - len(".log")] + ".log")
