"""The pods that this node is told to run, and how static pods and their mirrors belong together.

Pods from files and URLs are static: the API server holds a mirror of each, under the same full name but another UID.
Workers, statuses and probes only ever see the static pod; its mirror is looked up here
(pkg/kubelet/pod/pod_manager.go).
"""

from kubelet.api.meta import PodUID, full_name, is_mirror, is_static, pod_uid
from kubelet.api.types import Pod


class PodManager:
    def __init__(self) -> None:
        self._pods: dict[PodUID, Pod] = {}
        self._by_full_name: dict[str, PodUID] = {}
        self._mirrors: dict[str, Pod] = {}

    def put(self, pod: Pod) -> None:
        """Add or replace a pod or a mirror."""
        if is_mirror(pod):
            self._mirrors[full_name(pod)] = pod
            return
        self._pods[pod_uid(pod)] = pod
        self._by_full_name[full_name(pod)] = pod_uid(pod)

    def remove(self, pod: Pod) -> None:
        """Forget a pod or a mirror. One of the same name that came in the meantime stays."""
        name = full_name(pod)
        if is_mirror(pod):
            known = self._mirrors.get(name)
            if known is not None and known.metadata.uid == pod.metadata.uid:
                del self._mirrors[name]
            return
        self._pods.pop(pod_uid(pod), None)
        if self._by_full_name.get(name) == pod_uid(pod):
            del self._by_full_name[name]

    def pods(self) -> list[Pod]:
        """All pods without the mirrors."""
        return list(self._pods.values())

    def mirrors(self) -> list[Pod]:
        return list(self._mirrors.values())

    def get(self, uid: PodUID) -> Pod | None:
        return self._pods.get(uid)

    def by_name(self, namespace: str, name: str) -> Pod | None:
        uid = self._by_full_name.get(f"{name}_{namespace}")
        return self._pods.get(uid) if uid else None

    def mirror_of(self, pod: Pod) -> Pod | None:
        """The API server's copy of a static pod; None for pods that need none or whose mirror is not there."""
        return self._mirrors.get(full_name(pod)) if is_static(pod) else None

    def static_of(self, mirror: Pod) -> Pod | None:
        uid = self._by_full_name.get(full_name(mirror))
        pod = self._pods.get(uid) if uid else None
        return pod if pod is not None and is_static(pod) else None

    def orphaned_mirrors(self) -> list[Pod]:
        """Mirrors whose static pod is gone: to be deleted from the API server."""
        return [mirror for mirror in self._mirrors.values() if self.static_of(mirror) is None]
