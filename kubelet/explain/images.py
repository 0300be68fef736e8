"""Images that come in just now, for containers that have not started: how far they are, or what they wait for."""

from collections.abc import Iterator

from kubelet.api.types import ContainerStatus
from kubelet.explain.facts import Case, Finding, PullView
from kubelet.timeline import Stage

_REASONS = ("RegistryUnavailable", "SignatureValidationFailed")
_PULL_ADVICE = "a large image, or a slow registry or network; the pull goes on by itself"
_QUEUE_ADVICE = "pulls go one by one here; serializeImagePulls: false in the kubelet's configuration changes that"


def is_of_image(reason: str) -> bool:
    """Whether a waiting reason says that the image cannot be had."""
    return "Image" in reason or reason in _REASONS


def of_pulls(case: Case) -> Iterator[Finding]:
    spec = case.pod.spec
    wanted = [(container.name, container.image) for container in (*spec.init_containers, *spec.containers)]
    wanted += [(container.name, container.image) for container in spec.ephemeral_containers]
    started = {status.name for status in _statuses(case) if status.state and not status.state.waiting}
    asking = {step.subject: step.since for step in case.worker.steps
              if step.stage is Stage.PULL} if case.worker else {}
    for name, image in wanted:
        pull = case.pulls.get(image) or case.pulls.get(f"{image}:latest")
        if name in started:
            continue
        if pull is not None:
            yield Finding(f"its image {image}, which is being pulled{_progress(pull)}", subject=name, reason="Pulling",
                          since=pull.since, last_error=_last_error(case, name), advice=_PULL_ADVICE)
        elif name in asking and case.pulls:
            others = ", ".join(sorted(case.pulls))
            yield Finding(f"its image {image}, which is pulled after {others}", subject=name, reason="Pulling",
                          since=asking[name], last_error=_last_error(case, name), advice=_QUEUE_ADVICE)


def _statuses(case: Case) -> tuple[ContainerStatus, ...]:
    status = case.pod.status
    return (*status.init_container_statuses, *status.container_statuses, *status.ephemeral_container_statuses)


def _last_error(case: Case, name: str) -> str:
    """What the pull before failed of, as the container's status still says."""
    waiting = next((each.state.waiting for each in _statuses(case) if each.name == name and each.state), None)
    return waiting.message if waiting and is_of_image(waiting.reason) else ""


def _progress(pull: PullView) -> str:
    if not pull.total_bytes:
        return ""
    parts = f"{_mebibytes(pull.current_bytes)} of {_mebibytes(pull.total_bytes)}"
    if pull.current_bytes >= pull.total_bytes:
        return f": {parts} have come, it is being unpacked"
    return f": {parts}, {_mebibytes(pull.bytes_per_second)}/s"


def _mebibytes(count: float) -> str:
    return f"{count / 2**20:.1f} MiB"
