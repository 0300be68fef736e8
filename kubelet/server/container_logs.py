"""Which container instance's log a request means: pure, from the pod's status (kubelet_pods.go).

The newest instance that has run, or with `previous` the one before; texts are those that `kubectl logs` shows.
"""

from kubelet.api.types import ContainerStatus, Pod


class NoLogError(Exception):
    """There is no log (yet): HTTP 400; the message is the body."""


def container_to_read(pod: Pod, container: str, *, previous: bool) -> str:
    """The id (without its runtime's `name://`) of the instance whose log is meant. Raises NoLogError."""
    status = _status(pod, container)
    name = pod.metadata.name
    if status is None:
        raise NoLogError(f'container "{container}" in pod "{name}" is not available')
    return _bare(_instance(status, container, name, previous=previous))


def running_container(pod: Pod, container: str) -> str:
    """The id of the instance that runs, as far as the status tells; empty when none does."""
    status = _status(pod, container)
    return _bare(status.container_id) if status and status.state and status.state.running else ""


def _instance(status: ContainerStatus, container: str, pod: str, *, previous: bool) -> str:
    state, last = status.state, status.last_state.terminated if status.last_state else None
    where = f'container "{container}" in pod "{pod}"'
    if previous:
        if last is None or not last.container_id:
            raise NoLogError(f"previous terminated {where} not found")
        return last.container_id
    if state is not None and state.running is not None:
        return status.container_id
    if state is not None and state.terminated is not None and state.terminated.container_id:
        return state.terminated.container_id
    if last is not None and last.container_id:
        return last.container_id
    if last is not None or (state is not None and state.terminated is not None):
        raise NoLogError(f"{where} is terminated")
    raise NoLogError(f"{where} is waiting to start{_why(state.waiting.reason if state and state.waiting else None)}")


def _why(reason: str | None) -> str:
    if reason is None:
        return " - no logs yet"
    if reason == "ErrImagePull":
        return ": image can't be pulled"
    if reason == "ImagePullBackOff":
        return ": trying and failing to pull image"
    return f": {reason}"


def _status(pod: Pod, container: str) -> ContainerStatus | None:
    status = pod.status
    lists = (status.container_statuses, status.init_container_statuses, status.ephemeral_container_statuses)
    return next((found for statuses in lists for found in statuses if found.name == container), None)


def _bare(container_id: str) -> str:
    return container_id.partition("://")[2] or container_id
