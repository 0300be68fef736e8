"""Pods and runtime states for the tests of this folder, in as few words as possible."""

from typing import Any

from kubelet.api.types import (
    Container,
    ContainerRestartRule,
    ContainerRestartRuleOnExitCodes,
    ObjectMeta,
    Pod,
    PodSpec,
    PodStatus,
)
from kubelet.podstatus import StatusContext, generate_pod_status
from pleg.state import ContainerID, ContainerStatus, PodRuntimeStatus, RunState, SandboxID, SandboxStatus

SECOND = 10**9
NOW = 1_700_000_000.0
NOW_TEXT = "2023-11-14T22:13:20Z"


def container(name: str = "app", **fields: Any) -> Container:
    return Container(name=name, image=f"{name}:1", **fields)


def sidecar(name: str = "side", **fields: Any) -> Container:
    return container(name, restart_policy="Always", **fields)


def restart_all_on(code: int) -> tuple[ContainerRestartRule, ...]:
    return (ContainerRestartRule(
        action="RestartAllContainers", exit_codes=ContainerRestartRuleOnExitCodes(operator="In", values=(code,))
    ),)


def pod(
    *containers: Container, init: tuple[Container, ...] = (), policy: str = "Always", status: PodStatus | None = None,
    deleted: bool = False, static: bool = False, generation: int | None = 3, **spec: Any,
) -> Pod:
    return Pod(
        metadata=ObjectMeta(
            name="p", namespace="ns", uid="u1", generation=generation,
            deletion_timestamp=NOW_TEXT if deleted else "",
            annotations={"kubernetes.io/config.source": "file", "kubernetes.io/config.hash": "u1"} if static else {},
        ),
        spec=PodSpec(containers=containers or (container(),), init_containers=init, restart_policy=policy, **spec),
        status=status or PodStatus(phase="Pending"),
    )


def sandbox(ready: bool = True, ips: tuple[str, ...] = ("10.0.0.5",), id: str = "s1", **fields: Any) -> SandboxStatus:
    return SandboxStatus(SandboxID(id), fields.pop("attempt", 0), ready, SECOND, ips, **fields)


def running(name: str = "app", at: int = 1_700_000_000, **fields: Any) -> ContainerStatus:
    return _found(name, RunState.RUNNING, at, **fields)


def exited(name: str = "app", code: int = 0, at: int = 1_700_000_000, **fields: Any) -> ContainerStatus:
    fields = {"reason": "Completed" if code == 0 else "Error", "finished_at": (at + 5) * SECOND} | fields
    return _found(name, RunState.EXITED, at, exit_code=code, **fields)


def created(name: str = "app", at: int = 1_700_000_000, **fields: Any) -> ContainerStatus:
    return _found(name, RunState.CREATED, at, started_at=0, **fields)


def lost(name: str = "app", at: int = 1_700_000_000, **fields: Any) -> ContainerStatus:
    return _found(name, RunState.UNKNOWN, at, **fields)


def _found(name: str, state: RunState, at: int, **fields: Any) -> ContainerStatus:
    fields = {
        "id": ContainerID(f"{name}-{fields.get('restart_count', 0)}"), "sandbox_id": SandboxID("s1"),
        "started_at": at * SECOND, "image": f"{name}:1", "image_ref": f"sha256:{name}",
    } | fields
    return ContainerStatus(name=name, state=state, created_at=at * SECOND, **fields)


def runtime(*containers: ContainerStatus, sandboxes: tuple[SandboxStatus, ...] | None = None) -> PodRuntimeStatus:
    newest_first = tuple(sorted(containers, key=lambda found: found.created_at, reverse=True))
    return PodRuntimeStatus("u1", "p", "ns", (sandbox(),) if sandboxes is None else sandboxes, newest_first)


def generate(
    of: Pod, seen: PodRuntimeStatus | None, previous: PodStatus | None = None, **context: Any
) -> PodStatus:
    context = {"now": NOW, "host_ips": ("192.0.2.1",)} | context
    return generate_pod_status(of, seen, of.status if previous is None else previous, StatusContext(**context))


def condition(status: PodStatus, type_: str) -> tuple[str, str, str]:
    """(status, reason, message)"""
    (found,) = [condition for condition in status.conditions if condition.type == type_]
    return found.status, found.reason, found.message
