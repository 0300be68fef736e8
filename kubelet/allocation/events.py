"""The texts of resize events: a few words and the pod's resources as JSON (pkg/kubelet/events/resize.go)."""

from typing import Any

import msgspec

from kubelet.api import codec
from kubelet.api.types import Container, Pod, ResourceRequirements


def resize_message(pod: Pod, generation: int | None, what: str, error: str = "") -> str:
    summary: dict[str, Any] = {}
    for key, containers in (("initContainers", pod.spec.init_containers), ("containers", pod.spec.containers)):
        if containers:
            summary[key] = [_allocation(container) for container in containers]
    summary["generation"] = generation or 0
    if error:
        summary["error"] = error
    return f"Pod resize {what}: {msgspec.json.encode(summary).decode()}"


def _allocation(container: Container) -> dict[str, Any]:
    return {
        "name": container.name, "resources": codec.to_plain(container.resources or ResourceRequirements())
    }
