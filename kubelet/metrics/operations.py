"""The `operation_type` of CRI calls in kubelet_runtime_operations_* (kuberuntime/instrumented_services.go)."""

import re

_NAMES = {
    "RunPodSandbox": "run_podsandbox", "StopPodSandbox": "stop_podsandbox", "RemovePodSandbox": "remove_podsandbox",
    "PodSandboxStatus": "podsandbox_status", "ListPodSandbox": "list_podsandbox",
    "UpdateContainerResources": "update_container", "ExecSync": "exec_sync", "PodSandboxStats": "podsandbox_stats",
    "ListPodSandboxStats": "list_podsandbox_stats", "ListPodSandboxMetrics": "list_podsandbox_metrics",
    "UpdatePodSandboxResources": "update_podsandbox_resources", "GetContainerEvents": "get_container_events",
}
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


def operation_type(method: str) -> str:
    """`ListContainers` → `list_containers`, with the exceptions that upstream's names have."""
    name = _NAMES.get(method)
    if name is None:
        name = _NAMES[method] = _CAPITAL.sub("_", method).lower()
    return name
