"""What the rooms of the agent tell to metrics: each method is handed to one room as its observer.

Labels as upstream's: `operation_type` of a worker is the kind of update, of a cgroup create, update or destroy;
`container_type` is container, init_container or ephemeral_container; `code` the reason of the failure.
"""

from typing import TYPE_CHECKING

from kubelet.api.meta import ContainerKind
from kubelet.api.types import Pod

if TYPE_CHECKING:
    from kubelet.metrics import KubeletMetrics

_CONTAINER_TYPES = {
    ContainerKind.REGULAR: "container", ContainerKind.INIT: "init_container",
    ContainerKind.EPHEMERAL: "ephemeral_container",
}


class WorkerMetrics:
    """Of the pod workers."""

    def __init__(self, metrics: "KubeletMetrics") -> None:
        self._metrics = metrics

    def created(self, pod: Pod) -> None:
        self._metrics.containers_per_pod_count.observe(len(pod.spec.containers))

    def started(self, seconds: float) -> None:
        self._metrics.pod_worker_start_duration_seconds.observe(seconds)

    def synced(self, kind: str, seconds: float) -> None:
        self._metrics.pod_worker_duration_seconds.labels(kind).observe(seconds)

    def restarted(self, *, static: bool) -> None:
        self._metrics.restarted_pods_total.labels("true" if static else "").inc()

    def orphan(self) -> None:
        self._metrics.orphaned_runtime_pods_total.inc()


class RuntimeMetrics:
    """Of what is made in the runtime and for it."""

    def __init__(self, metrics: "KubeletMetrics") -> None:
        self._metrics = metrics

    def container(self, kind: ContainerKind, code: str) -> None:
        """`code` "": a container is about to be started; else why that failed."""
        if code:
            self._metrics.started_containers_errors_total.labels(_CONTAINER_TYPES[kind], code).inc()
        else:
            self._metrics.started_containers_total.labels(_CONTAINER_TYPES[kind]).inc()

    def terminated(self, kind: ContainerKind, exit_code: int, reason: str) -> None:
        self._metrics.terminated_containers_total.labels(_CONTAINER_TYPES[kind], str(exit_code), reason).inc()

    def sandbox(self, handler: str, seconds: float, *, failed: bool) -> None:
        metrics = self._metrics
        metrics.started_pods_total.inc()
        metrics.run_podsandbox_duration_seconds.labels(handler).observe(seconds)
        if failed:
            metrics.started_pods_errors_total.inc()
            metrics.run_podsandbox_errors_total.labels(handler).inc()

    def pull(self, size_bytes: int, seconds: float) -> None:
        from kubelet.metrics import image_size_bucket

        self._metrics.image_pull_duration_seconds.labels(image_size_bucket(size_bytes)).observe(seconds)

    def cgroup(self, operation: str, seconds: float) -> None:
        self._metrics.cgroup_manager_duration_seconds.labels(operation).observe(seconds)
